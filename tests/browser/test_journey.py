"""What a newcomer does first: from the one-time link to the finished example."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.studio_process import TOP, Studio

PICTURE = TOP / "static" / "img" / "run.png"
BUILD_MS = 240_000


@pytest.fixture
def link(studio: Studio) -> str:
    """A fresh one-time sign-in link."""
    made = subprocess.run(
        [sys.executable, "manage.py", "login_link"],
        cwd=TOP,
        env=studio.env,
        check=True,
        capture_output=True,
        text=True,
    )
    return made.stdout.strip()


@pytest.mark.timeout(400)
def test_from_the_sign_in_link_to_the_finished_example(
    open_tab: OpenTab, link: str, wants_screenshots: bool
) -> None:
    page = open_tab(link, signed_in=False, device_scale_factor=1.5)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Run the example").click()
    page.wait_for_url("**/runs/*/")

    output = page.locator("#run-output")
    expect(output).to_contain_text("Installed", timeout=BUILD_MS)  # the build's log, live
    expect(page.locator("#run-head .status")).to_have_text("running", timeout=BUILD_MS)
    expect(output.locator(".l").first).to_contain_text("patients", timeout=30_000)
    expect(page.locator("#run-head .status")).to_have_text("completed", timeout=BUILD_MS)
    expect(output).to_contain_text("best alpha")
    expect(page.locator("#panel")).to_contain_text("cross_validated_r2")
    expect(page.locator("#panel")).to_contain_text("all stored, hashes equal")
    if wants_screenshots:
        page.screenshot(path=PICTURE)

    page.get_by_role("link", name="Artifacts").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download outputs/metrics.json").click()
    assert Path(download.value.path()).stat().st_size
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.locator("[data-log-state]")).to_have_text("complete")

    again = open_tab(link, signed_in=False, forgive=("410",))
    again.get_by_role("button", name="Sign in").click()
    expect(again.get_by_role("alert")).to_contain_text("was used already")
