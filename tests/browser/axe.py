"""What axe finds in a page as it stands.

A theme changes colours and nothing else: in the second one only the rules of colours are asked
again, which is most of what axe could find anew and a part of its work.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")
ANY = ("minor", "moderate", *SERIOUS)
OF_COLOURS = ("color-contrast", "link-in-text-block")
_AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_STAND_STILL = """
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*, ::before, ::after { transition: none !important }");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
"""
"""So that colours are what they will be, as soon as the theme changes."""
_RUN = """async ([impacts, rules]) => {
  const asked = { resultTypes: ["violations"], ...(rules.length && { runOnly: rules }) };
  const { violations, incomplete } = await axe.run(document, asked);
  return [...violations, ...incomplete.filter(({ id }) => id === "link-in-text-block")]
    .filter((found) => impacts.includes(found.impact))
    .flatMap((found) => found.nodes.slice(0, 3).map((node) =>
      `${found.id}: ${node.html.slice(0, 200)} ${node.failureSummary.slice(0, 200)}`));
}"""


def bring_axe(page: Page) -> None:
    """Have axe come with each page that is opened here from now on.

    It is sent and compiled once, which takes a fifth of the work with many pages.
    """
    page.add_init_script(_STAND_STILL + _AXE)


def findings(
    page: Page, *, impacts: Collection[str] = SERIOUS, rules: Collection[str] = ()
) -> list[str]:
    """What axe calls so there, by all of its rules or by these alone."""
    if page.evaluate("!window.axe"):
        page.evaluate(f"() => {{ {_STAND_STILL} {_AXE} }}")
    found: list[str] = page.evaluate(_RUN, [list(impacts), list(rules)])
    return found


def findings_in_both_themes(page: Page, *, impacts: Collection[str] = SERIOUS) -> list[str]:
    """What axe calls so in the light theme, and which colours in the dark one."""
    page.emulate_media(color_scheme="light")
    light = findings(page, impacts=impacts)
    page.emulate_media(color_scheme="dark")
    dark = findings(page, impacts=impacts, rules=OF_COLOURS)
    return [f"light: {each}" for each in light] + [f"dark: {each}" for each in dark]
