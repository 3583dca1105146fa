"""Static files under names that carry their hash, so that browsers keep them for ever."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import HashedFilesMixin
from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

from studio.lib.lean import lean_script, lean_style, words_of

_RULES = HashedFilesMixin._js_module_import_aggregation_patterns[1]  # type: ignore[attr-defined]  # not in the stubs
_SCRIPT = re.compile(r"js/[^/]+\.js")
_BOOTSTRAP = "vendor/bootstrap.min.css"


def _is_cut(name: str) -> bool:
    return name == _BOOTSTRAP or _SCRIPT.fullmatch(name) is not None


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # not typed
    """Renames what our ES modules import too, so that a module and what it imports never differ.

    Other people's scripts are left alone: what looks like an import there may be a comment.
    Bootstrap is collected without the nine tenths of it that no page uses.
    """

    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = ("js/*.js", _RULES)

    def get_modified_time(self, name: str) -> datetime:
        """When a file was collected: never, if what is cut from it may have changed since."""
        if _is_cut(name):
            return datetime.min.replace(tzinfo=UTC)
        found: datetime = super().get_modified_time(name)
        return found

    def save(self, name: str, content: Any, max_length: int | None = None) -> str:
        """Keep a collected file, as little of it as has to travel."""
        if _SCRIPT.fullmatch(name):
            content = ContentFile(lean_script(content.read().decode()).encode())
        elif name == _BOOTSTRAP:
            content = ContentFile(lean_style(content.read().decode(), self._words).encode())
        return str(super().save(name, content, max_length))

    def post_process(self, paths: dict[str, Any], *args: Any, **options: Any) -> Iterator[Any]:
        """Name files by what was collected of them, not by what they were before."""
        collected = {name: (self, name) if _is_cut(name) else at for name, at in paths.items()}
        yield from super().post_process(collected, *args, **options)

    def compress_files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Compress what pages ask for: names with a hash, and no maps for debuggers."""
        asked = {name for name in self.hashed_files.values() if not name.endswith(".map")}
        yield from super().compress_files(asked.intersection(paths))

    @cached_property
    def _words(self) -> frozenset[str]:
        return words_of(settings.BASE_DIR)
