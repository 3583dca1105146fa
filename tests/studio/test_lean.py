"""What travels of scripts and styles."""

from __future__ import annotations

import re

import pytest
from django.conf import settings

from studio.lib.lean import lean_script, lean_style, words_of

BOOTSTRAP = (settings.BASE_DIR / "static" / "vendor" / "bootstrap.min.css").read_text()


def test_only_whole_lines_of_comment_go() -> None:
    script = '// why\nconst a = "http://x"; // here\n  // more\nrun(a);\n'
    assert lean_script(script) == 'const a = "http://x"; // here\nrun(a);\n'


@pytest.mark.parametrize(
    ("style", "left"),
    [
        (".a{x:1}.b{x:2}", ".a{x:1}"),
        (".a,.b>.a,p{x:1}", ".a,p{x:1}"),
        (".a:not(.b){x:1}", ".a:not(.b){x:1}"),
        (":is(.a,p) i{x:1}", ":is(.a,p) i{x:1}"),
        ("@media (min-width:1px){.a{x:1}.b{x:2}}", "@media (min-width:1px){.a{x:1}}"),
        ("@media print{.b{x:2}}p{x:1}", "p{x:1}"),
        ("@keyframes k{from{x:1}to{x:2}}", "@keyframes k{from{x:1}to{x:2}}"),
        (".a-b{x:1}.a .a{x:.5}", ".a .a{x:.5}"),
    ],
)
def test_a_rule_stays_if_it_can_apply(style: str, left: str) -> None:
    assert lean_style(style, {"a"}) == left


def test_nothing_of_bootstrap_is_lost_when_all_its_classes_are_used() -> None:
    everything = set(re.findall(r"[A-Za-z_][\w-]*", BOOTSTRAP))
    assert lean_style(BOOTSTRAP, everything) == BOOTSTRAP.split("/*#")[0].rstrip()


def test_every_class_that_pages_use_stays() -> None:
    words = words_of(settings.BASE_DIR)
    assert {"form-check-inline", "table-responsive", "visually-hidden", "is-invalid"} <= words
    left = lean_style(BOOTSTRAP, words)
    used = {name for name in re.findall(r"\.([A-Za-z][\w-]*)", BOOTSTRAP) if name in words}
    assert {name for name in used if f".{name}" not in left} == set()
    assert len(left) < len(BOOTSTRAP) / 4
