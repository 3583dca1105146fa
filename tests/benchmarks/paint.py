"""How soon a page shows something, and how soon the palette has an answer."""

from __future__ import annotations

import statistics
import time
import urllib.request
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright

from tests.benchmarks.rig import Rig, Row
from tests.browser.conftest import ARGUMENTS, CHROMIUM

ROUNDS = 5
PAGES = {"home": "/", "runs list": "/runs/"}
FIRST_PAINT = """() => new Promise((tell) => {
  const found = performance.getEntriesByName("first-contentful-paint")[0];
  if (found) return tell(found.startTime);
  new PerformanceObserver((list) => {
    const entry = list.getEntriesByName("first-contentful-paint")[0];
    if (entry) tell(entry.startTime);
  }).observe({ type: "paint", buffered: true });
})"""


def first_paint(rig: Rig) -> Iterator[Row]:
    """First contentful paint by the browser's own record, and one question of the palette."""
    cookie = rig.studio.session_cookie()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for what, path in PAGES.items():
            times = [_paint(browser, rig, cookie, path) for _ in range(ROUNDS + 1)][1:]
            name = f"first paint of the {what}, s (median of {ROUNDS})"
            yield Row(name, statistics.median(times), None, "< 0.3")
        browser.close()
    yield Row("palette among 1,000 runs, s (median)", _find(rig, cookie), None, "< 0.05")


def _paint(browser: Browser, rig: Rig, cookie: str, path: str) -> float:
    """Seconds from asking for the page, in a browser that has its scripts and styles."""
    name, _, value = cookie.partition("=")
    context = browser.new_context(base_url=rig.studio.record.url)
    context.add_cookies([{"name": name, "value": value, "url": rig.studio.record.url}])
    page = context.new_page()
    page.goto("/help/")
    page.goto(path)
    milliseconds = float(page.evaluate(FIRST_PAINT))
    context.close()
    return milliseconds / 1000


def _find(rig: Rig, cookie: str) -> float:
    times = []
    for _ in range(ROUNDS * 3):
        request = urllib.request.Request(
            f"{rig.studio.record.url}find/?q=earlier+99",
            headers={"Cookie": cookie, "Accept": "application/json"},
        )
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
