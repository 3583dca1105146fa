"""A Docker engine in a browser: registered, tested, used, gone and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings_in_both_themes
from tests.browser.conftest import OpenTab
from tests.docker.engine import IMAGE, DockerEngine
from tests.studio_process import Studio

pytestmark = pytest.mark.docker
SLOW = {"timeout": 30_000}


@pytest.fixture
def engine(studio: Studio) -> Iterator[DockerEngine]:
    with DockerEngine() as engine:
        yield engine
        studio.cancel_all()
        for run in studio.api("/runs?filter=target:moby")["items"]:
            studio.api(f"/runs/{run['id']}?forever=true", method="DELETE")
        studio.api("/targets/moby", method="DELETE")


def test_an_engine_is_registered_used_gone_and_back(
    engine: DockerEngine, studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    page = open_tab("/targets/", forgive=("status of 422",))
    page.get_by_role("link", name="Register a Docker target").click()
    page.get_by_label("Name", exact=True).fill("moby")
    page.get_by_label("Address").fill("unix:///no/such/docker.sock")
    page.get_by_label("Image", exact=True).fill(IMAGE)
    page.get_by_role("button", name="Test only").click()
    expect(page.get_by_text("does not answer: No such file or directory")).to_be_visible(**SLOW)
    page.get_by_label("Address").fill(engine.address)
    page.get_by_label("Volume").fill("browser")
    page.get_by_role("button", name="Register and test").click()

    page.wait_for_url("**/targets/moby/")
    version = engine.api.version()["Version"]
    expect(page.locator("#target-health")).to_contain_text("ready", **SLOW)
    expect(page.get_by_text(f"Docker {version}, API")).to_be_visible(**SLOW)
    expect(page.get_by_text("Runs end when the engine is restarted")).to_be_visible()
    assert findings_in_both_themes(page) == []

    assert studio.cli("env", "create", "inside", "--interpreter", "python").code == 0
    place = ("--target", "moby", "--environment", "inside", "--name", "ashore")
    run = studio.submit(scripts, *place, "count.py", "100000", "0.05")
    holding = page.locator("section", has=page.get_by_role("heading", name="On it now"))
    expect(holding.get_by_role("row", name="ashore")).to_contain_text("running", **SLOW)
    log = open_tab(f"/runs/{run}/log/")
    expect(log.get_by_text("line 3", exact=True)).to_be_visible(**SLOW)

    (container,) = (found for found in engine.api.containers() if f"-run-{run}-" in str(found))
    engine.api.pause(container["Id"])
    overview = open_tab(f"/runs/{run}/")
    expect(overview.get_by_text("Its container is paused on the engine")).to_be_visible(**SLOW)
    assert findings_in_both_themes(overview) == []
    overview.get_by_role("button", name="Cancel").click()
    expect(overview.locator("#run-head .status")).to_have_text("canceled", **SLOW)

    engine.stop()
    page.get_by_role("button", name="Test now").click()
    expect(page.locator("#target-health")).to_contain_text("unreachable", **SLOW)
    engine.start()
    page.get_by_role("button", name="Test now").click()
    expect(page.locator("#target-health")).to_contain_text("ready", **SLOW)
