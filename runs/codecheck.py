"""What a script says of itself before it runs: its syntax, and the packages that it imports.

A process of its own, for a parser that is given strange code may eat memory or crash:

    python -I -S codecheck.py < question > answer          both one JSON object

    {"start": "train.py", "files": {"train.py": "/where/it/lies", …}, "seconds": 1.5,
     "python": [3, 8]}
    {"syntax": [{path, line, column, text, message}], "imports": [[module, path, line]],
     "looked": 3, "unfinished": false}

With the Python of a target that is older than this one, what that cannot read yet is a mistake.
Only `start` and the files of the tree that it imports are read, and nothing is executed.
Imports that may fail (below `try`, in `if TYPE_CHECKING`) are left out.
"""

from __future__ import annotations

import ast
import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

MAX_FILE_BYTES = 2 << 20
"""A longer file is no script that somebody wrote."""
_MEMORY_BYTES = 1 << 30
_PROVIDED = frozenset({"studio", "__main__"})
"""What every run finds: the client that comes along with it."""


class _Imports(ast.NodeVisitor):
    """The modules that code needs: [(name, level, line)]; `from a import b` gives a and a.b."""

    def __init__(self) -> None:
        self.found: list[tuple[str, int, int]] = []

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [(alias.name, 0, node.lineno) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        self.found.append((base, node.level, node.lineno))
        for alias in node.names:
            if alias.name != "*":
                name = f"{base}.{alias.name}".lstrip(".")
                self.found.append((name, node.level, -node.lineno))  # perhaps only a name in it

    def visit_Try(self, node: ast.Try) -> None:
        for part in (*node.orelse, *node.finalbody):
            self.visit(part)
        if not any(map(_catches_imports, node.handlers)):
            for part in node.body:
                self.visit(part)

    def visit_If(self, node: ast.If) -> None:
        if not ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for part in node.body:
                self.visit(part)
        for part in node.orelse:
            self.visit(part)


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    caught = ast.unparse(handler.type) if handler.type else "Exception"
    return any(name in caught for name in ("ImportError", "ModuleNotFoundError", "Exception"))


class Reader:
    """Reads a script and what of its tree it imports, until time runs out."""

    def __init__(self, files: Mapping[str, str], seconds: float, python: Sequence[int]) -> None:
        self._python = (python[0], python[1]) if python else sys.version_info[:2]
        self._files = files
        self._until = time.monotonic() + seconds
        self.syntax: list[dict[str, Any]] = []
        self.imports: dict[str, tuple[str, int]] = {}
        self.looked = 0
        self.unfinished = False

    def read(self, start: str) -> None:
        """Follow the imports from one file on."""
        roots = (start.rpartition("/")[0], "", "src")
        waiting, known = [start], {start}
        while waiting:
            if time.monotonic() > self._until:
                self.unfinished = True
                return
            path = waiting.pop(0)
            for name, line in self._needs(path):
                own = self._own(name, roots)
                new = [file for file in own if file not in known]
                known |= set(new)
                waiting += new
                top = name.partition(".")[0]
                if own or line < 0 or top in sys.stdlib_module_names or top in _PROVIDED:
                    continue
                if not self._is_own_folder(top, roots):
                    self.imports.setdefault(name, (path, line))

    def _needs(self, path: str) -> Iterator[tuple[str, int]]:
        """(absolute module, line) of what a file imports; its syntax is noted."""
        self.looked += 1
        for tree in self._parsed(path):
            collector = _Imports()
            collector.visit(tree)
            for name, level, line in collector.found:
                if level:
                    above = path.split("/")[:-1]
                    above = above[: len(above) - level + 1]
                    # a relative import means the tree itself: what it lacks is no package
                    yield ".".join(filter(None, [*above, name])), -abs(line)
                else:
                    yield name, line

    def _parsed(self, path: str) -> Iterator[ast.Module]:
        try:
            descriptor = os.open(self._files[path], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:  # noqa: PTH123  (a descriptor has no path)
                data = file.read(MAX_FILE_BYTES + 1)
        except OSError:
            return
        if len(data) > MAX_FILE_BYTES:
            return
        pieces = _cells(data) if path.endswith(".ipynb") else [("", data)]
        for where, code in pieces:
            try:
                flags = ast.PyCF_ONLY_AST | (ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if where else 0)
                tree = compile(code, path, "exec", flags, dont_inherit=True)
                compile(tree, path, "exec", flags & ~ast.PyCF_ONLY_AST, dont_inherit=True)
                if not where and self._python < sys.version_info[:2]:
                    ast.parse(code, path, feature_version=self._python)
                yield tree
            except SyntaxError as error:
                self.syntax.append(_told(error, path, where))
            except (ValueError, RecursionError, MemoryError) as error:
                self.syntax.append(
                    {"path": path, "line": 0, "column": 0, "text": "", "message": str(error)}
                )

    def _own(self, module: str, roots: tuple[str, ...]) -> list[str]:
        """The files of the tree that importing a module executes."""
        for root in dict.fromkeys(roots):
            parts = module.split(".")
            places = ["/".join(filter(None, [root, *parts[: n + 1]])) for n in range(len(parts))]
            packages = [f"{place}/__init__.py" for place in places]
            last = f"{places[-1]}.py"
            if last in self._files or packages[-1] in self._files:
                return [file for file in [*packages, last] if file in self._files]
        return []

    def _is_own_folder(self, top: str, roots: tuple[str, ...]) -> bool:
        places = ["/".join(filter(None, [root, top])) for root in roots]
        names = {f"{place}.py" for place in places}
        return any(
            file in names or file.startswith(tuple(f"{place}/" for place in places))
            for file in self._files
            if file.endswith(".py")
        )


def _cells(data: bytes) -> Iterator[tuple[str, str]]:
    """("cell 3", code) of a notebook, without what only its shell understands."""
    try:
        cells = json.loads(data)["cells"]
        sources = [c["source"] for c in cells if c["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):
        return
    for number, source in enumerate(sources, 1):
        code = source if isinstance(source, str) else "".join(source)
        if not code.lstrip().startswith("%%"):
            lines = ["" if _is_magic(line) else line for line in code.splitlines()]
            yield f"cell {number}", "\n".join(lines)


def _is_magic(line: str) -> bool:
    bare = line.strip()
    return bare.startswith(("%", "!", "?")) or bare.endswith("?")


def _told(error: SyntaxError, path: str, where: str) -> dict[str, Any]:
    return {
        "path": f"{path}, {where}" if where else path,
        "line": error.lineno or 0,
        "column": error.offset or 0,
        "text": (error.text or "").rstrip("\n")[:400],
        "message": error.msg,
    }


def _bound(what: int, most: int) -> None:
    with suppress(ValueError, OSError):  # not every system can bound everything
        resource.setrlimit(what, (most, most))


def main() -> None:
    """Answer one question."""
    warnings.simplefilter("ignore")  # a doubtful escape sequence is no mistake
    question = json.load(sys.stdin)
    seconds = float(question["seconds"])
    _bound(resource.RLIMIT_AS, _MEMORY_BYTES)
    _bound(resource.RLIMIT_CPU, int(seconds) + 2)
    reader = Reader(question["files"], seconds, question["python"])
    reader.read(question["start"])
    imports = [[name, *where] for name, where in reader.imports.items()]
    answer = {
        "syntax": reader.syntax,
        "imports": imports,
        "looked": reader.looked,
        "unfinished": reader.unfinished,
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
