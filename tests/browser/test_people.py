"""A colleague comes in by a link, chooses a password, and signs in with it the next time."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.studio_process import Studio

PASSWORD = "correct horse battery"


def sound(page: Page) -> None:
    """No fault that axe finds, and nothing wider than the screen."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_from_the_link_to_the_password(studio: Studio, open_tab: OpenTab) -> None:
    link = studio.cli("people", "add", "ada").stdout.decode().strip()
    page = open_tab("/runs/?status=failed", signed_in=False, forgive=("422",))
    sound(page)
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Welcome, ada")).to_be_visible()
    sound(page)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    page.wait_for_url("**/runs/?status=failed")

    page.locator(".topbar .menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("The name or the password is wrong.")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".topbar .menu summary").click()
    page.get_by_role("link", name="Account").click()
    expect(page.get_by_role("heading", name="ada")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_are_sound_on_any_screen(open_tab: OpenTab, width: int, theme: str) -> None:
    page = open_tab("/people/", viewport={"width": width, "height": 800}, color_scheme=theme)
    page.get_by_role("textbox", name="Name").fill(
        f"a-colleague-with-a-rather-long-name-{theme}-{width}"
    )
    page.get_by_role("button", name="Add and show their link").click()
    expect(page.locator("#new-link")).to_contain_text("/login/")
    sound(page)
    page.goto("/account/")
    page.get_by_role("textbox", name="Name").fill(f"box {theme} {width}")
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator("#new-token")).to_contain_text("ry_")
    sound(page)
