"""The ignore rules of a tree that is known by its list: the same as if it lay in a folder."""

from __future__ import annotations

from collections.abc import Callable, Collection

from studio.client.ignore import NEVER, REPLACING, Scope, top_scope

EXCLUDE = ".git/info/exclude"
RULE_FILES = frozenset({".gitignore", REPLACING, EXCLUDE.rpartition("/")[2]})
"""How files are called whose text may decide."""


class TreeRules:
    """What of a tree is left out.

    `read` gives the text of an ignore file that is among `paths`.
    """

    def __init__(self, paths: Collection[str], read: Callable[[str], bytes | None]) -> None:
        self._paths = paths if isinstance(paths, frozenset | set | dict) else frozenset(paths)
        self._read = read
        top = top_scope(replacing=self._text(REPLACING), exclude=self._text(EXCLUDE))
        self._scopes: dict[str, Scope | str] = {"": self._with_own(top, "")}

    def left_out(self, path: str) -> str | None:
        """Why a file is left out: itself, or the folder above it with a slash; None: it is kept."""
        folder, _, name = path.rpartition("/")
        scope = self._scope(folder)
        if isinstance(scope, str):
            return scope
        return path if scope.ignores(_bytes(name), is_folder=False) else None

    def _scope(self, folder: str) -> Scope | str:
        """The rules inside a folder, or the folder that it is left out with."""
        if folder not in self._scopes:
            self._scopes[folder] = self._enter(folder)
        return self._scopes[folder]

    def _enter(self, folder: str) -> Scope | str:
        above, _, name = folder.rpartition("/")
        scope = self._scope(above)
        if isinstance(scope, str):
            return scope
        verdict = scope.verdict(_bytes(name), is_folder=True)
        is_environment = verdict is None and f"{folder}/pyvenv.cfg" in self._paths
        if verdict or is_environment or _bytes(name) in NEVER:
            return f"{folder}/"
        return self._with_own(scope.below(_bytes(name)), f"{folder}/")

    def _with_own(self, scope: Scope, prefix: str) -> Scope:
        return scope.adding(self._text(f"{prefix}.gitignore") or b"") if scope.nested else scope

    def _text(self, path: str) -> bytes | None:
        return self._read(path) if path in self._paths else None


def _bytes(name: str) -> bytes:
    return name.encode(errors="surrogateescape")
