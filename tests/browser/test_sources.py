"""Uploading from the browser: what stays behind, what travels, what happens when it breaks."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from studio.client.folder import digest, scan
from tests.browser.conftest import STUDIO_AWAY, OpenTab
from tests.browser.intercept import intercept
from tests.studio_process import TOP, Studio

PLACE = "here"
EXAMPLE = TOP / "runs" / "examples" / "ridge-diabetes"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a script, a file that is hashed in pieces, and things that stay behind."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    top = tmp_path / "ridge"
    for path, data in {
        "train.py": b"print(open('items/note.txt').read())\n",
        "items/note.txt": b"hello from the folder",
        "data/large.bin": os.urandom(17 << 20),
        ".gitignore": b"*.log\n",
        "items/.gitignore": b"*.tmp\n",
        "x.log": b"no",
        "items/x.tmp": b"no",
        "node_modules/pkg/index.js": b"no",
    }.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(data)
    return top


def choose(page: Page, folder: Path) -> None:
    page.get_by_role("radio", name="Upload").check()
    expect(page.locator("[data-drop]")).to_be_visible()
    page.locator("[data-pick][webkitdirectory]").set_input_files(folder)
    expect(page.locator("[data-plan]")).to_be_visible()


def state(page: Page) -> str:
    found = page.locator("folder-upload [data-state]")
    expect(found).to_contain_text("Uploaded as snapshot", timeout=60_000)
    return found.text_content() or ""


def test_a_folder_is_uploaded_and_runs(studio: Studio, project: Path, open_tab: OpenTab) -> None:
    page = open_tab("/submit/")
    choose(page, project)
    plan = page.locator("[data-plan]")
    expect(plan).to_contain_text("5 files, 18 MB.")
    expect(plan).to_contain_text("3 ignored entries")
    for line in ("items/x.tmp", "node_modules/ (1 file, 2 B)", "x.log"):
        expect(plan).to_contain_text(line)
    expect(plan.locator("details", has_text="largest").locator("li").first).to_have_text(
        "data/large.bin (18 MB)"
    )
    page.get_by_label("Script", exact=True).fill("train.py")
    page.get_by_label("Save these files").fill("ridge")
    page.get_by_role("radio", name=PLACE, exact=True).check()
    page.get_by_role("button", name="Submit", exact=True).click()  # the files go first
    page.wait_for_url("**/runs/*/", timeout=60_000)
    run = int(re.search(r"/runs/(\d+)/", page.url)[1])  # type: ignore[index]
    ended = studio.finished(run)
    assert ended["snapshot"] == digest(scan(project))
    assert (ended["status"], ended["source"]) == ("completed", "ridge")
    assert b"hello from the folder" in studio.log(run)


@pytest.mark.timeout(400)
def test_the_example_from_the_browser_is_that_of_the_command_line(
    studio: Studio, open_tab: OpenTab
) -> None:
    page = open_tab("/submit/")
    choose(page, EXAMPLE)
    page.get_by_label("Script", exact=True).fill("train.py")
    page.get_by_role("radio", name="scikit-learn", exact=True).check()
    page.get_by_role("button", name="Submit", exact=True).click()
    page.wait_for_url("**/runs/*/", timeout=60_000)
    here = int(re.search(r"/runs/(\d+)/", page.url)[1])  # type: ignore[index]
    there = studio.submit(EXAMPLE, "--environment", "scikit-learn", "train.py")
    ended = [studio.finished(run, timeout_s=300) for run in (here, there)]
    assert {run["status"] for run in ended} == {"completed"}
    assert ended[0]["snapshot"] == ended[1]["snapshot"]
    kept = [studio.api(f"/runs/{run}/artifacts") for run in (here, there)]
    made = [{file["path"]: file["sha"] for file in files} for files in kept]
    assert made[0] == made[1] != {}


def test_uploading_again_sends_only_what_changed(
    studio: Studio, project: Path, open_tab: OpenTab
) -> None:
    page = open_tab("/new/source/")
    page.get_by_label("Name", exact=True).fill("lasso")
    choose(page, project)
    page.get_by_role("button", name="Upload now").click()
    state(page)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/sources/lasso/")
    (project / "items/note.txt").write_bytes(b"x" * 1500)
    choose(page, project)
    page.get_by_role("button", name="Upload now").click()
    assert "1.5 kB sent" in state(page)
    page.get_by_role("button", name="Make them its newest snapshot").click()
    expect(page.get_by_text("Its newest snapshot is now")).to_be_visible()
    page.get_by_role("link", name=re.compile("^since ")).click()
    expect(page.get_by_text("0 added, 0 removed, 1 modified")).to_be_visible()
    expect(page.locator("tr.del .t")).to_have_text("hello from the folder")
    assert studio.api("/sources/lasso")["snapshot"] == digest(scan(project))


def test_a_dropped_connection_is_waited_for(
    studio: Studio, project: Path, open_tab: OpenTab
) -> None:
    for number in range(3):
        (project / f"data/part{number}").write_bytes(os.urandom(6 << 20))
    page = open_tab("/submit/", forgive=STUDIO_AWAY)
    packs = 0

    def meet(route: Route) -> None:
        nonlocal packs
        packs += 1
        route.abort("connectionreset") if packs in (2, 3) else route.continue_()

    intercept(page, "**/api/v1/blobs?*", meet)
    choose(page, project)
    page.get_by_role("button", name="Upload now").click()
    expect(page.locator("folder-upload [data-state]")).to_contain_text(
        "The connection dropped", timeout=30_000
    )
    assert "37 MB sent, the rest was there" in state(page)  # as much as there is: nothing twice
    assert page.locator("[name=uploaded]").input_value() == digest(scan(project))
    assert packs >= 6


def test_what_cannot_be_uploaded_is_a_sentence(project: Path, open_tab: OpenTab) -> None:
    page = open_tab("/submit/", forgive=("422", "ERR_UPLOAD_FILE_CHANGED"))
    (project / "bad\nname").write_text("")
    page.get_by_role("radio", name="Upload").check()
    expect(page.locator("[data-drop]")).to_be_visible()
    page.locator("[data-pick][webkitdirectory]").set_input_files(project)
    problem = page.locator("folder-upload [data-problem]")
    expect(problem).to_contain_text("contains a line break: rename it")
    (project / "bad\nname").unlink()
    choose(page, project)
    expect(problem).to_be_hidden()
    (project / "train.py").unlink()
    page.get_by_role("button", name="Upload now").click()
    expect(problem).to_have_text(
        "'train.py' cannot be read, or changed meanwhile: choose the files again."
    )
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(problem).to_be_visible()
    assert page.url.endswith("/submit/")


def test_single_files_can_be_chosen_and_dropped(project: Path, open_tab: OpenTab) -> None:
    page = open_tab("/submit/")
    page.get_by_role("radio", name="Upload").check()
    expect(page.locator("[data-drop]")).to_be_visible()
    page.locator("[data-pick]:not([webkitdirectory])").set_input_files(project / "train.py")
    expect(page.locator("[data-plan]")).to_contain_text("1 file, ")
    page.locator("[data-drop]").evaluate(
        """drop => {
            const transfer = new DataTransfer();
            for (const name of ["a.py", "b.py", "c.pyc"])
                transfer.items.add(new File([name], name));
            drop.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
        }"""
    )
    expect(page.locator("[data-plan]")).to_contain_text("2 files, 8 B.")
    expect(page.locator("[data-plan]")).to_contain_text("1 ignored entry")
    state(page)  # what is small goes at once


def test_hashes_in_pieces_are_those_of_python(open_tab: OpenTab) -> None:
    page = open_tab("/help/")
    lengths = [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000]
    found = page.evaluate(
        """async (lengths) => {
            const { Sha256 } = await import("/static/js/sha256.js");
            return lengths.flatMap((length) => [1, 7, 64, 100, 1000].map((step) => {
                const bytes = Uint8Array.from({ length }, (_, i) => (i * 131) & 255);
                const seen = new Sha256();
                for (let at = 0; at < length; at += step)
                    seen.update(bytes.subarray(at, at + step));
                return seen.hex();
            }));
        }""",
        lengths,
    )
    data = bytes(i * 131 & 255 for i in range(1000))
    expected = [hashlib.sha256(data[:length]).hexdigest() for length in lengths for _ in range(5)]
    assert found == expected


def test_a_server_folder_is_picked(studio: Studio, scripts: Path, open_tab: OpenTab) -> None:
    page = open_tab("/submit/")
    page.get_by_role("radio", name="On the server").check()
    page.get_by_role("button", name="Browse…").click()
    page.get_by_role("button", name="scripts/").click()
    expect(page.locator(".folders")).to_contain_text("count.py")
    page.get_by_role("button", name="Choose this folder").click()
    expect(page.get_by_label("Server folder")).to_have_value(str(scripts))
    page.get_by_label("Script", exact=True).fill("count.py")
    page.get_by_label("Arguments").fill("3 0")
    page.get_by_role("radio", name=PLACE, exact=True).check()
    page.get_by_role("button", name="Submit", exact=True).click()
    page.wait_for_url("**/runs/*/")
    expect(page.locator("#run-head .status")).to_have_text("completed", timeout=30_000)
    page.get_by_role("link", name="Duplicate and edit…").click()
    expect(page.get_by_text("Nothing changed since")).to_be_visible()
    expect(page.get_by_label("Files of run")).to_be_checked()
    page.go_back()
    page.get_by_role("button", name="Run again").click()
    page.wait_for_url("**/runs/*/")
    expect(page.locator("#run-head .status")).to_have_text("completed", timeout=30_000)
