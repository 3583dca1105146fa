"""Submitting in a browser: what is seen before, and how few clicks it takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from studio.client.folder import digest, scan
from tests.browser.axe import findings_in_both_themes
from tests.browser.conftest import STUDIO_AWAY, OpenTab
from tests.browser.intercept import intercept
from tests.studio_process import Studio
from tests.waiting import eventually

PLACE = "here"
OPENED_IN_MS = """
(item) => {
  const start = performance.now();
  item.firstElementChild.click();
  item.getBoundingClientRect();
  return performance.now() - start;
}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small folder with a script that works and one that cannot."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    top = tmp_path / "lasso"
    (top / "items").mkdir(parents=True)
    (top / "train.py").write_text("import sys\nprint('trained', *sys.argv[1:])\n")
    (top / "items/broken.py").write_text("for n in range(3)\n    print(n)\n")
    return top


def run_of(page: Page) -> int:
    page.wait_for_url("**/runs/*/", timeout=60_000)
    return int(re.search(r"/runs/(\d+)/", page.url)[1])  # type: ignore[index]


def chosen_part(page: Page) -> str:
    """What is selected in the field that has the focus."""
    return str(
        page.evaluate(
            """() => {
              const { value, selectionStart, selectionEnd } = document.activeElement;
              return value?.slice(selectionStart, selectionEnd) ?? "";
            }"""
        )
    )


def test_a_folder_is_dropped_looked_into_and_submitted(
    studio: Studio, project: Path, open_tab: OpenTab
) -> None:
    page = open_tab("/submit/")
    page.get_by_role("radio", name="Upload").check()
    expect(page.locator("[data-drop]")).to_be_visible()
    page.locator("[data-pick][webkitdirectory]").set_input_files(project)
    expect(row(page, "train.py")).to_be_visible(timeout=20_000)
    row(page, "items/ 1 file, 1 script").click()
    page.get_by_role("radio", name=PLACE, exact=True).check()
    findings = page.locator("[data-findings]")
    row(page, "broken.py").click()
    expect(findings).to_contain_text("items/broken.py, line 1: expected ':'", timeout=20_000)
    expect(findings.locator("pre")).to_have_text("for n in range(3)\n                 ^")
    row(page, "train.py").click()
    expect(findings).to_contain_text("train.py can be parsed", timeout=20_000)
    page.get_by_label("Arguments").fill("--name 'a b'")
    plan = page.locator("[data-plan-view=command] pre")
    expect(plan).to_have_text("python train.py --name 'a b'", timeout=20_000)
    expect(page.locator("[data-outlook=local]")).to_contain_text("slots taken")
    page.keyboard.press("Control+Enter")
    ended = studio.finished(run_of(page))
    assert (ended["status"], ended["snapshot"]) == ("completed", digest(scan(project)))
    assert ended["command"] == ["python", "train.py", "--name", "a b"]


def test_mistakes_are_told_as_one_types_and_keep_nobody(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    page = open_tab("/submit/", forgive=("422",))
    page.get_by_role("radio", name="On the server").check()
    page.get_by_label("Server folder").fill(str(scripts))
    script = page.get_by_label("Script", exact=True)
    expect(page.locator("#id_script-problem")).to_have_count(0)
    script.fill("cuont.py")
    expect(page.locator("#id_script-problem")).to_contain_text("did you mean count.py")
    expect(script).to_have_attribute("aria-invalid", "")
    script.fill("count.py")
    expect(page.locator("#id_script-problem")).to_be_hidden()
    page.get_by_text("More: GPUs").click()
    page.get_by_role("button", name="Add a variable").click()
    page.get_by_label("Name", exact=True).last.fill("1A")
    expect(page.locator("#id_variables-problem")).to_contain_text("'1A' cannot be the name")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.locator("#id_variables-problem")).to_contain_text("'1A' cannot be the name")
    expect(script).to_have_value("count.py")


