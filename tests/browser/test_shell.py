"""What every page has: the palette, keys, messages, and a connection that comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, WebSocket, expect

from tests.browser.conftest import STUDIO_AWAY, OpenTab
from tests.browser.intercept import intercept
from tests.studio_process import Studio
from tests.waiting import eventually

PLACE = ("--environment", "here")


@pytest.fixture
def ended(studio: Studio, scripts: Path) -> int:
    """A run that is over, of a name that no other has."""
    run = studio.submit(scripts, *PLACE, "--name", "heron", "count.py", "1", "0")
    studio.finished(run)
    return run


def test_the_palette_leads_anywhere_by_keys_alone(ended: int, open_tab: OpenTab) -> None:
    page = open_tab("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("hero", delay=0)  # faster than the palette comes
    first = page.get_by_role("option").first
    expect(first).to_contain_text(f"{ended} heron", timeout=20_000)
    expect(page.get_by_role("combobox")).to_have_attribute("aria-activedescendant", "palette-0")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{ended}/")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option").first).to_contain_text("heron")  # the last choice
    page.keyboard.type("theme dark")
    expect(page.get_by_role("option")).to_have_text(["actionTheme: dark"])
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize(
    ("key", "module"), [("Control+k", "command-palette"), ("?", "shortcut-help")]
)
def test_escape_takes_a_dialog_back_that_is_still_on_its_way(
    key: str, module: str, open_tab: OpenTab
) -> None:
    page = open_tab("/")
    held = held_back(page, f"**/{module}*.js")
    page.keyboard.press(key)
    eventually(lambda: page.evaluate("1") and held, what="the dialog's module to be asked for")
    page.keyboard.type("her")
    page.keyboard.press("Escape")
    held[0].continue_()
    page.evaluate("async (url) => { await import(url); }", held[0].request.url)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_be_visible()
    if module == "command-palette":
        expect(page.get_by_role("combobox")).to_have_value("")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_escape_closes_the_palette_whose_answer_is_late(ended: int, open_tab: OpenTab) -> None:
    page = open_tab("/")
    held_back(page, "**/find/?q=*")
    for _ in range(3):  # the palette is there by now: nothing but its answer is waited for
        page.keyboard.press("Control+k")
        page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.unroute("**/find/?q=*")
    page.keyboard.press("Control+k")
    page.keyboard.type("heron")
    expect(page.get_by_role("option").first).to_contain_text(f"{ended} heron")


def held_back(page: Page, pattern: str) -> list[Route]:
    """Requests that are not answered until the test says so."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    intercept(page, pattern, hold)
    return held


def test_keys_go_places_until_they_are_switched_off(open_tab: OpenTab) -> None:
    page = open_tab("/")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/targets/")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_contain_text("Go to experiments")
    sheet.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.goto("/help/")
    page.keyboard.press("s")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    assert page.url.endswith("/help/")


def test_keys_are_letters_while_one_types(open_tab: OpenTab) -> None:
    page = open_tab("/experiments/")
    page.keyboard.press("/")
    field = page.get_by_label("Name")
    expect(field).to_be_focused()
    page.keyboard.type("gts?")
    expect(field).to_have_value("gts?")
    assert page.url.endswith("/experiments/")


def test_pausing_holds_runs_back_until_it_is_undone(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    page = open_tab("/targets/local/")
    page.get_by_role("button", name="Pause").click()
    note = page.locator("toast-note")
    expect(note).to_contain_text("local is paused")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    note.hover()  # so that it stays
    run = studio.submit(scripts, *PLACE, "--name", "patient", "count.py", "1", "0")
    waiting = page.locator("#target-live")
    expect(waiting).to_contain_text("local is paused by owner since", timeout=10_000)
    assert studio.run(run)["status"] == "queued"
    note.get_by_role("button", name="Undo").click()
    expect(note).to_contain_text("local starts runs again.")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert studio.finished(run)["status"] == "completed"
    page.keyboard.press("Escape")
    expect(note).to_have_count(0)


def test_a_message_goes_by_itself_unless_it_is_read(open_tab: OpenTab) -> None:
    page = open_tab("/targets/local/")
    page.clock.install()
    page.get_by_role("button", name="Test now").click()
    note = page.locator("toast-note")
    expect(note).to_contain_text("local answers")
    note.hover()
    page.clock.run_for(60_000)
    expect(note).to_be_visible()
    page.mouse.move(0, 0)
    page.clock.run_for(11_000)
    expect(note).to_have_count(0)


def test_a_part_that_is_refused_says_so(open_tab: OpenTab) -> None:
    page = open_tab("/", forgive=("404",))
    page.evaluate("htmx.ajax('GET', '/runs/999999/live/', '#home')")
    expect(page.get_by_role("alert")).to_contain_text("There is no run '999999'")
    expect(page.locator("#home")).to_contain_text("My live runs")


def test_a_page_outlives_the_web_process(studio: Studio, scripts: Path, open_tab: OpenTab) -> None:
    page = open_tab("/", forgive=STUDIO_AWAY)
    state = page.locator("#link-state")
    expect(state).to_have_text("live")
    page.evaluate("window.isSame = true")
    studio.kill_part("web")
    run = studio.submit(scripts, *PLACE, "--name", "afterwards", "count.py", "200", "0.05")
    expect(state).to_have_text("live", timeout=30_000)
    expect(page.locator("#home")).to_contain_text("afterwards", timeout=15_000)
    assert page.evaluate("window.isSame")
    studio.api(f"/runs/{run}/cancel", {})
    assert studio.finished(run)["status"] == "canceled"


def test_a_laptop_that_slept_connects_anew(open_tab: OpenTab) -> None:
    page = open_tab("/help/")
    page.clock.install()
    sockets: list[WebSocket] = []

    def opened(socket: WebSocket) -> None:
        sockets.append(socket)

    page.on("websocket", opened)
    page.goto("/")
    expect(page.locator("#link-state")).to_have_text("live")
    assert len(sockets) == 1
    page.clock.fast_forward("08:00:00")  # the lid is closed over night, and opened
    eventually(lambda: page.evaluate("1") and len(sockets) == 2, what="a second connection")
    expect(page.locator("#link-state")).to_have_text("live")


def test_the_error_of_a_failed_run_is_one_click_from_home(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = studio.submit(scripts, *PLACE, "--name", "wrong", "count.py", "one")
    assert studio.finished(run)["status"] == "failed"
    page = open_tab("/")
    page.get_by_role("link", name="ValueError: invalid literal").first.click()
    page.wait_for_url(f"**/runs/{run}/log/**")
    expect(page.locator(".log")).to_contain_text("Traceback")


def test_a_page_without_network_says_since_when(open_tab: OpenTab) -> None:
    page = open_tab("/", forgive=STUDIO_AWAY)
    state = page.locator("#link-state")
    expect(state).to_have_text("live")
    page.context.set_offline(True)
    expect(state).to_contain_text("offline, data as of")
    expect(page.locator("#offline-bar")).to_be_visible()
    page.context.set_offline(False)
    expect(state).to_have_text("live", timeout=15_000)
    expect(page.locator("#offline-bar")).to_be_hidden()


def test_a_phone_shows_which_tab_one_is_on(ended: int, open_tab: OpenTab) -> None:
    page = open_tab(f"/runs/{ended}/events/", viewport={"width": 390, "height": 844})
    expect(page.locator(".tabs [aria-current]")).to_be_in_viewport(ratio=0.9)
    page.goto("/data/")
    expect(page.locator(".topbar nav [aria-current]")).to_be_in_viewport(ratio=0.9)
