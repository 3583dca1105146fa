"""The list of runs in a browser: filtering, columns, views, many runs at once, the way back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.axe import findings
from tests.browser.conftest import OpenTab
from tests.browser.intercept import intercept
from tests.studio_process import Studio
from tests.waiting import eventually

SCRIPT = """\
import json, os, sys, time
with open(os.environ["RUNYARD_METRICS"], "a") as file:
    point = {"n": "val/r2", "v": float(sys.argv[2]), "s": 1, "t": time.time()}
    file.write(json.dumps(point) + "\\n")
"""
SLOW = {"timeout": 15_000}


@pytest.fixture(scope="module")
def measured(studio: Studio) -> Iterator[list[int]]:
    """Three runs with the tag `journey` and a metric: 0.2, 0.9, 0.5."""
    folder = studio.data_dir.parent / "measure"
    folder.mkdir()
    (folder / "measure.py").write_text(SCRIPT)
    runs = [
        studio.submit(
            folder, "--environment", "here", "--tag", "journey", "--experiment", "measured ones",
            "measure.py", "--r2", value,
        )
        for value in ("0.2", "0.9", "0.5")
    ]  # fmt: skip
    for run in runs:
        assert studio.finished(run)["status"] == "completed"
        assert studio.run(run)["metrics"]["val/r2"]
    yield runs
    for run in runs:
        studio.api(f"/runs/{run}?forever=true", method="DELETE")


def shown(page: Page) -> list[int]:
    """The runs of the table, in its order."""
    rows: list[str] = page.locator("tbody tr").evaluate_all("rows => rows.map((row) => row.id)")
    return [int(row.removeprefix("run-")) for row in rows]


def expect_runs(page: Page, runs: list[int]) -> None:
    """Wait until the table has these runs in this order, and no other; its scripts have run."""
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(len(runs))
    for place, run in enumerate(runs):
        expect(rows.nth(place)).to_have_id(f"run-{run}")
    page.wait_for_load_state()


def options(page: Page) -> Locator:
    return page.get_by_role("option")


def write(page: Page, text: str, offered: str) -> None:
    """Write into the filter, and take what is offered with the arrow and Enter."""
    page.keyboard.type(text)
    expect(options(page).first).to_contain_text(offered, **SLOW)
    page.keyboard.press("ArrowDown")
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")


def undo(page: Page) -> None:
    page.get_by_role("button", name="Undo").click()


def test_from_a_filter_to_a_saved_view_and_back_from_the_archive(
    measured: list[int], open_tab: OpenTab
) -> None:
    _, high, middle = measured
    page = open_tab("/runs/")
    page.get_by_role("combobox", name="Filter").click()
    write(page, "experiment:meas", '"measured ones"')
    page.keyboard.type("metr")
    expect(options(page).first).to_contain_text("metrics.", **SLOW)
    assert findings(page) == []
    write(page, "", "metrics.")
    write(page, "val", "val/r2")
    expect(options(page).first).to_be_hidden()
    page.keyboard.type(">0.3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 match")).to_be_visible(**SLOW)
    expect(page.get_by_role("combobox")).to_have_value(
        'experiment:"measured ones" metrics.val/r2>0.3'
    )
    expect_runs(page, [middle, high])

    page.get_by_role("link", name="Columns…").click()
    dialog = page.get_by_role("dialog", name="Columns")
    dialog.get_by_label("Find a column").fill("r2")
    expect(dialog.get_by_text("Submitted")).to_be_hidden()
    assert findings(page) == []
    dialog.get_by_label("metrics.val/r2").check()
    dialog.get_by_label("params.r2").check()
    dialog.get_by_role("button", name="Show these").click()
    page.get_by_role("link", name="val/r2").click()
    page.get_by_role("link", name="val/r2").click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text(re.compile("val/r2"))
    expect_runs(page, [high, middle])
    expect(page.locator(f"#run-{high} td.num").nth(2)).to_have_text("0.9")

    page.get_by_text("Save view…").click()
    page.get_by_label("Name of the view").fill("the good ones")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="All", exact=True).click()
    page.get_by_role("link", name="the good ones").click()
    expect_runs(page, [high, middle])
    assert page.locator("th", has_text="val/r2").count() == 1

    expect(page.get_by_role("button", name="Archive")).to_be_hidden()
    page.get_by_label("Choose all on this page").check()
    expect(page.locator("[data-count]")).to_have_text("2 chosen")
    assert findings(page) == []
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("Archived 2 runs.")).to_be_visible(**SLOW)
    expect(page.get_by_text("No run matches.")).to_be_visible()
    undo(page)
    expect(page.get_by_text("2 runs in the lists again.")).to_be_visible(**SLOW)
    expect_runs(page, [high, middle])
    page.get_by_role("button", name="Delete view").click()
    expect(page.get_by_role("link", name="the good ones")).to_have_count(0)


@pytest.mark.parametrize("comes", [True, False], ids=["it comes", "it does not"])
def test_a_late_answer_leaves_what_was_chosen(
    measured: list[int], open_tab: OpenTab, comes: bool
) -> None:
    page = open_tab("/runs/")
    box = page.get_by_role("combobox", name="Filter")
    late: list[Route] = []
    box.fill("experiment:mea")
    expect(options(page).first).to_contain_text('"measured ones"', **SLOW)
    intercept(page, "**/runs/complete/**", lambda route: late.append(route))  # noqa: PLW0108  (Playwright marks it)
    page.keyboard.type("s")
    page.keyboard.press("ArrowDown")
    eventually(lambda: page.evaluate("1") and late, what="the question")
    if comes:
        with page.expect_response("**/runs/complete/**"):
            late[0].continue_()
        page.evaluate("new Promise((done) => setTimeout(done))")  # once it is shown
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(box).to_have_value('experiment:"measured ones" ')


def test_by_keyboard_alone(studio: Studio, measured: list[int], open_tab: OpenTab) -> None:
    low, _, middle = measured
    page = open_tab("/runs/?q=tag:journey+sort:created")
    focused = page.locator("tr:focus-within")
    page.keyboard.press("j")
    expect(focused).to_have_id(f"run-{low}")
    page.keyboard.press("c")  # nothing is chosen: nothing happens
    page.keyboard.press("x")
    for _ in range(5):
        page.keyboard.press("j")
    expect(focused).to_have_id(f"run-{middle}")
    page.keyboard.press("Shift+X")
    expect(page.locator("[data-count]")).to_have_text("3 chosen")
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(page.locator("[data-count]")).to_have_text("2 chosen")
    page.keyboard.press("t")
    page.keyboard.type("ejxc=1")  # letters in a field are letters
    page.keyboard.press("Enter")
    expect(page.get_by_text("Tagged 2 runs with ejxc=1.")).to_be_visible(**SLOW)
    assert [("ejxc" in studio.run(run)["tags"]) for run in measured] == [True, False, True]
    page.keyboard.press("k")
    expect(focused).to_have_id(f"run-{middle}")
    page.keyboard.press("x")
    page.keyboard.press("e")
    expect(page.get_by_text("Archived 1 run.")).to_be_visible(**SLOW)
    undo(page)
    expect(page.locator(f"#run-{middle}")).to_be_visible(**SLOW)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{low}/")
    page.go_back()
    page.evaluate("document.documentElement.dataset.keys = 'off'")
    page.keyboard.press("j")
    expect(focused).to_have_count(0)


def test_many_at_once_without_scripts(
    studio: Studio, measured: list[int], open_tab: OpenTab
) -> None:
    page = open_tab("/runs/?q=tag:journey", java_script_enabled=False)
    for run in measured[:2]:
        page.get_by_label(f"Run {run}", exact=True).check()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Moved 2 runs to the trash")).to_be_visible()
    expect_runs(page, measured[2:])
    page.get_by_role("link", name="Trash").click()
    with_scripts = open_tab("/runs/trash/")
    with_scripts.get_by_label(f"Run {measured[0]}", exact=True).check()
    expect(with_scripts.locator("[data-count]")).to_have_text("1 chosen")
    page.get_by_label(f"Run {measured[0]}", exact=True).check()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("Restored 1 run.")).to_be_visible()
    assert measured[0] not in shown(page)
    page.get_by_label(f"Run {measured[1]}", exact=True).check()
    page.get_by_role("button", name="Restore").click()
    page.goto("/runs/columns/?q=tag:journey")
    page.get_by_label("Environment").check()
    page.get_by_role("button", name="Show these").click()
    expect(page.locator("th", has_text="Environment")).to_be_visible()
    assert sorted(shown(page)) == sorted(measured)


def test_a_row_that_changes_stays_chosen_and_focused(
    studio: Studio, scripts: Path, go: Path, open_tab: OpenTab
) -> None:
    place = ("--environment", "here", "--tag")
    run = studio.submit(scripts, *place, "chosen", "count.py", "600", "0.1", str(go))
    page = open_tab("/runs/?q=tag:chosen&columns=name,status,script")
    row = page.locator(f"#run-{run}")
    expect(row.locator(".status")).to_have_text("running", timeout=20_000)
    page.keyboard.press("j")
    page.keyboard.press("x")
    other = studio.submit(scripts, *place, "other", "count.py", "1", "0")
    newer = studio.submit(scripts, *place, "chosen", "count.py", "1", "0")
    expect(page.locator("[data-new-runs]")).to_have_text("1 new run: show", timeout=20_000)
    go.touch()
    expect(row.locator(".status")).to_have_text("completed", timeout=30_000)
    expect(row.get_by_role("checkbox")).to_be_checked()
    expect(page.locator("tr:focus-within")).to_have_id(f"run-{run}")
    expect(row.locator("td").last).to_have_text("count.py")
    page.get_by_role("link", name="1 new run: show").click()
    expect(page.locator(f"#run-{newer}")).to_be_visible()
    expect(page.locator(f"#run-{other}")).to_have_count(0)
