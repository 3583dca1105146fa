"""Where things are kept: experiments, environments, sources and data, made and found by clicks."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.studio_process import Studio

SCORE = """
import json, os, sys, time
with open(os.environ["RUNYARD_METRICS"], "a") as file:
    point = {"n": "score", "v": float(sys.argv[1]), "s": 1, "t": time.time()}
    file.write(json.dumps(point) + "\\n")
"""


def test_an_experiment_names_its_best_run_and_comes_back_from_the_archive(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    page = open_tab("/")
    page.get_by_role("link", name="Experiments", exact=True).click()
    page.get_by_role("link", name="New experiment").click()
    page.get_by_label("Name", exact=True).fill("shelf")
    page.get_by_label("Primary metric").fill("score")
    page.get_by_label("Direction").select_option("minimize")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="shelf", exact=True)).to_be_visible()
    (scripts / "score.py").write_text(SCORE)
    for score in ("3", "1", "2"):
        run = studio.submit(
            scripts, "--environment", "here", "--experiment", "shelf", "score.py", score
        )
        assert studio.finished(run)["status"] == "completed"
    page.reload()
    expect(page.locator(".figures")).to_contain_text("Best score 1")
    page.get_by_role("button", name="Archive").click()
    toast = page.locator("toast-note")
    expect(toast).to_contain_text("shelf")
    toast.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Archive")).to_be_visible()
    page.get_by_role("link", name="Experiments", exact=True).first.click()
    expect(page.get_by_role("link", name="shelf", exact=True)).to_be_visible()


def test_an_environment_and_named_data_are_made_and_offered(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    page = open_tab("/")
    page.get_by_role("link", name="Environments", exact=True).click()
    page.get_by_role("link", name="New environment").click()
    page.wait_for_url("**/new/environment/")
    page.get_by_label("Name", exact=True).fill("shelved")
    page.get_by_role("radio", name="An existing Python").check()
    page.get_by_label("Interpreter").fill("python")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="shelved")).to_be_visible()
    page.get_by_role("link", name="Data", exact=True).click()
    page.get_by_role("link", name="Name data").click()
    page.get_by_label("Name", exact=True).fill("shelf")
    page.get_by_label("Path on local").fill(str(scripts))
    page.get_by_role("button", name="Save and look").click()
    expect(page.get_by_text("RUNYARD_DATA_SHELF").first).to_be_visible()
    page.goto("/submit/")
    expect(page.get_by_role("radio", name="shelved")).to_be_attached()


def test_a_target_tells_what_becomes_of_it_without_a_reload(
    studio: Studio, open_tab: OpenTab, tmp_path: Path
) -> None:
    made = studio.cli("target", "register", "shelf", "--kind", "local", "--set", f"root={tmp_path}")
    assert made.code == 0, made.stderr.decode()
    page = open_tab("/targets/shelf/")
    chip = page.locator("#target-health")
    expect(chip).to_have_text("ready")
    expect(page.get_by_role("img", name="The last day, oldest first: ready")).to_be_visible()
    expect(page.get_by_text("Nothing is built here yet")).to_be_visible()
    studio.cli("target", "disable", "shelf")
    expect(chip).to_have_text("disabled", timeout=15_000)
    expect(page.get_by_role("button", name="Test now")).to_be_visible()
    assert studio.cli("target", "delete", "shelf").code == 0
