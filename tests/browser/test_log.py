"""The log on the screen: it moves, it stays where one reads, it survives a dropped connection."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from runs.ansi import Pen, line_html
from tests.browser.conftest import OpenTab
from tests.pages.test_ansi import EXAMPLES
from tests.studio_process import Studio
from tests.waiting import eventually

NO_CONNECTION = ("ERR_CONNECTION_REFUSED", "WebSocket connection", "ERR_EMPTY_RESPONSE",
                 "ERR_CONNECTION_RESET", "ERR_SOCKET_NOT_CONNECTED")  # fmt: skip
PLACE = ("--environment", "here")


def count(studio: Studio, scripts: Path, lines: int, pause: float) -> int:
    return studio.submit(scripts, *PLACE, "count.py", str(lines), str(pause))


def shown(page: Page) -> list[int]:
    """The numbers that the script printed, as the page has them."""
    return [int(n) for n in re.findall(r"line (\d+)", page.locator(".log").text_content() or "")]


def test_lines_appear_while_the_run_goes_on(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = count(studio, scripts, 60, 0.05)
    page = open_tab(f"/runs/{run}/log/")
    expect(page.locator("#link-state")).to_have_text("live")
    expect(page.locator(".l", has_text="line 5").first).to_be_visible(timeout=20_000)
    expect(page.locator("[data-log-state]")).to_have_text("complete", timeout=30_000)
    assert shown(page) == list(range(1, 61))
    assert page.locator(".a-f2").count() == 60
    expect(page.locator("[data-log-span]")).to_have_text(re.compile("lines 1.60 of 60"))
    expect(page.locator("#run-head .status")).to_have_text("completed")


def test_reading_further_up_is_not_disturbed(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = count(studio, scripts, 500, 0.02)
    page = open_tab(f"/runs/{run}/log/")
    log = page.locator(".log")
    expect(page.locator(".l", has_text="line 100").first).to_be_attached(timeout=30_000)
    log.hover()
    page.mouse.wheel(0, -400)
    button = page.locator("[data-log-end]")
    expect(button).to_be_visible(timeout=10_000)
    where = log.evaluate("log => log.scrollTop")
    expect(button).to_contain_text("new line")
    expect(page.locator("[data-log-state]")).to_have_text("complete", timeout=40_000)
    assert log.evaluate("log => log.scrollTop") == where
    button.click()
    expect(page.locator(".l", has_text="line 500")).to_be_visible()
    expect(button).to_be_hidden()
    assert shown(page) == list(range(1, 501))


@pytest.mark.timeout(180)
def test_a_dropped_connection_costs_no_line(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = count(studio, scripts, 400, 0.04)
    page = open_tab(f"/runs/{run}/log/", forgive=NO_CONNECTION)
    expect(page.locator(".l", has_text="line 20").first).to_be_attached(timeout=30_000)
    studio.kill_part("web")
    expect(page.locator("#link-state")).to_have_text("polling", timeout=10_000)
    expect(page.locator("#link-state")).to_have_text("live", timeout=60_000)
    expect(page.locator("[data-log-state]")).to_have_text("complete", timeout=60_000)
    assert shown(page) == list(range(1, 401))


def test_without_websockets_the_page_asks(studio: Studio, scripts: Path, open_tab: OpenTab) -> None:
    run = count(studio, scripts, 100, 0.05)
    page = open_tab("/help/")
    page.route_web_socket("**/ws/", lambda socket: socket.close())
    page.goto(f"/runs/{run}/log/")
    expect(page.locator("#link-state")).to_have_text("polling")
    expect(page.locator("[data-log-state]")).to_have_text("complete", timeout=40_000)
    assert shown(page) == list(range(1, 101))
    expect(page.locator("#run-head .status")).to_have_text("completed", timeout=10_000)


def test_a_long_log_keeps_its_end_in_the_page(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = count(studio, scripts, 30_000, 0)
    page = open_tab(f"/runs/{run}/log/")
    expect(page.locator("[data-log-state]")).to_have_text("complete", timeout=40_000)
    eventually(lambda: shown(page)[-1:] == [30_000], what="the last line in the page")
    numbers = shown(page)
    assert numbers == list(range(numbers[0], 30_001))
    assert len(numbers) <= 10_000
    page.locator("[data-log-earlier]").click()
    page.wait_for_url("**/log/?from=*")
    expect(page.locator("[data-log-span]")).to_contain_text("of 30,000")
    assert shown(page)[-1] >= numbers[0] - 1
    page.get_by_role("link", name="earlier lines").click()
    page.wait_for_url(f"**/log/?from={numbers[0] - 20_000}")
    assert shown(page)[0] == numbers[0] - 20_000


def test_lines_are_painted_as_the_server_paints_them(open_tab: OpenTab) -> None:
    page = open_tab("/help/")
    painted = page.evaluate(
        """async (lines) => {
            const { Pen, paint } = await import("/static/js/ansi.js");
            return lines.map((line) => {
                const element = document.createElement("span");
                paint(element, line, new Pen());
                return element.innerHTML;
            });
        }""",
        [line for line, _ in EXAMPLES],
    )
    assert painted == [line_html(line, Pen()) for line, _ in EXAMPLES]
