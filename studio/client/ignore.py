"""Which files of a folder are left out: gitignore rules, read exactly as git reads them.

    Patterns        one ignore file
    Scope           one folder: the ignore files that reach it, nearest first
    folder_scope    the scope of a folder on disk, with what lies above it

Names and paths are bytes here, because git compares bytes.
"""

from __future__ import annotations

import os
import re
import stat

DEFAULTS = b"""
__pycache__
*.pyc
.venv
venv
node_modules
.ipynb_checkpoints
.mypy_cache
.ruff_cache
.pytest_cache
.tox
.DS_Store
"""
"""What nobody means to send; a folder's own rules are stronger and may take it back with `!`."""

NEVER = frozenset({b".git", b".hg", b".svn", b".runyard"})
"""Left out whatever the rules say: a snapshot carries files, not their history or studio."""

REPLACING = ".amlignore"
"""In the top folder it stands for all other ignore files; the name is kept from Azure ML."""

_SPECIAL = re.compile(rb"[*?\[\\]")
_WILDCARD = re.compile(rb"[*?\[]")

_LOWER, _UPPER, _DIGIT = (frozenset(range(ord(a), ord(z) + 1)) for a, z in ("az", "AZ", "09"))
_GRAPH = frozenset(range(0x21, 0x7F))
_CLASSES = {
    b"alnum": _LOWER | _UPPER | _DIGIT,
    b"alpha": _LOWER | _UPPER,
    b"blank": frozenset(b" \t"),
    b"cntrl": frozenset(range(0x20)) | {0x7F},
    b"digit": _DIGIT,
    b"graph": _GRAPH,
    b"lower": _LOWER,
    b"print": _GRAPH | frozenset(b" "),
    b"punct": _GRAPH - _LOWER - _UPPER - _DIGIT,
    b"space": frozenset(b" \t\r\n"),
    b"upper": _UPPER,
    b"xdigit": _DIGIT | frozenset(b"abcdefABCDEF"),
}


class Patterns:
    """The rules of one ignore file, for the folder that holds it.

    Most rules are a plain name or `*.ending`: those are looked up and only the rest is
    compiled, because compiling a hundred expressions costs more than a whole scan.
    """

    def __init__(self, text: bytes) -> None:
        self._rules: list[tuple[bool, bool]] = []
        self._names: dict[bytes, list[int]] = {}
        self._paths: dict[bytes, list[int]] = {}
        self._endings: list[tuple[bytes, int]] = []
        self._name_globs: list[tuple[re.Pattern[bytes], int]] = []
        self._path_globs: list[tuple[re.Pattern[bytes], int]] = []
        for line in text.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
            self._add(line.removesuffix(b"\r"))
        self._any_ending = tuple({ending for ending, _ in self._endings})

    def __bool__(self) -> bool:
        return bool(self._rules)

    def verdict(self, path: bytes, name: bytes, *, is_folder: bool) -> bool | None:
        """True: left out. False: taken back by a `!` rule. None: no rule speaks of it.

        `path` is relative to the folder of the ignore file and ends in `name`. The last
        rule that fits decides.
        """
        fitting = [*self._names.get(name, ()), *self._paths.get(path, ())]
        if self._any_ending and name.endswith(self._any_ending):
            fitting += [i for ending, i in self._endings if name.endswith(ending)]
        fitting += [i for glob, i in self._name_globs if glob.fullmatch(name)]
        fitting += [i for glob, i in self._path_globs if glob.fullmatch(path)]
        for index in sorted(fitting, reverse=True):
            negated, folders_only = self._rules[index]
            if is_folder or not folders_only:
                return not negated
        return None

    def _add(self, line: bytes) -> None:
        pattern = _without_trailing_spaces(line)
        if not pattern or pattern.startswith(b"#"):
            return
        negated = pattern.startswith(b"!")
        pattern = pattern.removeprefix(b"!")
        folders_only = pattern.endswith(b"/")
        pattern = pattern.removesuffix(b"/")
        if pattern:
            self._file(pattern, len(self._rules))
            self._rules.append((negated, folders_only))

    def _file(self, pattern: bytes, index: int) -> None:
        """Put a pattern where it is found fastest."""
        by_path = b"/" in pattern
        pattern = pattern.removeprefix(b"/")
        if not _WILDCARD.search(pattern):
            literal = _unescaped(pattern)
            if literal is not None:
                (self._paths if by_path else self._names).setdefault(literal, []).append(index)
        elif not by_path and pattern[:1] == b"*" and not _SPECIAL.search(pattern, 1):
            self._endings.append((pattern[1:], index))
        else:
            tokens = _tokens(pattern)
            if tokens is not None:
                globs = self._path_globs if by_path else self._name_globs
                globs.append((re.compile(_expression(tokens), re.DOTALL), index))


