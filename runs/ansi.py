"""Terminal colour in log lines, as HTML with classes: no style attribute, nothing unescaped.

A pen is what the SGR codes of a text add up to; as text it is the codes that bring it back
("1;31"). Lines that came with the page and lines that arrive live are drawn here, by one pen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

_SEQUENCE = re.compile(
    r"\x1b\[([0-9;:]{0,60})m|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]"
)
_SPECIAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f&<>]")
_STYLES = {1: "b", 2: "d", 3: "i", 4: "u", 9: "s"}
_ENDS = {22: "bd", 23: "i", 24: "u", 29: "s"}
_PICTURES = {code: chr(0x2400 + code) for code in range(32) if code not in {9, 10}} | {127: "␡"}
_BRIGHT = 60


@dataclass
class Pen:
    """How the next character is drawn: styles, ink and ground (0 to 7, the terminal's colours)."""

    styles: frozenset[str] = frozenset()
    ink: int | None = None
    ground: int | None = None

    @classmethod
    def from_codes(cls, codes: str) -> Pen:
        """The pen that these SGR codes make of a fresh one."""
        pen = cls()
        if codes:
            pen.apply(codes)
        return pen

    @property
    def codes(self) -> str:
        """The shortest codes that bring this pen back; empty for a fresh one."""
        numbers = [number for number, style in _STYLES.items() if style in self.styles]
        numbers += [30 + self.ink] if self.ink is not None else []
        numbers += [40 + self.ground] if self.ground is not None else []
        return ";".join(map(str, numbers))

    @property
    def classes(self) -> str:
        """Its CSS classes."""
        return _classes(self.styles, self.ink, self.ground)

    def apply(self, codes: str) -> None:
        """Take the codes of one SGR sequence; what is not known changes nothing."""
        self.styles, self.ink, self.ground = _applied(self.styles, self.ink, self.ground, codes)

    def take(self, codes: str) -> None:
        """What `apply` does, worked out."""
        numbers = [int(part) if part else 0 for part in re.split("[;:]", codes)]
        at = 0
        while at < len(numbers):
            number = numbers[at]
            at += 1
            if number in {38, 48}:
                colour, used = _wide_colour(numbers[at:])
                at += used
                if number == 38:
                    self.ink = colour
                else:
                    self.ground = colour
            else:
                self._apply_one(number)

    def _apply_one(self, number: int) -> None:
        plain = number - _BRIGHT if 90 <= number <= 107 else number
        if number == 0:
            self.styles = frozenset()
            self.ink = self.ground = None
        elif number in _STYLES:
            self.styles |= {_STYLES[number]}
        elif number in _ENDS:
            self.styles -= set(_ENDS[number])
        elif 30 <= plain <= 37:
            self.ink = plain - 30
        elif 40 <= plain <= 47:
            self.ground = plain - 40
        elif number == 39:
            self.ink = None
        elif number == 49:
            self.ground = None


@lru_cache(maxsize=4096)  # a log knows few colours, and changes to them in every line
def _applied(
    styles: frozenset[str], ink: int | None, ground: int | None, codes: str
) -> tuple[frozenset[str], int | None, int | None]:
    pen = Pen(styles, ink, ground)
    pen.take(codes)
    return pen.styles, pen.ink, pen.ground


@lru_cache(maxsize=4096)
def _classes(styles: frozenset[str], ink: int | None, ground: int | None) -> str:
    names = [style for style in "bdius" if style in styles]
    names += [f"f{ink}"] if ink is not None else []
    names += [f"g{ground}"] if ground is not None else []
    return " ".join(f"a-{name}" for name in names)


def line_html(line: str, pen: Pen) -> str:
    """One line as HTML in the pen's colours; moves the pen.

    A progress bar that went back with a carriage return shows only its last state.
    """
    gone, shown = folded(line)
    skim(gone, pen)
    return "".join(drawn(shown, pen))


def drawn(text: str, pen: Pen) -> Iterator[str]:
    """The HTML pieces of a text without carriage returns; moves the pen."""
    start = 0
    for match in _SEQUENCE.finditer(text) if "\x1b" in text else ():
        yield _piece(text[start : match.start()], pen)
        if match[1] is not None:
            pen.apply(match[1])
        start = match.end()
    yield _piece(text[start:], pen)


def _piece(text: str, pen: Pen) -> str:
    if not text:
        return ""
    # most text needs neither, and one search is faster than both
    safe = escape(text.translate(_PICTURES), quote=False) if _SPECIAL.search(text) else text
    classes = pen.classes
    return f'<span class="{classes}">{safe}</span>' if classes else safe


def folded(line: str) -> tuple[str, str]:
    """What was overwritten, and what a terminal shows in the end."""
    parts = line.removesuffix("\r").split("\r")
    shown = next((at for at in range(len(parts) - 1, 0, -1) if parts[at]), 0)
    return "".join(parts[:shown]), parts[shown]


def skim(text: str, pen: Pen) -> None:
    """Move the pen over text that is not shown."""
    if "\x1b" in text:
        for match in _SEQUENCE.finditer(text):
            if match[1] is not None:
                pen.apply(match[1])


def _wide_colour(numbers: Sequence[int]) -> tuple[int | None, int]:
    """256 colours and true colour come down to the eight that both themes can show well."""
    if numbers[:1] == [5]:
        return _from_palette(numbers[1] if len(numbers) > 1 else 0), 2
    if numbers[:1] == [2]:
        red, green, blue = ([*numbers[1:4], 0, 0, 0])[:3]
        return _nearest(red, green, blue), 4
    return None, 1


def _from_palette(number: int) -> int:
    if number < 16:
        return number % 8
    if number >= 232:
        return 0 if number < 244 else 7
    cube = number - 16
    levels = [55 + 40 * step if step else 0 for step in (cube // 36, cube // 6 % 6, cube % 6)]
    return _nearest(*levels)


def _nearest(red: int, green: int, blue: int) -> int:
    most = max(red, green, blue)
    if most < 48:
        return 0
    return (red > most / 2) + 2 * (green > most / 2) + 4 * (blue > most / 2)
