"""What somebody is in the middle of writing in a query, so that the rest can be offered.

Pure: no Django, no records.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_PATH = re.compile(r'([A-Za-z_]+)(?:\.("(?:[^"\\]|\\.)*"|[^\s":=!<>,]+))?(!=|>=|<=|:|=|>|<)')
_KEY = re.compile(r'([A-Za-z_]+)\.("?)')


class Part(StrEnum):
    """What a word at the cursor is going to be."""

    FIELD = "field"
    """A field, or a text to look for."""
    KEY = "key"
    """The name of a metric or a parameter."""
    VALUE = "value"
    ORDER = "order"
    """What to sort by."""


@dataclass(frozen=True)
class Spot:
    """What stands at the cursor: characters `start` to `end` are what a choice replaces."""

    part: Part
    field: str
    key: str
    typed: str
    """Before the cursor, without quotes."""
    start: int
    end: int


def spot_at(text: str, at: int) -> Spot:
    """What is being written at a place of a query, which need not be a whole one yet."""
    at = min(max(0, at), len(text))
    start, end = _word(text, at)
    if text[start : start + 1] == "-" and at > start:
        start += 1
    head = text[start:at]
    path = _PATH.match(head)
    if path:
        name = path[1].lower()
        begin = start + path.end() + _last_comma(head[path.end() :])
        stop = _until(text, at, ",")
        part = Part.ORDER if name == "sort" else Part.VALUE
        typed = _plain(text[begin:at])
        return Spot(part, name, _plain(path[2] or ""), typed, begin, min(stop, end))
    key = _KEY.match(head)
    if key:
        begin = start + key.start(2)
        stop = min(_until(text, at, ':=!<>,"') if not key[2] else end, end)
        return Spot(Part.KEY, key[1].lower(), "", _plain(text[begin:at]), begin, stop)
    return Spot(Part.FIELD, "", "", _plain(head), start, end)


def _word(text: str, at: int) -> tuple[int, int]:
    """Where the word around a place begins and ends: blanks within quotes belong to it."""
    start, is_open, is_escaped = 0, False, False
    for place, character in enumerate(text):
        if place >= at and character.isspace() and not (is_open and place < at):
            return start, place
        if is_escaped:
            is_escaped = False
        elif character == "\\" and is_open:
            is_escaped = True
        elif character == '"':
            is_open = not is_open
        elif character.isspace() and not is_open:
            start = place + 1
    return start, len(text)


def _last_comma(text: str) -> int:
    """Where the last value of a list begins."""
    begin, is_open = 0, False
    for place, character in enumerate(text):
        if character == '"':
            is_open = not is_open
        elif character == "," and not is_open:
            begin = place + 1
    return begin


def _until(text: str, at: int, marks: str) -> int:
    while at < len(text) and text[at] not in marks:
        at += 1
    return at


def _plain(text: str) -> str:
    return text.replace('\\"', "\0").replace('"', "").replace("\0", '"')
