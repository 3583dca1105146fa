"""An environment's life by clicks: made, built, brought up to date, compared."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.environments.registry import Registry
from tests.studio_process import Studio

CONDA = "channels: [conda-forge]\ndependencies:\n  - six=1\n"


class _Index(SimpleHTTPRequestHandler):
    """A package index: folders of wheels, as lists of links that nobody may remember."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def packages(studio: Studio, tmp_path: Path) -> Iterator[Registry]:
    """The workspace's index has `six` alone, in the version 1.0."""
    registry = Registry(tmp_path / "simple" / "six")
    registry.wheel("six", "1.0")
    handler = partial(_Index, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/simple"
        studio.api("/package-index", {"url": url}, method="PUT")
        yield registry
        studio.api("/package-index", method="DELETE")
        server.shutdown()


def test_a_conda_file_becomes_an_environment_that_is_brought_up_to_date(
    studio: Studio, packages: Registry, open_tab: OpenTab
) -> None:
    page = open_tab("/environments/")
    page.get_by_role("link", name="New environment").click()
    page.wait_for_url("**/new/environment/")
    page.get_by_label("Name", exact=True).fill("snake")
    page.get_by_label("Or a file").set_input_files(
        {"name": "environment.yml", "mimeType": "text/yaml", "buffer": CONDA.encode()}
    )
    expect(page.get_by_role("radio", name="environment.yml")).to_be_checked()
    expect(page.locator("#id_conda")).to_have_value(CONDA)
    expect(page.locator("#id_requirements")).to_be_hidden()
    reading = page.locator("#reading")
    expect(reading).to_contain_text("It becomes snake:1.")
    expect(reading.locator("pre")).to_have_text("six==1.*\n")
    expect(reading).to_contain_text("Can be used on local.")
    page.locator("#id_conda").fill(CONDA.replace("six", "r-base"))
    expect(reading).to_contain_text("r-base (use an image that has R)")
    page.locator("#id_conda").fill(CONDA)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Translated from an environment.yml.")).to_be_visible()

    page.get_by_role("button", name="Build it there now").click()
    page.goto("/builds/?environment=snake")
    row = page.locator("tbody tr", has_text="snake:1")
    expect(row).to_contain_text("ready", timeout=30_000)
    row.get_by_role("link", name="build").click()
    page.wait_for_url(re.compile(r"/builds/\d+/$"))  # its modules have run then: a click is heard
    line = page.locator("#L1")
    line.click(position={"x": 20, "y": 8})
    expect(page).to_have_url(re.compile("#L1$"))
    page.goto("/builds/")
    page.go_back()
    expect(page.locator("#L1.sel")).to_be_in_viewport()

    packages.wheel("six", "1.1")
    page.goto("/environments/snake/")
    page.get_by_role("button", name="Update packages").click()
    expect(page.get_by_text("Nothing has changed yet.")).to_be_visible(timeout=20_000)
    assert [v["number"] for v in studio.api("/environments/snake")["versions"]] == [1]
    page.get_by_role("button", name="Make the new version").click()
    expect(page.get_by_role("heading", name="Version 2")).to_be_visible()
    page.get_by_role("link", name="what changed").click()
    expect(page.locator("main")).to_contain_text("six")
    expect(page.locator("main")).to_contain_text("1.1")
    page.goto("/submit/?environment=snake&target=local")
    told = page.locator("[data-readiness=snake]")
    expect(told).to_contain_text("since version 1, six 1.0 became 1.1")


def test_a_dockerfile_is_made_without_scripts(open_tab: OpenTab) -> None:
    page = open_tab("/new/environment/", java_script_enabled=False, forgive=("422",))
    page.get_by_label("Name", exact=True).fill("docked")
    page.get_by_role("radio", name="A Dockerfile").check()
    page.locator("#id_dockerfile").fill("FROM python:3.12\nCOPY . /x")
    expect(page.locator("#id_requirements")).to_be_hidden()
    page.get_by_role("button", name="Save").click()
    problem = page.locator("#id_dockerfile-problem")
    expect(problem).to_contain_text("copies files, and there is no build context")
    expect(page.locator("#id_dockerfile")).to_have_value("FROM python:3.12\nCOPY . /x")
    page.locator("#id_dockerfile").fill("FROM python:3.12")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("An image made by this Dockerfile")).to_be_visible()
