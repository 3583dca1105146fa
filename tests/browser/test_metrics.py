"""Charts in a browser: a run that logs, looked at closely, in both themes, by mouse and by keys."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.browser.axe import findings_in_both_themes
from tests.browser.conftest import OpenTab
from tests.browser.intercept import intercept
from tests.studio_process import Studio
from tests.waiting import eventually

SCRIPT = """
import os, sys, time
from studio.client import Run
run = Run.get_context()
for step in range(int(sys.argv[1])):
    run.log("train/loss", 1 / (step + 1), step=step)
    run.log("train/odd", float("nan") if step == 50 else step, step=step)
run.log("verdict", "fine")
while len(sys.argv) > 2 and not os.path.exists(sys.argv[2]):
    time.sleep(0.05)
for step in range(100):
    run.log("train/loss", 1.5, step=int(sys.argv[1]) + step)
while len(sys.argv) > 2 and not os.path.exists(sys.argv[2] + ".end"):
    time.sleep(0.05)
run.log("train/loss", 2.5, step=int(sys.argv[1]) + 100)
time.sleep(1.5)  # so that its resources are sampled once
"""


SHOW_ONLY = """
async (card, text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0);
  card.replaceChildren(canvas);
}
"""
"""A saved picture in the place of the chart it was made of."""


@pytest.fixture(scope="module")
def logging(studio: Studio) -> Path:
    """A script directory whose train.py logs so many points, and waits for files."""
    folder = studio.data_dir.parent / "logging"
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text(SCRIPT)
    return folder


@pytest.fixture(scope="module")
def long_run(studio: Studio, logging: Path) -> int:
    """A run that logged more points than a chart has columns."""
    run = studio.submit(logging, "--environment", "here", "train.py", "6000")
    assert studio.finished(run)["status"] == "completed"
    return run


def card(page: Page, name: str) -> Locator:
    return page.locator(f'.chart-card[data-name="{name}"]')


def asked(request: Request) -> dict[str, list[str]]:
    return parse_qs(urlparse(request.url).query)


def is_series(request: Request) -> bool:
    return "/series/" in request.url


def spoken(chart: Locator, key: str) -> str:
    """What a reader hears after a key."""
    chart.locator(".chart").press(key)
    return chart.locator("[aria-live]").inner_text()


def pixels(chart: Locator, colour: str) -> int:
    """How many pixels of a chart have the colour that a variable of the page has now."""
    return int(
        chart.evaluate(
            """(card, name) => {
              const probe = document.body.appendChild(document.createElement("i"));
              probe.style.color = `var(--${name})`;
              const [r, g, b] = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
              probe.remove();
              const canvas = card.querySelector("canvas");
              const { width, height } = canvas;
              const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
              const isIt = (i) => data[i] === r && data[i + 1] === g && data[i + 2] === b;
              let count = 0;
              for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && isIt(i)) count++;
              return count;
            }""",
            colour,
        )
    )


def test_a_chart_grows_while_its_run_goes_on(
    studio: Studio, logging: Path, open_tab: OpenTab, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    run = studio.submit(logging, "--environment", "here", "train.py", "60", str(more))
    page = open_tab(f"/runs/{run}/metrics/")
    loss = card(page, "train/loss")
    expect(loss.locator("canvas")).to_be_visible(timeout=30_000)
    eventually(lambda: spoken(loss, "End").startswith("step 59: "), what="all that it has so far")
    requests: list[Request] = []
    page.on("request", lambda request: is_series(request) and requests.append(request))
    more.touch()
    summary = re.compile("last 1.5 at 159")
    expect(loss.locator(".chart")).to_have_attribute("aria-label", summary, timeout=10_000)
    eventually(lambda: spoken(loss, "End") == "step 159: 1.5", what="the chart to have the end")
    tails = [asked(request)["have"][0] for request in requests]
    assert tails[0] == "60,0,0,59"  # only what it lacks
    with page.expect_response(lambda answer: "from=" in answer.url):
        loss.locator(".chart").press("+")
    expect(page.get_by_role("button", name="Show all")).to_be_visible()
    requests.clear()
    Path(f"{more}.end").touch()
    expect(loss.locator(".chart")).to_have_attribute("aria-label", re.compile("last 2.5 at 160"))
    assert requests == []  # who looks closely is not disturbed
    assert spoken(loss, "End") != "step 160: 2.5"
    loss.locator(".chart").press("0")
    eventually(lambda: spoken(loss, "End") == "step 160: 2.5", what="all of it")
    page.get_by_label("Filter metrics by name").fill("^train/o")
    expect(loss).to_be_hidden()
    expect(card(page, "train/odd").locator(".chart-note")).to_have_text("1 value is not finite.")
    expect(page.locator(".tile", has_text="verdict")).to_be_hidden()
    studio.finished(run)


def test_points_are_asked_for_while_what_draws_them_is_on_its_way(
    long_run: int, open_tab: OpenTab
) -> None:
    page = open_tab("/help/")
    held: list[Route] = []
    intercept(page, "**/uPlot.iife*.js", lambda route: held.append(route))  # noqa: PLW0108  (Playwright marks it)
    with page.expect_request(is_series) as first:
        page.goto(f"/runs/{long_run}/metrics/", wait_until="commit")
    assert asked(first.value)["keys"] == ["train/loss", "train/odd"]
    loss = card(page, "train/loss")
    expect(loss.locator("canvas")).to_have_count(0)
    eventually(lambda: held, what="the drawing script to be asked for")[0].continue_()
    expect(loss.locator("canvas")).to_be_visible()


def test_a_chart_says_when_what_draws_it_does_not_arrive(long_run: int, open_tab: OpenTab) -> None:
    page = open_tab("/help/", forgive=("ERR_FAILED",))
    intercept(page, "**/uPlot.iife*.js", lambda route: route.abort())
    page.goto(f"/runs/{long_run}/metrics/")
    note = card(page, "train/loss").locator(".chart-note")
    expect(note).to_have_text(re.compile("could not be loaded.*load the page again"))


def test_looking_closely_shows_every_point(long_run: int, open_tab: OpenTab) -> None:
    page = open_tab(f"/runs/{long_run}/metrics/")
    loss, odd = card(page, "train/loss"), card(page, "train/odd")
    expect(odd.locator("canvas")).to_be_visible()
    box = loss.locator(".u-over").bounding_box()
    assert box
    with page.expect_request(is_series) as zoomed:
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 30, steps=3)
        page.mouse.up()
    query = asked(zoomed.value)
    assert query["keys"] == ["train/loss", "train/odd"]  # both in one request
    start, end = float(query["from"][0]), float(query["to"][0])
    assert 2_900 < start < 3_100 < 3_600 < end < 3_720
    answer = zoomed.value.response()
    assert answer
    assert answer.json()["series"]["train/odd"]["width"] == 0
    first = f"step {int(start) + 1:,}: {int(start) + 1:,}"
    eventually(lambda: spoken(odd, "Home") in {first, f"step {int(start):,}: {int(start):,}"},
               what="the window to begin where it was drawn")  # fmt: skip
    page.get_by_role("button", name="Show all").click()
    eventually(lambda: spoken(odd, "Home").startswith("step 0:"), what="all of it")


def test_the_table_says_what_the_chart_says(long_run: int, open_tab: OpenTab) -> None:
    page = open_tab(f"/runs/{long_run}/metrics/")
    loss = card(page, "train/loss")
    expect(loss.locator("canvas")).to_be_visible()
    page.get_by_role("button", name="Table", exact=True).click()
    expect(loss).to_be_hidden()
    cells = page.locator('tr[data-name="train/loss"] td').all_inner_texts()
    assert cells == ["2.5", "6,100", "0.000166667", "5,999", "2.5", "6,100", "6,101"]
    page.get_by_role("button", name="Charts", exact=True).click()
    with page.expect_response("**/series/**from=**") as near:
        for _ in range(4):
            loss.locator(".chart").press("+")
    drawn = near.value.json()["series"]["train/loss"]
    assert drawn["max"][0] == 1 / (drawn["x"][0] + 1)


def test_charts_take_the_colours_of_the_theme(long_run: int, open_tab: OpenTab) -> None:
    page = open_tab(f"/runs/{long_run}/metrics/", color_scheme="light", forgive=("Canvas2D",))
    odd = card(page, "train/odd")
    expect(odd.locator("canvas")).to_be_visible()
    eventually(lambda: pixels(odd, "chart-1") > 50, what="a line in the theme's colour")
    assert pixels(odd, "line") > 200
    assert pixels(odd, "bad") > 5
    page.emulate_media(color_scheme="dark")
    eventually(lambda: pixels(odd, "line") > 200, what="the grid in the dark theme's colour")
    assert pixels(odd, "chart-1") > 50
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    eventually(lambda: pixels(odd, "line") > 200, what="the grid in the light theme's colour")


def test_charts_can_be_used_by_everybody(long_run: int, open_tab: OpenTab) -> None:
    page = open_tab("/help/", viewport={"width": 390, "height": 844})
    for tab in ("metrics", "resources"):
        page.goto(f"/runs/{long_run}/{tab}/")
        expect(page.locator(".chart canvas").first).to_be_visible()
        for view in ("Charts", "Table"):
            page.get_by_role("button", name=view, exact=True).click()
            assert findings_in_both_themes(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_pins_smoothing_and_axes_are_kept(long_run: int, open_tab: OpenTab) -> None:
    page = open_tab(f"/runs/{long_run}/metrics/")
    card(page, "train/odd").get_by_role("button", name="Pin train/odd to the top").click()
    page.get_by_label("smoothing").fill("0.9")
    with page.expect_request(is_series) as request:
        page.get_by_label("over").select_option("relative")
    assert asked(request.value)["x"] == ["relative"]
    page.reload()
    expect(page.locator(".chart-group h2").first).to_have_text("Pinned")
    expect(page.locator(".chart-card").first).to_have_attribute("data-name", "train/odd")
    expect(page.get_by_label("over")).to_have_value("relative")
    expect(page.get_by_label("smoothing")).to_have_value("0.9")
    with page.expect_download() as picture:
        card(page, "train/odd").get_by_role("button", name="as a picture").click()
    assert Path(picture.value.path()).read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_is_asked_for_early_comes_when_the_chart_is_drawn(
    long_run: int, open_tab: OpenTab
) -> None:
    page = open_tab("/", forgive=("Canvas2D",))
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/series/**", hold)
    page.goto(f"/runs/{long_run}/metrics/")
    loss = card(page, "train/loss")
    loss.get_by_role("button", name="as a picture").click()
    expect(loss.locator(".chart-note")).to_have_text("It is saved as soon as it is drawn.")
    eventually(lambda: page.evaluate("1") and held, what="the chart to be asked for")
    with page.expect_download() as picture:
        eventually(lambda: held, what="the drawing script to be asked for")[0].continue_()
    expect(loss.locator(".chart-note")).to_be_hidden()
    kept = base64.b64encode(Path(picture.value.path()).read_bytes()).decode()
    loss.evaluate(SHOW_ONLY, kept)
    assert pixels(loss, "chart-1") > 50  # not an empty frame


def test_without_scripts_there_is_the_table(long_run: int, open_tab: OpenTab) -> None:
    page = open_tab(f"/runs/{long_run}/metrics/", java_script_enabled=False)
    expect(page.get_by_role("rowheader", name="verdict")).to_be_visible()
    expect(page.get_by_label("smoothing")).to_be_hidden()
    with page.expect_download() as file:
        page.get_by_role("link", name="JSON").click()
    assert len(json.loads(Path(file.value.path()).read_text())["train/loss"]) == 6_101


def test_resources_are_lanes_over_one_time(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = studio.submit(scripts, "--environment", "here", "count.py", "25", "0.1")
    page = open_tab(f"/runs/{run}/resources/")
    memory, cpu = card(page, "Memory"), card(page, "CPU")
    expect(memory.locator("canvas")).to_be_visible(timeout=20_000)
    expect(memory.locator(".readout")).to_contain_text("MB of")
    memory.locator(".chart").press("End")
    place = memory.locator(".readout").inner_text().split(":")[0]
    expect(cpu.locator(".readout")).to_contain_text(f"{place}: ")  # one cursor for both
    page.get_by_role("button", name="Table", exact=True).click()
    assert page.get_by_role("row", name="Memory").locator("td.num").count() == 5
    studio.finished(run)
