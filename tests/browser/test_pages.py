"""Pages in a browser: rows that stay in place, no scripts, both themes, narrow screens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize, expect

from tests.browser.axe import bring_axe, findings_in_both_themes
from tests.browser.conftest import OpenTab
from tests.browser.pages import MISSING, PAGES
from tests.studio_process import Studio
from tests.waiting import eventually

PLACE = ("--environment", "here")
MEASURE = """
import json, os, time
with open(os.environ["RUNYARD_METRICS"], "a") as file:
    for name in ("validation/accuracy", "validation/loss", "train/loss"):
        print(json.dumps({"n": name, "v": 0.25, "s": 1, "t": time.time()}), file=file)
"""
ENDLESS = """document.getAnimations().filter(({ effect }) =>
  effect.getComputedTiming().endTime === Infinity).map(({ animationName }) => animationName)"""


@pytest.fixture
def ended(studio: Studio, scripts: Path) -> int:
    """A run that is over, with more to say of it than its name."""
    (scripts / "measure.py").write_text(MEASURE)
    words = ("--tag", "k=v", "--experiment", "ridge", "--save-as", "counted")
    run = studio.submit(scripts, *PLACE, *words, "measure.py")
    assert studio.finished(run)["status"] == "completed"
    return run


def test_rows_change_in_place_and_new_runs_wait(
    studio: Studio, scripts: Path, go: Path, ended: int, open_tab: OpenTab
) -> None:
    run = studio.submit(scripts, *PLACE, "count.py", "600", "0.1", str(go))
    page = open_tab("/runs/")
    row = page.locator(f"#run-{run}")
    before = page.locator("tbody tr").count()
    expect(row.locator(".status")).to_have_text("running", timeout=20_000)
    newer = studio.submit(scripts, *PLACE, "count.py", "1", "0")
    bar = page.locator("[data-new-runs]")
    expect(bar).to_have_text("1 new run: show", timeout=10_000)
    go.touch()
    expect(row.locator(".status")).to_have_text("completed", timeout=30_000)
    assert page.locator("tbody tr").count() == before
    bar.get_by_role("link").click()
    expect(page.locator(f"#run-{newer}")).to_be_visible()


def test_the_bar_of_phases_grows_while_a_phase_goes_on(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = studio.submit(scripts, *PLACE, "--", "sleep", "60")
    page = open_tab(f"/runs/{run}/")
    expect(page.locator("#run-head .status")).to_have_text("running", timeout=20_000)
    assert page.evaluate(ENDLESS) == []  # a page at rest draws nothing
    part = page.locator(".phases .phase-running")
    eventually(
        lambda: float(part.get_attribute("width") or 0) > 900, timeout_s=30, what="the bar to grow"
    )
    page.get_by_role("button", name="Cancel").click()
    assert studio.finished(run)["status"] == "canceled"


def test_everything_works_without_scripts(studio: Studio, scripts: Path, open_tab: OpenTab) -> None:
    page = open_tab("/submit/", java_script_enabled=False)
    page.get_by_role("radio", name="On the server").check()
    page.get_by_label("Server folder").fill(str(scripts))
    page.get_by_label("Script", exact=True).fill("count.py")
    page.get_by_label("Arguments").fill("3 0")
    page.get_by_role("radio", name="here", exact=True).check()
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url("**/runs/*/")
    run = int(re.search(r"/runs/(\d+)/", page.url)[1])  # type: ignore[index]
    studio.finished(run)
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.locator(".log")).to_contain_text("line 3")
    page.goto("/runs/?q=count")
    page.get_by_role("searchbox", name="Filter").fill('"nothing like it"')
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("No run matches.")).to_be_visible()


def test_a_mistake_keeps_what_was_typed(scripts: Path, open_tab: OpenTab) -> None:
    page = open_tab("/submit/", forgive=("422",))
    page.get_by_role("radio", name="On the server").check()
    page.get_by_label("Server folder").fill(str(scripts))
    page.get_by_label("Script", exact=True).fill("cuont.py")
    page.get_by_label("Name", exact=True).fill("kept")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#id_script-problem")).to_contain_text("did you mean count.py")
    expect(page.get_by_label("Name", exact=True)).to_have_value("kept")


def test_only_the_chosen_source_is_asked_for(open_tab: OpenTab) -> None:
    page = open_tab("/submit/")
    page.get_by_role("radio", name="On the server").check()
    expect(page.get_by_label("Zip or tar file", exact=True)).to_be_hidden()
    page.get_by_role("radio", name="Zip or tar").check()
    expect(page.get_by_label("Zip or tar file", exact=True)).to_be_visible()
    expect(page.get_by_label("Server folder")).to_be_hidden()


def test_the_theme_button_goes_round_and_is_remembered(open_tab: OpenTab) -> None:
    page = open_tab("/help/", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    button = page.locator("theme-toggle button")
    button.click()  # light
    button.click()  # dark
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
    button.click()  # system
    assert page.evaluate(ground) == light


@pytest.mark.timeout(300)
def test_every_page_can_be_used_by_everybody(ended: int, open_tab: OpenTab) -> None:
    """Each is loaded once, on a telephone; the telephone then grows to a desk."""
    telephone: ViewportSize = {"width": 390, "height": 844}
    desk: ViewportSize = {"width": 1280, "height": 800}
    page = open_tab("/", viewport=telephone, reduced_motion="reduce", forgive=("404",))
    bring_axe(page)
    wide, found = {}, {}
    for path in PAGES:
        page.set_viewport_size(telephone)
        answer = page.goto(path.format(run=ended))
        assert answer is not None
        assert answer.status == (404 if path == MISSING else 200), path
        expect(page.locator(".htmx-request")).to_have_count(0)  # what it fetches is there
        wide[path] = page.evaluate("document.documentElement.scrollWidth")
        page.set_viewport_size(desk)
        found[path] = findings_in_both_themes(page)
    assert {path: width for path, width in wide.items() if width > 390} == {}
    assert {path: what for path, what in found.items() if what} == {}
