"""The pages of a run as an engineer uses them: few clicks, addresses that last, live titles."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import OpenTab
from tests.studio_process import Studio
from tests.waiting import eventually

PLACE = ("--environment", "here", "--experiment", "pages")
SCRIPT = """\
import os, pickle, sys, time
while len(sys.argv) > 2 and not os.path.exists(sys.argv[2]):
    time.sleep(0.1)
os.makedirs("outputs", exist_ok=True)
alpha = float(sys.argv[1])
pickle.dump(alpha, open("outputs/model.pkl", "wb"))
open("outputs/history.csv", "w").write("epoch,loss\\n1,0.5\\n2,0.25\\n")
print("alpha", alpha)
"""


@pytest.fixture(scope="module")
def project(studio: Studio) -> Path:
    """A script directory under git, with a change that was not committed."""
    folder = studio.data_dir.parent / "project"
    folder.mkdir()
    (folder / "fit.py").write_text(SCRIPT)
    (folder / "src").mkdir()
    (folder / "src" / "model.py").write_text("".join(f"def f{n}(): ...\n" for n in range(200)))
    author = ["-c", "user.name=x", "-c", "user.email=x@x"]
    for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def fitted(studio: Studio, project: Path) -> int:
    """A run that made a model."""
    run = studio.submit(project, *PLACE, "fit.py", "0.1")
    assert studio.finished(run)["status"] == "completed"
    return run


def icon(page: Page) -> str:
    """The status that the icon of the browser's tab tells."""
    address = str(page.locator('link[rel="icon"]').get_attribute("href"))
    return re.findall(r"/status-(\w+)\.", address)[0]


def test_commit_and_model_are_two_clicks_from_home(
    studio: Studio, project: Path, tmp_path: Path, open_tab: OpenTab
) -> None:
    go = tmp_path / "go"
    studio.submit(project, *PLACE, "--name", "two-clicks", "fit.py", "0.1", str(go))
    page = open_tab("/")
    page.get_by_role("link", name="two-clicks").click()
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=project, check=True, capture_output=True, text=True
    ).stdout.strip()
    expect(page.locator("#run-head .run-line")).to_contain_text(head[:8])
    page.locator("#copies > summary").click()
    go.touch()
    model = page.get_by_role("link", name="Download outputs/model.pkl")
    expect(model).to_be_visible(timeout=20_000)  # it comes by itself
    expect(page.locator("#copies")).to_have_attribute("open", "")  # nothing closed it meanwhile
    with page.expect_download() as download:
        model.click()
    assert Path(download.value.path()).stat().st_size > 10


def test_a_range_of_lines_has_an_address(fitted: int, open_tab: OpenTab) -> None:
    page = open_tab(f"/runs/{fitted}/files/src/model.py")
    page.locator("#L120 > a").click()
    page.locator("#L123 > a").click(modifiers=["Shift"])
    expect(page).to_have_url(re.compile("#L120-L123$"))
    page.reload()
    expect(page.locator(".cl.hit")).to_have_count(4)
    expect(page.locator("#L120")).to_be_in_viewport()
    expect(page.locator('.tabs [data-key="]"]')).to_have_text("Environment")
    expect(page.locator(".line-bar")).to_contain_text("lines 120\N{EN DASH}123")


def test_a_file_is_found_by_typing(fitted: int, open_tab: OpenTab) -> None:
    page = open_tab(f"/runs/{fitted}/files/")
    box = page.get_by_role("searchbox", name="Find a file")
    box.press_sequentially("smo")
    expect(page.locator(".found a")).to_have_text(["src/model.py"])
    expect(page.locator("[data-all]")).to_be_hidden()
    box.press("Enter")
    page.wait_for_url("**/files/src/model.py")
    plain = open_tab(f"/runs/{fitted}/files/?find=smo", java_script_enabled=False)
    expect(plain.locator(".found a")).to_have_text(["src/model.py"])


def test_the_changed_line_of_two_runs(
    studio: Studio, project: Path, fitted: int, open_tab: OpenTab
) -> None:
    text = SCRIPT.replace('print("alpha", alpha)', 'print("the alpha", alpha)')
    (project / "fit.py").write_text(text)
    run = studio.submit(project, *PLACE, "fit.py", "0.2")
    studio.finished(run)
    page = open_tab(f"/runs/{run}/files/")
    page.get_by_role("link", name="compare with a run").click()
    page.get_by_role("link", name=re.compile("the one before it")).click()
    expect(page.locator(".asked mark")).to_have_text(["0.1", "0.2"])
    expect(page.locator("tr.del .t")).to_have_text('print("alpha", alpha)')
    expect(page.locator("tr.add .t")).to_have_text('print("the alpha", alpha)')
    page.get_by_role("link", name="split").click()
    expect(page.locator(".split td.t.add")).to_have_text('print("the alpha", alpha)')
    page.goto(f"/runs/{run}/diff/")
    expect(page.locator("tr.add .t")).to_have_text('print("the alpha", alpha)')


def test_artifacts_are_looked_at_and_zipped(fitted: int, open_tab: OpenTab) -> None:
    page = open_tab(f"/runs/{fitted}/artifacts/")
    page.get_by_role("link", name="history.csv", exact=True).click()
    expect(page.locator(".sheet td")).to_have_text(["1", "1", "0.5", "2", "2", "0.25"])
    with page.expect_download() as download:
        page.get_by_role("link", name="zip").click()
    with zipfile.ZipFile(download.value.path()) as packed:
        assert sorted(packed.namelist()) == ["outputs/history.csv", "outputs/model.pkl"]


def test_a_page_that_opens_looks_again_once(
    studio: Studio, project: Path, go: Path, open_tab: OpenTab
) -> None:
    run = studio.submit(project, *PLACE, "fit.py", "0.1", str(go))
    page = open_tab("/help/")
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    sockets: list[WebSocketRoute] = []
    said: list[str] = []
    asked: list[str] = []

    def meet(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.on_message(lambda words: said.append(str(words)))

    page.route_web_socket("**/ws/", meet)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/runs/{run}/")
    eventually(lambda: page.title() and f'{{"follow":"run/{run}"}}' in said, what="its wish")
    page.clock.run_for(1000)
    assert not [url for url in asked if "/live/" in url]  # what it hears first is a reason
    sockets[-1].send(json.dumps({"type": "run", "id": run, "status": "running"}))
    eventually(
        lambda: page.clock.run_for(100) or [url for url in asked if "/live/" in url],
        what="a second look",
    )
    go.touch()
    assert studio.finished(run)["status"] == "completed"


def test_title_icon_and_stopping_are_live(studio: Studio, project: Path, open_tab: OpenTab) -> None:
    code = "trap '' TERM; echo 1; while :; do sleep 1; done"
    run = studio.submit(project, *PLACE, "--name", "deaf", "--", "sh", "-c", code)
    page = open_tab(f"/runs/{run}/")
    expect(page).to_have_title(re.compile("^● running · deaf"), timeout=20_000)
    assert icon(page) == "running"
    expect(page.locator("#run-output .l")).to_have_text(["1\n"], timeout=20_000)
    page.get_by_role("button", name="Cancel").click()
    stopping = page.locator("#stopping")
    expect(stopping).to_contain_text("owner asked it to end")
    expect(stopping).to_contain_text("It gets 10 s to end by itself")
    expect(stopping.locator("stop-clock")).to_have_text(re.compile(r"^[1-7] s left$"))
    expect(page).to_have_title(re.compile("^⊘ canceled · deaf"), timeout=30_000)
    assert icon(page) == "canceled"
    expect(stopping).to_have_count(0)
