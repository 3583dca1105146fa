"""Static files under names that carry their hash, so that browsers keep them for ever."""

from __future__ import annotations

from django.contrib.staticfiles.storage import HashedFilesMixin
from whitenoise.storage import CompressedManifestStaticFilesStorage

_RULES = HashedFilesMixin._js_module_import_aggregation_patterns[1]  # type: ignore[attr-defined]  # not in the stubs


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # not typed
    """Renames what our ES modules import too, so that a module and what it imports never differ.

    Other people's scripts are left alone: what looks like an import there may be a comment.
    """

    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = ("js/*.js", _RULES)
