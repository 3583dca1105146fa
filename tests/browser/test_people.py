"""A colleague comes in by a link, chooses a password, and signs in with it the next time."""

from __future__ import annotations

from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.axe import ANY, findings_in_both_themes
from tests.browser.conftest import OpenTab
from tests.studio_process import Studio

SCREENS: tuple[ViewportSize, ...] = ({"width": 390, "height": 800}, {"width": 1280, "height": 800})
PASSWORD = "correct horse battery"


def sound(page: Page) -> None:
    """No fault that axe finds, however small, in both themes, and nothing is too wide."""
    assert findings_in_both_themes(page, impacts=ANY) == []
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


def test_the_pages_are_sound_on_any_screen(open_tab: OpenTab) -> None:
    page = open_tab("/people/", viewport=SCREENS[0])
    page.get_by_role("textbox", name="Name").fill("a-colleague-with-a-rather-long-name")
    page.get_by_role("button", name="Add and show their link").click()
    expect(page.locator("#new-link")).to_contain_text("/login/")
    sound_on_any_screen(page)
    page.goto("/account/")
    page.get_by_role("textbox", name="Name").fill("box of either theme and width")
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator("#new-token")).to_contain_text("ry_")
    sound_on_any_screen(page)


def sound_on_any_screen(page: Page) -> None:
    """Sound on a telephone and on a desk."""
    for screen in SCREENS:
        page.set_viewport_size(screen)
        sound(page)
