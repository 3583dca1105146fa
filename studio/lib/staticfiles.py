"""Static files under names that carry their hash, so that browsers keep them for ever."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.staticfiles.storage import HashedFilesMixin
from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

_RULES = HashedFilesMixin._js_module_import_aggregation_patterns[1]  # type: ignore[attr-defined]  # not in the stubs


_OURS = re.compile(r"js/[^/]+\.js")
_COMMENT = re.compile(r"^[ \t]*//.*\n", re.MULTILINE)


def lean(script: str) -> str:
    """A script of ours as it travels: without the lines that are only comments."""
    return _COMMENT.sub("", script)


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # not typed
    """Renames what our ES modules import too, so that a module and what it imports never differ.

    Other people's scripts are left alone: what looks like an import there may be a comment.
    """

    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = ("js/*.js", _RULES)

    def save(self, name: str, content: Any, max_length: int | None = None) -> str:
        """Keep a collected file; a seventh of our scripts is words for those who read them here."""
        if _OURS.fullmatch(name):
            content = ContentFile(lean(content.read().decode()).encode())
        return str(super().save(name, content, max_length))
