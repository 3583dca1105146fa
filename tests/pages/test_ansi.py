"""Terminal colour as HTML. `tests/browser` holds the script to the same answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.ansi import Pen, line_html

RED = '<span class="a-f1">'
EXAMPLES = [
    ("plain", "plain"),
    ("<b>&\"'", "&lt;b&gt;&amp;\"'"),
    ("\x1b[31mred\x1b[0m plain", f"{RED}red</span> plain"),
    ("\x1b[31;1mboth\x1b[22m red\x1b[m", f'<span class="a-b a-f1">both</span>{RED} red</span>'),
    ("\x1b[91;103mbright", '<span class="a-f1 a-g3">bright</span>'),
    ("\x1b[38;5;196mcube\x1b[39m off", f"{RED}cube</span> off"),
    ("\x1b[38;2;10;200;10mtrue", '<span class="a-f2">true</span>'),
    ("\x1b[48:2:0:0:255mcolons", '<span class="a-g4">colons</span>'),
    ("\x1b[38;5mtorn", '<span class="a-f0">torn</span>'),
    ("\x1b[3;4;9mall", '<span class="a-i a-u a-s">all</span>'),
    ("\x1b[2K\x1b[1Gerased", "erased"),
    ("\x1b]0;title\x07shown", "shown"),
    ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
    ("bell\x07 nul\0 del\x7f", "bell␇ nul␀ del␡"),
    ("tab\tstays", "tab\tstays"),
    ("10%\r50%\r100%", "100%"),
    ("done\r", "done"),
    ("kept\r\r", "kept"),
    ("\x1b[31mgone\rnew", f"{RED}new</span>"),
    ("torn \x1b[3", "torn ␛[3"),
    ("\x1b[999mno such code", "no such code"),
]


@pytest.mark.parametrize(("line", "html"), EXAMPLES)
def test_a_line_as_html(line: str, html: str) -> None:
    assert line_html(line, Pen()) == html


def test_the_pen_goes_on_into_the_next_line() -> None:
    pen = Pen()
    line_html("\x1b[1;31mbegins", pen)
    assert line_html("goes on", pen) == '<span class="a-b a-f1">goes on</span>'


@given(st.text(alphabet="\x1b[]0123456789;:mKAl<>&\r\x07\\ ab", max_size=60))
def test_nothing_that_a_script_prints_becomes_markup(line: str) -> None:
    html = line_html(line, Pen())
    rest = html.replace("</span>", "")
    while '<span class="' in rest:
        before, _, after = rest.partition('<span class="')
        classes, _, after = after.partition('">')
        assert set(classes) <= set("abdfgius-01234567 ")
        rest = before + after
    assert "<" not in rest
    assert ">" not in rest


@given(st.lists(st.integers(0, 110), max_size=8))
def test_the_codes_bring_the_pen_back(numbers: list[int]) -> None:
    pen = Pen()
    pen.apply(";".join(map(str, numbers)))
    assert Pen.from_codes(pen.codes) == pen