class Scope:
    """One folder and every ignore file that reaches it.

    `prefix` is the folder's path from where the rules begin, empty or ending in a slash;
    `nested` says whether ignore files inside the folder count. Git's rule that nothing
    below an ignored folder can be taken back needs no code here: who walks a tree does
    not enter an ignored folder.
    """

    def __init__(
        self, prefix: bytes, layers: tuple[tuple[int, Patterns], ...], *, nested: bool = True
    ) -> None:
        self.prefix = prefix
        self.nested = nested
        self._layers = layers

    def ignores(self, name: bytes, *, is_folder: bool) -> bool:
        """Whether this entry of the folder is left out."""
        return name in NEVER or bool(self.verdict(name, is_folder=is_folder))

    def verdict(self, name: bytes, *, is_folder: bool) -> bool | None:
        """As `Patterns.verdict`: the nearest ignore file that speaks of the entry decides."""
        path = self.prefix + name
        for start, patterns in self._layers:
            verdict = patterns.verdict(path[start:], name, is_folder=is_folder)
            if verdict is not None:
                return verdict
        return None

    def below(self, name: bytes) -> Scope:
        """The scope of a folder in this one, still without an ignore file of its own."""
        return Scope(self.prefix + name + b"/", self._layers, nested=self.nested)

    def adding(self, text: bytes) -> Scope:
        """This scope with an ignore file that lies in its folder."""
        patterns = Patterns(text)
        if not (self.nested and patterns):
            return self
        return Scope(self.prefix, ((len(self.prefix), patterns), *self._layers))


def top_scope(*, replacing: bytes | None = None, exclude: bytes | None = None) -> Scope:
    """The scope of a tree that nothing lies above, without its own .gitignore.

    `replacing` is the text of its .amlignore, `exclude` that of its .git/info/exclude.
    """
    defaults = ((0, Patterns(DEFAULTS)),)
    if replacing is not None:
        return Scope(b"", ((0, Patterns(replacing)), *defaults), nested=False)
    return Scope(b"", defaults).adding(exclude or b"")


def folder_scope(folder: str) -> Scope:
    """The scope of a folder on disk, still without its own .gitignore.

    In a git work tree the files above the folder and .git/info/exclude count too,
    unless they leave out the folder itself: who names a folder wants it.
    """
    replacing = read_rules(os.path.join(folder, REPLACING))
    if replacing is not None:
        return top_scope(replacing=replacing)
    top = work_tree(folder)
    if top is None:
        return top_scope()
    scope = top_scope(exclude=read_rules(os.path.join(_git_folder(top), "info", "exclude")))
    if top == folder:
        return scope
    above = top
    for name in os.path.relpath(folder, top).split(os.sep):
        scope = scope.adding(read_rules(os.path.join(above, ".gitignore")) or b"")
        if scope.ignores(os.fsencode(name), is_folder=True):
            return top_scope()
        scope = scope.below(os.fsencode(name))
        above = os.path.join(above, name)
    return scope


def work_tree(folder: str) -> str | None:
    """The top of the git work tree around a folder, if there is one."""
    while True:
        git = os.path.join(folder, ".git")
        if os.path.isfile(git) or os.path.isfile(os.path.join(git, "HEAD")):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def read_rules(path: str, *, dir_fd: int | None = None) -> bytes | None:
    """The text of an ignore file; like git, nothing for a link or anything but a file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=dir_fd)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with open(descriptor, "rb") as file:
        return file.read()


def _git_folder(top: str) -> str:
    """Where git keeps a work tree's own settings; a linked work tree has them elsewhere."""
    git = os.path.join(top, ".git")
    pointer = read_rules(git)
    if pointer is None or not pointer.startswith(b"gitdir: "):
        return git
    git = os.path.join(top, os.fsdecode(pointer.removeprefix(b"gitdir: ").rstrip(b"\r\n")))
    common = read_rules(os.path.join(git, "commondir"))
    return os.path.join(git, os.fsdecode(common.rstrip(b"\r\n"))) if common else git


def _without_trailing_spaces(line: bytes) -> bytes:
    end = index = 0
    while index < len(line):
        escaped = line[index] == ord("\\")
        index += 1 + escaped
        if escaped or line[index - 1] != ord(" "):
            end = index
    return line[:end]


