"""Static files under names that carry their hash, so that browsers keep them for ever."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from typing import Any

from django.contrib.staticfiles.storage import HashedFilesMixin
from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

_OURS = "js/*.js"
_RULES = HashedFilesMixin._js_module_import_aggregation_patterns[1]  # type: ignore[attr-defined]  # not in the stubs
_COMMENT_LINES = re.compile(rb"^[ \t]*//.*\n", re.MULTILINE)


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # not typed
    """Renames what our ES modules import too, so that a module and what it imports never differ.

    Browsers get our modules without the lines that are comments. Other people's scripts are left
    alone: what looks like an import or a comment there may be something else.
    """

    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = (_OURS, _RULES)

    def _save(self, name: str, content: Any) -> Any:
        if fnmatch(name, _OURS):
            content = ContentFile(without_comments(b"".join(content.chunks())))
        return super()._save(name, content)


def without_comments(script: bytes) -> bytes:
    """A module of ours without its lines of comment; no text of ours has a line that begins so."""
    return _COMMENT_LINES.sub(b"", script)
