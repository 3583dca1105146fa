"""Static files under names that carry their hash, so that browsers keep them for ever."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # not typed
    """Renames what ES modules import too, so that a module and what it imports never differ."""

    support_js_module_import_aggregation = True