def test_one_argument_is_changed_and_run_again_in_three_clicks(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = studio.submit(scripts, "--environment", PLACE, "count.py", "2", "slow")
    assert studio.finished(run)["status"] == "failed"
    page = open_tab("/")
    page.locator(f"a[href='/runs/{run}/']").first.click()
    page.get_by_role("link", name="Duplicate and edit…").click()
    arguments = page.get_by_label("Arguments")
    expect(arguments).to_be_focused()
    eventually(lambda: chosen_part(page) == "2 slow", what="the old arguments to be selected")
    page.keyboard.type("3 0")  # what was there is selected
    expect(arguments).to_have_value("3 0")
    differences = page.locator("[data-differences]")
    expect(differences.locator("del")).to_have_text("2 slow", timeout=20_000)
    expect(differences.locator("ins")).to_have_text("3 0")
    page.get_by_role("button", name="Submit", exact=True).click()
    again = studio.finished(run_of(page))
    assert again["status"] == "completed"
    assert again["command"][2:] == ["3", "0"]
    assert again["snapshot"] == studio.run(run)["snapshot"]
    assert again["environment"] == studio.run(run)["environment"]


def test_an_upload_that_is_stopped_goes_on(project: Path, open_tab: OpenTab) -> None:
    (project / "data.bin").write_bytes(bytes(range(256)) * (12 << 12))  # 12 MB: not sent unasked
    page = open_tab("/submit/")
    intercept(page, "**/api/v1/blobs?*", lambda route: None)  # never answered
    page.get_by_role("radio", name="Upload").check()
    expect(page.locator("[data-drop]")).to_be_visible()
    page.locator("[data-pick][webkitdirectory]").set_input_files(project)
    expect(row(page, "train.py")).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Upload now").click()
    state = page.locator("folder-upload [data-state]")
    expect(state).to_contain_text("Sending", timeout=30_000)
    page.get_by_role("button", name="Stop").click()
    expect(state).to_have_text("Stopped. What has arrived is not sent again.")
    page.unroute("**/api/v1/blobs?*")
    page.get_by_role("button", name="Upload now").click()
    expect(state).to_contain_text("Uploaded as snapshot", timeout=30_000)
    assert page.locator("[name=uploaded]").input_value() == digest(scan(project))


def test_files_are_dropped_anywhere_and_sent_although_the_studio_starts_again(
    studio: Studio, open_tab: OpenTab
) -> None:
    page = open_tab("/submit/", forgive=STUDIO_AWAY)
    page.get_by_role("radio", name="On the server").check()
    killed = []

    def meet(route: Route) -> None:
        if not killed:
            killed.append(True)
            studio.kill_part("web")
        route.continue_()

    intercept(page, "**/api/v1/blobs?*", meet)
    page.dispatch_event("h1", "dragenter")
    eventually(
        lambda: page.evaluate("Boolean(customElements.get('folder-upload'))"),
        what="the part for uploads to be there",
    )
    page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([`print(${Math.random()})`], "dropped.py"));
            const told = { dataTransfer: transfer, cancelable: true, bubbles: true };
            document.querySelector("h1").dispatchEvent(new DragEvent("drop", told));
        }"""
    )
    expect(page.get_by_role("radio", name="Upload")).to_be_checked()
    state = page.locator("folder-upload [data-state]")
    expect(state).to_contain_text("Uploaded as snapshot", timeout=60_000)
    assert killed
    expect(page.get_by_label("Script", exact=True)).to_have_value("dropped.py")  # the only one


@pytest.fixture
def wood(studio: Studio) -> Path:
    """A folder on the server with scripts near and far, and more of them than are drawn at once."""
    top = studio.data_dir.parent / "wood"
    paths = ["README.md", "a/deep/train.py", "a/util.py", "pkg/__main__.py"]
    for path in (*paths, *(f"many/step_{n}.py" for n in range(312))):
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text("")
    return top


def test_the_script_is_picked_in_a_tree_by_keys_alone(wood: Path, open_tab: OpenTab) -> None:
    page = tree_of(wood, open_tab)
    script = page.get_by_label("Script", exact=True)
    expect(row(page, "train.py")).to_be_visible()  # the likeliest, in its folders
    expect(row(page, "util.py")).to_be_visible()
    expect(row(page, "README.md")).to_be_disabled()
    filter_box = page.get_by_label("Filter files")
    filter_box.focus()
    for key, name in {
        "Tab": "train.py", "ArrowLeft": "deep/ 1 file, 1 script", "Home": "a/ 2 files, 2 scripts",
        "m": "many/ 312 files, 312 scripts", "ArrowDown": "pkg/ 1 file, 1 script",
        "ArrowUp": "many/ 312 files, 312 scripts", "End": "README.md",
    }.items():  # fmt: skip
        page.keyboard.press(key)
        expect(row(page, name)).to_be_focused()
    page.keyboard.type("man")
    page.keyboard.press("ArrowRight")
    more = row(page, "112 more: show them")
    expect(more).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(row(page, "step_0.py")).to_be_focused()
    page.keyboard.press("Enter")
    expect(script).to_have_value("many/step_0.py")
    expect(row(page, "step_0.py")).to_have_attribute("aria-selected", "true")
    expect(row(page, "train.py")).to_have_attribute("aria-selected", "false")
    more.click()
    expect(page.get_by_role("treeitem", name="step_")).to_have_count(312)
    expect(more).to_have_count(0)
    page.keyboard.press("ArrowLeft")
    expect(row(page, "many/ 312 files, 312 scripts")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("treeitem", name="step_")).to_have_count(0)


def test_a_filter_narrows_the_tree_and_what_is_typed_is_shown_in_it(
    wood: Path, open_tab: OpenTab
) -> None:
    page = tree_of(wood, open_tab, viewport={"width": 390, "height": 844})
    script = page.get_by_label("Script", exact=True)
    told = page.locator("pick-script [role=status]")
    expect(told).to_have_text("316 files, 315 scripts")
    filter_box = page.get_by_label("Filter files")
    filter_box.fill("many step_31")
    expect(told).to_have_text("3 of 316 files, 3 scripts")
    names = ["step_31.py", "step_310.py", "step_311.py"]
    expect(page.get_by_role("treeitem", name="step_")).to_have_text(names)
    filter_box.press("Enter")
    expect(script).to_have_value("many/step_31.py")
    script.fill("./pkg/")  # hidden by the filter: only a file that is there ends it
    expect(told).to_have_text("3 of 316 files, 3 scripts")
    script.fill("./a/util.py")
    expect(row(page, "util.py")).to_have_attribute("aria-selected", "true")
    expect(filter_box).to_have_value("")
    script.fill("pkg/")
    row(page, "__main__.py python -m pkg").click()
    expect(page.get_by_label("Or a command")).to_have_value("python -m pkg")
    expect(script).to_have_value("")
    expect(row(page, "__main__.py python -m pkg")).to_have_attribute("aria-selected", "true")
    filter_box.fill("nothing")
    expect(told).to_have_text("None of 316 files is called so.")
    filter_box.fill("")
    assert findings_in_both_themes(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_folder_of_thousands_opens_at_once(wood: Path, open_tab: OpenTab) -> None:
    page = open_tab("/submit/")
    folders = ("x", "y", "z")
    paths = [f"{name}/picture_{n}.png" for name in folders for n in range(7_000)]
    intercept(page, "**/submit/files/", lambda route: route.fulfill(json={"paths": paths}))
    page.get_by_role("radio", name="On the server").check()
    page.get_by_label("Server folder").fill(str(wood))
    expect(page.locator("pick-script [role=status]")).to_have_text("21,000 files, no script")
    took = [row(page, f"{name}/ 7,000 files").evaluate(OPENED_IN_MS) for name in folders]
    assert min(took) < 100
    expect(page.get_by_role("treeitem", name="6,800 more: show the next 200")).to_have_count(3)
    expect(page.get_by_role("treeitem")).to_have_count(3 * 202)


def tree_of(folder: Path, open_tab: OpenTab, **options: Any) -> Page:
    """The submit page with the tree of a folder on the server."""
    page = open_tab("/submit/", **options)
    page.get_by_role("radio", name="On the server").check()
    page.get_by_label("Server folder").fill(str(folder))
    expect(page.get_by_role("tree")).to_be_visible(timeout=20_000)
    return page


def row(page: Page, name: str) -> Locator:
    """A row of the tree."""
    return page.get_by_role("treeitem", name=name, exact=True)
