"""Which words of a changed line are new, and marking them in a line that is HTML already."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from runs.diffs import Line, split_rows

_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_PIECE = re.compile(r"<[^>]*>|&[^;]+;|[^<&]+")
_ALIKE = 0.5
"""Lines that have less in common are different lines: everything in them is new."""
_LONG = 400

Spans = list[tuple[int, int]]
"""(from, to) in characters of the text."""


def line_marks(lines: Sequence[Line]) -> tuple[dict[int, Spans], dict[int, Spans]]:
    """For lines that took each other's place, what is not in the other: by old and new number."""
    old: dict[int, Spans] = {}
    new: dict[int, Spans] = {}
    for left, right in split_rows(lines):
        if left is None or right is None or left is right:
            continue
        if left.old is not None and right.new is not None:
            old[left.old], new[right.new] = _spans(left.text, right.text)
    return old, new


def marked(html: str, spans: Spans) -> str:
    """The line with those stretches of its text in <mark>, inside whatever elements it has."""
    return "".join(_marked(html, spans)) if spans else html


def _spans(old: str, new: str) -> tuple[Spans, Spans]:
    if max(len(old), len(new)) > _LONG:
        return [], []
    before, after = _WORD.findall(old), _WORD.findall(new)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return [], []
    steps = [step for step in matcher.get_opcodes() if step[0] != "equal"]
    left = [_span(before, start, end) for _, start, end, _, _ in steps if end > start]
    right = [_span(after, start, end) for _, _, _, start, end in steps if end > start]
    return left, right


def _span(words: Sequence[str], start: int, end: int) -> tuple[int, int]:
    at = sum(map(len, words[:start]))
    return at, at + sum(map(len, words[start:end]))


def _marked(html: str, spans: Spans) -> Iterator[str]:
    at = 0
    for piece in _PIECE.findall(html):
        if piece.startswith("<"):
            yield piece
            continue
        length = 1 if piece.startswith("&") else len(piece)
        done = 0
        for start, end in spans:
            low, high = max(start - at, done), min(end - at, length)
            if low < high:
                is_entity = piece.startswith("&")
                inside = piece if is_entity else piece[low:high]
                yield f"{'' if is_entity else piece[done:low]}<mark>{inside}</mark>"
                done = high
        if done < length:
            yield piece if piece.startswith("&") else piece[done:]
        at += length
