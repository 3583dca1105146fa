"""Searching a log: which of its lines match, all of them, in bounded time.

The search runs in a process of its own, which is killed when it takes too long: a pattern that
backtracks without end holds up nobody but the person who typed it. A line matches as it reads,
without its colour codes; of a progress bar every state counts. This file is also that process:

    python -I -S logsearch.py <wish as JSON on stdin  ->  4 bytes a line number on stdout
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from array import array
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

CPU_S = 5
PATIENCE_S = 15.0
"""On a busy machine those seconds take longer."""
MOST_WORDS = 1000
"""Characters of a query."""
_PIECE_BYTES = 4 << 20
_MANY_BYTES = 16 << 20
"""From here on a second process shares the work."""
_MEMORY_BYTES = 1 << 30
_CODE = re.compile(rb"\x1b\[[0-9;:?]*[A-Za-z]")
_MAY_LEAVE_LINE = re.compile(r"\\[sWDAZnNxuU0-9rtfvpP]|\[\^|\(\?|[\x00-\x1f]")
"""Patterns that may reach over a newline, or look at the ends of a text."""
_HARMLESS = re.compile(r"\\[dwsb.*+?()\[\]{}|^$/-]")
"""Escapes that mean the same whatever the case."""


class BadPattern(ValueError):
    """The pattern is no regular expression; the message says where it breaks."""


class TooSlow(Exception):
    """The search was stopped: the pattern takes too long on this log."""


@dataclass(frozen=True)
class Query:
    """What is looked for."""

    text: str
    is_regex: bool = False
    with_case: bool = False


def search(path: Path, query: Query, *, patience_s: float = PATIENCE_S) -> array[int]:
    """The numbers of all lines that match, in order.

    Raises:
        BadPattern: the query is no regular expression.
        TooSlow: no answer within `patience_s`.
    """
    _checked(query)
    if not path.exists() or not query.text or "\n" in query.text:
        return array("I")
    wish = json.dumps({"path": str(path), "query": asdict(query)}).encode()
    try:
        answer = _answer(wish, patience_s)
    except subprocess.TimeoutExpired as error:
        raise TooSlow from error
    found = array("I")
    found.frombytes(answer)
    return found


def _answer(wish: bytes, patience_s: float) -> bytes:
    with subprocess.Popen(
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LC_ALL": "C.UTF-8"},
        start_new_session=True,
    ) as process:
        try:
            answer = process.communicate(wish, timeout=patience_s)[0]
        finally:
            if process.returncode is None:  # whoever shares the work ends with it
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise TooSlow
    return answer


def _checked(query: Query) -> re.Pattern[str]:
    flags = re.MULTILINE | (0 if query.with_case else re.IGNORECASE)
    try:
        return re.compile(query.text if query.is_regex else re.escape(query.text), flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadPattern(str(error)) from error


def _matching(path: Path, query: Query) -> Iterator[int]:
    """Line numbers counted from 0, from all of the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size < _MANY_BYTES or (os.cpu_count() or 1) < 2:
            yield from _in_part(file, 0, size, query)[1]
            return
        middle = _behind_newline(file, size // 2)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            with path.open("rb") as own, os.fdopen(writer, "wb") as answer:
                answer.write(_in_part(own, middle, size, query)[1].tobytes())
            os._exit(0)
        os.close(writer)
        count, first = _in_part(file, 0, middle, query)
        rest = array("I")
        with os.fdopen(reader, "rb") as answer_in:
            rest.frombytes(answer_in.read())
        if os.waitpid(child, 0)[1]:
            sys.exit(1)
        yield from first
        yield from (count + line for line in rest)


def _behind_newline(file: BinaryIO, at: int) -> int:
    file.seek(at)
    return at + len(file.readline())


def _in_part(file: BinaryIO, start: int, end: int, query: Query) -> tuple[int, array[int]]:
    """How many lines there are between two offsets, and which of them match."""
    look, found, line, held = _looker(query), array("I"), 0, b""
    file.seek(start)
    while start < end:
        data = file.read(min(_PIECE_BYTES, end - start))
        if not data:
            break
        start += len(data)
        whole = held + data
        cut = whole.rfind(b"\n") + 1
        if start < end and cut == 0:
            held = whole
            continue
        piece, held = (whole[:cut], whole[cut:]) if start < end else (whole, b"")
        text = _plain(piece).decode("utf-8", errors="replace")
        found.extend(line + number for number in look(text))
        line += piece.count(b"\n")
    return line, found


def _plain(data: bytes) -> bytes:
    """The text without its colour codes. Few differ, and replacing one is fast."""
    while b"\x1b" in data:
        at = data.find(b"\x1b")
        codes = set(_CODE.findall(data, at, at + 65536))
        if not codes:
            return data[:at] + _CODE.sub(b"", data[at:])
        for code in codes:
            data = data.replace(code, b"")
    return data


def _looker(query: Query) -> Callable[[str], Iterator[int]]:
    """A function from a text to the numbers, from 0, of its lines that match."""
    pattern = _checked(query)
    if not query.is_regex:
        needle = query.text if query.with_case else query.text.lower()
        fold = not query.with_case
        return lambda text: _found(text, (text.lower() if fold else text), needle)
    fold = not query.with_case and query.text == query.text.lower() and _fits_folded(query.text)
    if fold:  # many times faster than a pattern that ignores case
        pattern = re.compile(query.text, re.MULTILINE)
    if _MAY_LEAVE_LINE.search(query.text) or pattern.search(""):
        return lambda text: _line_by_line(text.lower() if fold else text, pattern)
    return lambda text: _matched(text.lower() if fold else text, pattern)


def _fits_folded(pattern: str) -> bool:
    """Whether it means the same on a text in lower case, ignoring case: no odd ranges."""
    ranges = re.findall(r"(.)-(.)", pattern) if "[" in pattern else []
    return "\\" not in _HARMLESS.sub("", pattern) and all(
        a.isalnum() and b.isalnum() for a, b in ranges
    )


def _found(text: str, folded: str, needle: str) -> Iterator[int]:
    line, counted, at = 0, 0, folded.find(needle)
    while at >= 0:
        line += folded.count("\n", counted, at)
        yield line
        counted, end = at, folded.find("\n", at)
        at = folded.find(needle, end) if end >= 0 else -1


def _matched(text: str, pattern: re.Pattern[str]) -> Iterator[int]:
    line, counted, hit = 0, 0, pattern.search(text)
    while hit is not None:
        at = hit.start()
        line += text.count("\n", counted, at)
        yield line
        counted, end = at, text.find("\n", at)
        hit = pattern.search(text, end + 1) if end >= 0 else None


def _line_by_line(text: str, pattern: re.Pattern[str]) -> Iterator[int]:
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    find = pattern.search
    yield from (number for number, line in enumerate(lines) if find(line))


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    wish = json.loads(sys.stdin.buffer.read())
    lines = array("I", (n + 1 for n in _matching(Path(wish["path"]), Query(**wish["query"]))))
    sys.stdout.buffer.write(lines.tobytes())


if __name__ == "__main__":
    _main()
