"""What git says about a folder: where its code comes from and what was not committed.

Reading a repository must not run anything that the repository brings along, so hooks,
file system monitors, external diffs, text conversions, filters of its own and fetches
are all switched off.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence

from studio.client.ignore import work_tree

TIME_LIMIT_S = 60
"""For each question to git; a work tree that needs longer is described without an answer."""

_SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "diff.autoRefreshIndex": "false",
    "safe.bareRepository": "explicit",
}
_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
_FILTER = re.compile(r"filter\.(.+)\.(clean|smudge|process|required)", re.DOTALL)
_TOUCHED = re.compile(rb"^diff --git [^\n]*\n(?=diff --git |\Z)", re.MULTILINE)
"""What git prints of a file with new times and old content when it may not refresh its index."""

_DIFF = (
    "diff", "--binary", "--no-ext-diff", "--no-textconv", "--no-color", "--no-relative",
    "--full-index", "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short",
    "--ignore-submodules=dirty",
)  # fmt: skip
_STATUS = (
    "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames",
    "--ignore-submodules=dirty", "--", ".",
)  # fmt: skip

Facts = dict[str, object]


def git_facts(folder: str | os.PathLike[str]) -> Facts:
    """{repository, branch, commit, dirty, untracked, diff} of the work tree around a folder.

    `dirty` is true for anything not committed, untracked files too. `diff` is the patch
    from the commit to the files of the folder, staged or not, binary files included, with
    bytes that are not UTF-8 as surrogate escapes. What git does not know is "". Without a
    work tree or without git: {}. When git refuses the repository: {trouble: its words}.
    """
    folder = os.path.realpath(folder)
    top = work_tree(folder)
    if top is None:
        return {}
    try:
        return _facts(_Git(folder), os.path.relpath(folder, top))
    except FileNotFoundError:
        return {}
    except (_GitRefused, subprocess.TimeoutExpired) as error:
        return {"trouble": f"git did not describe the folder: {error}"}


def public_url(url: str) -> str:
    """A repository's address without passwords or tokens."""
    parts = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*).*", url, re.DOTALL)
    if not parts:
        return url
    scheme, host, path = parts.groups()
    user, at, host = host.rpartition("@")
    keep = user.partition(":")[0] + at if "ssh" in scheme.lower() else ""
    return f"{scheme}://{keep}{host}{path}"


class _GitRefused(Exception):
    """Git ended with an error; the text is its first line."""


class _Git:
    """Git processes for one folder that run at the same time and run nothing themselves."""

    def __init__(self, folder: str, settings: Mapping[str, str] = _SETTINGS) -> None:
        self._folder = folder
        self._environment = _environment(settings)

    def without_filters(self, listing: bytes) -> _Git:
        """The same, with the filters switched off that only the repository defines."""
        return _Git(self._folder, {**_SETTINGS, **_tame_filters(listing)})

    def start(self, *words: str) -> _Question:
        return _Question(["git", "-C", self._folder, *words], self._environment)

    def ask(self, *words: str) -> bytes:
        with self.start(*words) as question:
            return question.answer()


class _Question:
    """One running git process; it ends with the block that asked."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> _Question:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()

    def answer(self, *, optional: bool = False) -> bytes:
        """What the process prints.

        Raises:
            _GitRefused: it failed, and its answer is not optional.
        """
        output, complaint = self._process.communicate(timeout=TIME_LIMIT_S)
        if self._process.returncode == 0:
            return output
        if optional:
            return b""
        lines = complaint.decode("utf-8", errors="replace").splitlines()
        raise _GitRefused(lines[0] if lines else f"it ended with {self._process.returncode}")


def _facts(git: _Git, prefix: str) -> Facts:
    with git.start("ls-remote", "--get-url") as address:
        listing = git.ask("config", "--list", "-z", "--show-scope")
        git = git.without_filters(listing)
        with git.start(*_DIFF, "HEAD", "--", ".") as patch:
            commit, branch, changed, untracked = _status(git.ask(*_STATUS), prefix)
            diff = patch.answer() if commit else b""
        if not commit:
            nothing = git.ask("hash-object", "-t", "tree", os.devnull).decode().strip()
            diff = git.ask(*_DIFF, nothing, "--", ".")
        # Without any remote this question fails; without an address git repeats the name.
        url = address.answer(optional=True) if b"\0remote." in listing else b""
    return {
        "repository": public_url(url.decode("utf-8", errors="replace").strip()),
        "branch": branch,
        "commit": commit,
        "dirty": changed or bool(untracked),
        "untracked": untracked,
        "diff": _TOUCHED.sub(b"", diff).decode("utf-8", errors="surrogateescape"),
    }


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without what points git elsewhere, and with our settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _KEPT}
    kept |= {
        "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for index, (key, value) in enumerate(settings.items()):
        kept |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return kept


def _tame_filters(listing: bytes) -> dict[str, str]:
    """Settings that put every filter back to what the user, not the repository, made it."""
    theirs: dict[str, str] = {}
    tamed: dict[str, str] = {}
    fields = listing.decode("utf-8", errors="surrogateescape").split("\0")
    for scope, item in zip(fields[::2], fields[1::2], strict=False):
        key, _, value = item.partition("\n")
        found = _FILTER.fullmatch(key)
        if not found:
            continue
        if scope in ("local", "worktree"):
            off = "false" if found[2] == "required" else ""
            tamed[key] = theirs.get(key, off)
            tamed.setdefault(f"filter.{found[1]}.required", "false")
        else:
            theirs[key] = value
    return tamed


def _status(output: bytes, prefix: str) -> tuple[str, str, bool, list[str]]:
    """(commit, branch, whether a tracked file changed, untracked paths below the folder)."""
    commit, branch, changed = "", "", False
    untracked = []
    inside = "" if prefix == "." else prefix + "/"
    for item in output.decode("utf-8", errors="backslashreplace").split("\0"):
        kind, _, rest = item.partition(" ")
        if kind == "?":
            untracked.append(rest.removeprefix(inside))
        elif item.startswith("# branch.oid "):
            commit = "" if item.endswith("(initial)") else item.split(" ")[2]
        elif item.startswith("# branch.head "):
            branch = "" if item.endswith("(detached)") else item.removeprefix("# branch.head ")
        elif kind in ("1", "2", "u"):
            changed = True
    return commit, branch, changed, untracked
