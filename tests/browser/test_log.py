"""The log on the screen: it moves, it stays where one reads, it survives a dropped connection."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import STUDIO_AWAY, OpenTab
from tests.studio_process import Studio
from tests.waiting import eventually

PLACE = ("--environment", "here")


def count(studio: Studio, scripts: Path, lines: int, pause: float, *go: Path) -> int:
    return studio.submit(scripts, *PLACE, "count.py", str(lines), str(pause), *map(str, go))


def shown(page: Page) -> list[int]:
    """The numbers that the script printed, as the page has them."""
    return [int(n) for n in re.findall(r"line (\d+)", page.locator(".log").text_content() or "")]


def test_lines_appear_while_the_run_goes_on(
    studio: Studio, scripts: Path, go: Path, open_tab: OpenTab
) -> None:
    run = count(studio, scripts, 60, 0.2, go)
    page = open_tab(f"/runs/{run}/log/")
    expect(page.locator("#link-state")).to_have_text("live")
    expect(page.locator(".l", has_text="line 5").first).to_be_visible(timeout=20_000)
    go.touch()
    expect(page.locator("[data-log-state]")).to_have_text("complete", timeout=30_000)
    assert shown(page) == list(range(1, 61))
    assert page.locator(".a-f2").count() == 60
    expect(page.locator("[data-log-span]")).to_have_text(re.compile("lines 1.60 of 60"))
    expect(page.locator("#run-head .status")).to_have_text("completed")


def test_reading_further_up_is_not_disturbed(
    studio: Studio, scripts: Path, go: Path, open_tab: OpenTab
) -> None:
    run = count(studio, scripts, 500, 0.02, go)
    page = open_tab(f"/runs/{run}/log/")
    log = page.locator(".log")
    expect(page.locator(".l", has_text="line 100").first).to_be_attached(timeout=30_000)
    log.hover()
    page.mouse.wheel(0, -400)
    button = page.locator("[data-log-end]")
    expect(button).to_be_visible(timeout=10_000)
    where = log.evaluate("log => log.scrollTop")
    expect(button).to_contain_text("new line")
    go.touch()  # the rest comes in one burst, more than is told in one word
    expect(page.locator("[data-log-state]")).to_have_text("complete", timeout=40_000)
    eventually(lambda: shown(page) == list(range(1, 501)), what="all of a short log in the page")
    assert log.evaluate("log => log.scrollTop") == where
    button.click()
    expect(page.locator(".l", has_text="line 500")).to_be_visible()
    expect(button).to_be_hidden()


@pytest.mark.timeout(180)
def test_a_dropped_connection_costs_no_line(
    studio: Studio, scripts: Path, go: Path, open_tab: OpenTab
) -> None:
    run = count(studio, scripts, 400, 0.04, go)
    page = open_tab(f"/runs/{run}/log/", forgive=STUDIO_AWAY)
    expect(page.locator(".l", has_text="line 20").first).to_be_attached(timeout=30_000)
    studio.kill_part("web")
    expect(page.locator("#link-state")).to_have_text("polling", timeout=10_000)
    expect(page.locator("#link-state")).to_have_text("live", timeout=60_000)
    go.touch()
    expect(page.locator("[data-log-state]")).to_have_text("complete", timeout=60_000)
    assert shown(page) == list(range(1, 401))


def test_without_websockets_the_page_asks(
    studio: Studio, scripts: Path, go: Path, open_tab: OpenTab
) -> None:
    run = count(studio, scripts, 100, 0.2, go)
    page = open_tab("/help/")
    page.route_web_socket("**/ws/", lambda socket: socket.close())
    page.goto(f"/runs/{run}/log/")
    expect(page.locator("#link-state")).to_have_text("polling")
    expect(page.locator(".l", has_text="line 5").first).to_be_attached(timeout=20_000)
    go.touch()
    expect(page.locator("[data-log-state]")).to_have_text("complete", timeout=40_000)
    assert shown(page) == list(range(1, 101))
    expect(page.locator("#run-head .status")).to_have_text("completed", timeout=10_000)


def test_a_long_log_comes_and_goes_by_clusters(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = count(studio, scripts, 30_000, 0)
    studio.finished(run)
    page = open_tab(f"/runs/{run}/log/")
    span = page.locator("[data-log-span]")
    expect(span).to_have_text(re.compile("lines .*30,000 of 30,000"))
    assert shown(page)[-1] == 30_000
    page.keyboard.press("Home")
    expect(span).to_have_text(re.compile("^lines 1.200 of 30,000"))
    assert shown(page) == list(range(1, 201))
    last = "Number([...document.querySelectorAll('.c')].at(-1).dataset.k)"
    while (known := page.evaluate(last)) < 60:
        page.locator(f"[data-k='{known}'] .l").last.scroll_into_view_if_needed()
        eventually(lambda known=known: page.evaluate(last) > known, what="more clusters")
    numbers = shown(page)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert numbers[0] > 1
    assert page.locator(".c").count() == 50
    page.evaluate("document.querySelector('.log').scrollTop *= 2")
    eventually(lambda: shown(page)[0] != numbers[0], what="the place that was dragged to")
    page.keyboard.press("End")
    expect(page.locator("#L30000")).to_be_in_viewport()


def test_jumps_in_a_row_fetch_only_what_is_in_sight(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    page = open_tab(f"/runs/{count(studio, scripts, 30_000, 0)}/log/")
    expect(page.locator("[data-log-state]")).to_have_text("complete", timeout=30_000)
    fetched = page.evaluate("""async () => {
      const log = document.querySelector("run-log");
      await log.goTo(20_100);
      performance.clearResourceTimings();
      for (const line of [2_100, 7_100, 12_100, 14_300]) await log.goTo(line);
      return performance.getEntriesByType("resource").map((each) => each.name);
    }""")
    numbers = [int(n) for n in re.findall(r"cluster/(\d+)/", " ".join(fetched))]
    assert numbers == [10, 35, 60, 71]
    expect(page.locator("#L14300")).to_be_in_viewport()
    expect(page.locator(".c[data-k='72']")).to_be_attached()


def test_a_log_of_ten_thousand_lines_is_in_the_page(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = count(studio, scripts, 10_000, 0)
    studio.finished(run)
    page = open_tab(f"/runs/{run}/log/")
    expect(page.locator("[data-log-span]")).to_have_text(
        re.compile("lines 1.10,000 of 10,000"), timeout=30_000
    )
    assert shown(page) == list(range(1, 10_001))
    assert page.evaluate("window.find('line 77 ') || window.find('line 4321')")


def test_a_line_is_a_link_three_clicks_from_home(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    (scripts / "fails.py").write_text(
        "for n in range(1, 12001): print('line', n)\nraise SystemExit(3)\n"
    )
    run = studio.submit(scripts, *PLACE, "fails.py")
    assert studio.finished(run)["status"] == "failed"
    page = open_tab("/")
    page.locator(f"a[href='/runs/{run}/']").first.click()
    page.get_by_role("link", name="Log", exact=True).click()
    page.wait_for_url(f"**/runs/{run}/log/")  # its modules have run then: who clicks is heard
    page.locator("#L11990").click(position={"x": 20, "y": 8})
    expect(page).to_have_url(re.compile(f"/runs/{run}/log/#L11990$"))
    page.locator("#L11993").click(position={"x": 20, "y": 8}, modifiers=["Shift"])
    expect(page).to_have_url(re.compile("#L11990-L11993$"))
    expect(page.locator("[data-log-picked-lines]")).to_have_text(re.compile("Lines 11,990.11,993"))
    page.reload()
    expect(page.locator(".sel")).to_have_count(4)
    page.goto("/help/")
    page.goto(f"/runs/{run}/log/#L700-L702")  # far outside of what the page comes with
    expect(page.locator("#L701.sel")).to_be_in_viewport()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy lines").click()
    text = eventually(lambda: page.evaluate("navigator.clipboard.readText()"))
    assert text == "line 700\nline 701\nline 702"


def test_a_search_walks_through_all_of_the_log(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = count(studio, scripts, 20_000, 0)
    studio.finished(run)
    page = open_tab(f"/runs/{run}/log/#L5", forgive=("422",))
    expect(page.locator("#L5")).to_be_in_viewport()
    hits = page.locator("[data-log-hits]")
    box = page.get_by_role("searchbox", name="Search the whole log")
    box.fill("line 77")
    expect(hits).to_have_text("1 of 111")
    expect(page.locator("#L77.hit.at")).to_be_in_viewport()
    box.press("F3")
    expect(page.locator("#L770.at")).to_be_in_viewport()
    page.locator(".log").focus()
    page.keyboard.press("N")
    page.keyboard.press("N")
    expect(hits).to_have_text("111 of 111")
    expect(page.locator("#L7799.at")).to_be_in_viewport()
    page.get_by_label("Regular expression").check()
    box.fill("line (")
    expect(hits).to_contain_text("no regular expression")
    box.fill("line 1999[89]$")
    expect(hits).to_contain_text("of 2")
    box.press("Escape")
    expect(hits).to_have_text("")


def test_bars_fold_and_open_and_groups_that_went_well_fold(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    (scripts / "shows.py").write_text(SHOWS)
    run = studio.submit(scripts, *PLACE, "shows.py")
    assert studio.finished(run)["status"] == "failed"
    page = open_tab(f"/runs/{run}/log/")
    expect(page.locator(".log-opened")).to_contain_text("Opened at the first error, line 214")
    expect(page.locator("#L214.err.at")).to_be_in_viewport()
    expect(page.locator("[data-log-errors]")).to_have_text("2 errors")
    expect(page.locator("#L2 .said")).to_have_attribute("data-said", re.compile("^5 lines"))
    expect(page.locator("#L3")).to_be_hidden()
    page.get_by_role("button", name="Install: unfold").click()
    expect(page.locator("#L3")).to_be_visible()
    bars = page.locator("#L9")
    assert (bars.text_content() or "").split() == ["outer", "1", "inner", "99"]
    assert bars.get_attribute("data-to") == "210"
    bars.get_by_role("button", name="202 updates").click()
    expect(bars.locator(".st")).to_have_count(202)
    page.locator("[data-log-errors]").click()
    page.locator("[data-log-errors]").click()
    expect(page.locator("#L216.at")).to_be_in_viewport()
    page.get_by_role("button", name="times").click()
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d\d *", page.locator("#L1").get_attribute("data-at") or ""
    )
    page.reload()
    expect(page.locator("[data-log-times]")).to_have_attribute("aria-pressed", "true")


def test_bars_that_move_stay_one_row(studio: Studio, scripts: Path, open_tab: OpenTab) -> None:
    (scripts / "bars.py").write_text(BARS)
    run = studio.submit(scripts, *PLACE, "bars.py")
    page = open_tab(f"/runs/{run}/log/")
    expect(page.locator("#L1[data-u]")).to_be_visible(timeout=20_000)
    expect(page.locator("[data-log-state]")).to_have_text("complete", timeout=40_000)
    rows = page.locator(".l")
    expect(rows).to_have_count(2)
    assert (rows.first.text_content() or "").split() == ["outer", "5", "inner", "599"]
    expect(page.locator("#L1 .ups")).to_have_attribute("data-said", "1,200 updates")
    expect(page.locator("[data-log-span]")).to_have_text(re.compile("lines 1.603 of 603"))


def test_without_scripts_a_log_can_be_read(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = count(studio, scripts, 3_000, 0)
    studio.finished(run)
    page = open_tab(f"/runs/{run}/log/", java_script_enabled=False)
    assert shown(page)[-1] == 3_000
    expect(page.locator(".log-tools")).to_be_hidden()
    page.get_by_role("link", name="earlier lines").click()
    eventually(lambda: shown(page)[0] == 1, what="the earlier lines")
    page.goto(f"/runs/{run}/log/?line=700")
    assert 700 in shown(page)
    page.get_by_role("link", name="end of the log").click()
    eventually(lambda: shown(page)[-1] == 3_000, what="the end")


SHOWS = """
import sys
say = sys.stdout.write
say("begins\\n##[group]Install\\n")
for n in range(4): say(f"package {n}\\n")
say("##[endgroup]\\n--- Train\\n")
for outer in range(2):
    say(f"\\router {outer}")
    for inner in range(100): say(f"\\n\\rinner {inner}\\x1b[A")
say("\\n\\n1\\n2\\n\\n")
say("\\x1b[31mERROR\\x1b[0m could not be saved\\n+++ End\\n")
raise ValueError("no")
"""

BARS = """
import sys, time
for n in range(600):
    sys.stdout.write(f"\\router {n // 100}\\n\\rinner {n}\\x1b[A")
    sys.stdout.flush()
    time.sleep(0.005)
print("\\n\\ndone")
"""
