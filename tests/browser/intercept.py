"""Requests of a page that a test answers, holds back or lets pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route

from tests.waiting import eventually

PROBE = "/healthz?intercepted"


def intercept(page: Page, pattern: str, handler: Callable[[Route], Any]) -> None:
    """Like `page.route`, and returns when the open page's requests do come by.

    Chromium tells a page that is there already on its own time: a request that the page sends
    before it knows goes out, and Playwright never speaks of it.
    """
    page.route(pattern, handler)
    page.route(f"**{PROBE}", lambda route: route.fulfill(body="met"))
    eventually(
        lambda: page.evaluate("async (url) => (await fetch(url)).text()", PROBE) == "met",
        what="the page's requests to come by",
    )
    page.unroute(f"**{PROBE}")
