"""What a page weighs: scripts and styles as they travel, gzipped, with everything they import."""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

from environments.models import Build
from runs.models import Run
from studio.lib.lean import lean_script, lean_style, words_of
from tests.pages.test_access import pages
from tests.pages.visitor import Visitor

KB = 1024
ORDINARY, LOG, CHARTS, STYLES = 30 * KB, 35 * KB, 60 * KB, 40 * KB
STATIC = Path(settings.BASE_DIR) / "static"
_IMPORT = re.compile(
    r"""^(?:import|export)\s*(?:[\w*{}\s,]+\bfrom\s*)?["'](\./[^"']+)["']""", re.MULTILINE
)
"""Not `import("…")`: that is fetched when it is asked for."""


@cache
def weight(path: Path) -> int:
    """Bytes of a file on its way to the browser."""
    text = path.read_text()
    if path.parent.name == "js":
        text = lean_script(text)
    elif path.name == "bootstrap.min.css":
        text = lean_style(text, words_of(settings.BASE_DIR))
    return len(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def with_imports(path: Path, seen: set[Path]) -> set[Path]:
    """A script and all that it imports."""
    if path not in seen:
        seen.add(path)
        if path.parent.name == "js":
            for name in _IMPORT.findall(path.read_text()):
                with_imports((path.parent / name).resolve(), seen)
    return seen


def loaded(html: str) -> tuple[set[Path], set[Path]]:
    """The scripts and the styles of a page."""
    scripts: set[Path] = set()
    for address in re.findall(r'<script[^>]*\ssrc="/static/([^"]+)"', html):
        with_imports(STATIC / address, scripts)
    sheets = re.findall(r'<link[^>]*rel="stylesheet"[^>]*href="/static/([^"]+)"', html)
    return scripts, {STATIC / address for address in sheets}


def budget(name: str, scripts: set[Path]) -> int:
    """How much script a page of this kind may load."""
    names = {path.name for path in scripts}
    if any("plot" in each.lower() for each in names):
        return CHARTS
    return LOG if "run-log.js" in names else ORDINARY


@pytest.fixture
def weighed(owner: Visitor, told: Run, build: Build) -> dict[str, tuple[set[Path], set[Path]]]:
    """What each page loads, by its name."""
    addresses = pages(told, build) | {
        name: f"/{name}/" if name else "/"
        for name in ("", "runs", "submit", "sources", "new/source", "targets", "data", "find",
                     "experiments", "environments", "help", "notices", "account", "people",
                     "credentials", "registries")
    }  # fmt: skip
    shown = {name: owner.get(path) for name, path in addresses.items()}
    found = {
        name: loaded(page.html)
        for name, page in shown.items()
        if page.headers["Content-Type"].startswith("text/html") and "<html" in page.html
    }
    assert len(found) > 20
    return found


def test_no_page_loads_more_than_it_may(weighed: dict[str, tuple[set[Path], set[Path]]]) -> None:
    over, styles = {}, {}
    for name, (scripts, sheets) in weighed.items():
        total = sum(map(weight, scripts))
        if total > budget(name, scripts):
            over[name] = (total, {path.name: weight(path) for path in scripts})
        styles[name] = sum(map(weight, sheets))
    assert over == {}
    assert {name: total for name, total in styles.items() if total > STYLES} == {}
    # imports are followed, and what is fetched later is not
    names = {path.name for path in weighed[""][0]}
    assert {"htmx.min.js", "runyard.js", "live-socket.js", "shortcuts.js"} <= names
    assert "command-palette.js" not in names
    assert "run-log.js" in {path.name for path in weighed["runs:log"][0]}
    assert "bootstrap.min.css" in {path.name for path in weighed[""][1]}


def test_the_styles_of_all_pages_together_are_light() -> None:
    sheets = [*(STATIC / "css").glob("*.css"), STATIC / "vendor" / "bootstrap.min.css"]
    assert sum(map(weight, sheets)) <= STYLES
