"""Why a build failed, from the end of its log."""

from __future__ import annotations

_MARK = "error:"
_MAX_CHARACTERS = 600


def build_error(tail: bytes) -> str:
    """The last error of uv with its causes as one line, else the last line that is not blank."""
    lines = [line.strip() for line in tail.decode("utf-8", errors="replace").splitlines()]
    lines = [line for line in lines if line]
    starts = [index for index, line in enumerate(lines) if line.startswith(_MARK)]
    if not starts:
        return lines[-1][:_MAX_CHARACTERS] if lines else ""
    last = len(lines) - 1 if len(lines) - 1 > starts[-1] else len(lines)
    words = [line.removeprefix(_MARK).strip() for line in lines[starts[-1] : last]]
    return _joined(words)[:_MAX_CHARACTERS]


def uv_message(stderr: str) -> str:
    """What uv said when it gave up, as one short paragraph."""
    begin = max(stderr.find(_MARK), 0)
    lines = [line.strip() for line in stderr[begin:].splitlines()]
    message = _joined([line.removeprefix(_MARK).strip() for line in lines if line])
    return message[:_MAX_CHARACTERS] or "uv gave up and did not say why."


def _joined(lines: list[str]) -> str:
    """Lines as sentences: uv puts each cause on a line of its own, without a full stop."""
    bare = [line.removeprefix("cause: ") for line in lines]
    return " ".join(line if line[-1] in ".:!?" else f"{line}." for line in bare if line)
