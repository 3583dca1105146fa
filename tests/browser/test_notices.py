"""A notification in the browser: asked for by a switch, shown when a run ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.conftest import WHOLE_CHROMIUM, OpenTab, launched
from tests.studio_process import Studio
from tests.waiting import eventually

WATCH = """
const Real = window.Notification;
window.shown = [];
window.Notification = class extends Real {
  constructor(title, options) {
    super(title, options);
    window.shown.push({ title, ...options });
  }
};
"""
"""Writes down what the browser itself is asked to show."""


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The whole browser: the one without a window forbids notifications, whatever one grants."""
    yield from launched(playwright, WHOLE_CHROMIUM)


def permitted(page: Page) -> Page:
    page.context.grant_permissions(["notifications"])
    page.add_init_script(WATCH)
    return page


def test_the_end_of_a_run_is_shown_on_any_page(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    page = permitted(open_tab("/notices/"))
    page.goto("/notices/")
    switch = page.get_by_label("Show a notification while a page of the studio is open")
    expect(switch).not_to_be_checked()
    switch.check()
    page.reload()
    expect(switch).to_be_checked()
    page.goto("/help/")  # a page that has no other use for the live connection
    expect(page.locator("#link-state[data-state=live]")).to_be_visible()
    run = studio.submit(scripts, "--environment", "here", "--name", "short", "count.py", "2", "0")
    shown = eventually(lambda: page.evaluate("window.shown"), timeout_s=20, what="the notification")
    assert shown == [
        {
            "title": f"Run {run} completed",
            "body": "short\nThe command ended with exit code 0.",
            "tag": f"run-{run}",
        }
    ]
    page.goto("/notices/")
    switch.uncheck()
    page.goto("/runs/")
    expect(page.locator("#link-state[data-state=live]")).to_be_visible()
    run = studio.submit(scripts, "--environment", "here", "count.py", "2", "0")
    row = page.locator(f"#run-{run}")
    page.get_by_role("link", name="1 new run: show").click()
    expect(row.locator(".status")).to_have_text("completed", timeout=20_000)
    assert page.evaluate("window.shown") == []


def test_a_browser_that_forbids_it_says_so(open_tab: OpenTab) -> None:
    page = open_tab("/notices/")
    page.add_init_script("Object.defineProperty(Notification, 'permission', {value: 'denied'})")
    page.goto("/notices/")
    switch = page.get_by_label("Show a notification while a page of the studio is open")
    expect(switch).to_be_disabled()
    expect(page.get_by_text("This browser forbids notifications")).to_be_visible()