def _unescaped(pattern: bytes) -> bytes | None:
    """The text that a pattern without wildcards stands for.

    None when it ends in an escape for nothing: that fits no name.
    """
    if b"\\" not in pattern:
        return pattern
    if (len(pattern) - len(pattern.rstrip(b"\\"))) % 2:
        return None
    return re.sub(rb"\\(.)", rb"\1", pattern, flags=re.DOTALL)


_STAR, _DEEP, _FOLDERS = b"*", b"**", b"**/"
_WILD = {_STAR: rb"[^/]*?", _DEEP: rb".*?", _FOLDERS: rb"(?:.*?/)??"}


def _tokens(pattern: bytes) -> list[bytes] | None:
    """A pattern as wildcards and expressions for one byte; None when it can fit nothing."""
    special = _SPECIAL.search(pattern)
    literal = special.start() if special else len(pattern)
    tokens: list[bytes] = []
    index = 0
    while index < len(pattern):
        byte = pattern[index : index + 1]
        if byte == b"*":
            token, index = _stars(pattern, index, literal)
            tokens.append(token)
            continue
        if byte == b"[":
            found = _one_of(pattern, index + 1)
            if found is None:
                return None
            chosen, index = found
            tokens.append(chosen)
            continue
        if byte == b"\\":
            index += 1
            byte = pattern[index : index + 1]
            if not byte:
                return None
            tokens.append(re.escape(byte))
        else:
            tokens.append(rb"[^/]" if byte == b"?" else re.escape(byte))
        index += 1
    return tokens


def _stars(pattern: bytes, start: int, literal: int) -> tuple[bytes, int]:
    """What the stars at `start` stand for, and where they end.

    Two stars reach through folders only when they stand alone between slashes. Git cuts
    off the literal beginning of a pattern before it looks, so stars right behind that
    count as standing at the start.
    """
    end = start
    while pattern[end : end + 1] == b"*":
        end += 1
    opens = start in (0, literal) or pattern[start - 1 : start] == b"/"
    if end - start > 1 and opens:
        if pattern[end : end + 1] == b"/":
            return _FOLDERS, end + 1
        if end == len(pattern) or pattern[end : end + 2] == b"\\/":
            return _DEEP, end
    return _STAR, end


def _expression(tokens: list[bytes], wilds: tuple[bytes, ...] = (_DEEP, _FOLDERS)) -> bytes:
    """The regular expression for a pattern, which takes no exponential time on any name.

    Each wildcard but the last takes, for good, the first place where what stands up to
    the next one fits: a later place could never do better.
    """
    starts = [index for index, token in enumerate(tokens) if token in wilds]
    parts = []
    for start, end in zip([-1, *starts], [*starts, len(tokens)], strict=True):
        between = tokens[start + 1 : end]
        inner = b"".join(between) if _STAR in wilds else _expression(between, (_STAR,))
        if start < 0:
            parts.append(inner)
        elif end < len(tokens):
            parts.append(b"(?>" + _WILD[tokens[start]] + inner + b")")
        else:
            parts.append(_WILD[tokens[start]] + inner)
    return b"".join(parts)


def _one_of(pattern: bytes, index: int) -> tuple[bytes, int] | None:
    """The expression for a class like `[!a-z[:digit:]]`, and where it ends; None if malformed."""
    negated = pattern[index : index + 1] in (b"!", b"^")
    index += negated
    chosen: set[int] = set()
    previous = 0
    first = True
    while first or pattern[index : index + 1] != b"]":
        first = False
        byte, after = pattern[index : index + 1], pattern[index + 1 : index + 2]
        if byte == b"-" and previous and after not in (b"", b"]"):
            index += 1 + (after == b"\\")
            if index >= len(pattern):
                return None
            chosen |= set(range(previous, pattern[index] + 1))
            previous = 0
        elif byte == b"[" and after == b":" and (end := _class_end(pattern, index + 2)):
            known = _CLASSES.get(pattern[index + 2 : end - 1])
            if known is None:
                return None
            chosen |= known
            previous, index = 0, end
        else:
            index += byte == b"\\"
            if index >= len(pattern):
                return None
            previous = pattern[index]
            chosen.add(previous)
        index += 1
    allowed = (set(range(256)) - chosen if negated else chosen) - {ord("/")}
    escaped = b"".join(rb"\x%02x" % byte for byte in sorted(allowed))
    return (b"[" + escaped + b"]" if escaped else b"(?!)"), index + 1


def _class_end(pattern: bytes, index: int) -> int:
    """Where the `]` of `[:name:]` stands, 0 when this is no such class."""
    end = pattern.find(b"]", index)
    return end if end > index and pattern[end - 1 : end] == b":" else 0
