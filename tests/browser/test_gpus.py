"""GPUs that change hands while pages about them are open."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.studio_process import Studio


def test_open_pages_follow_a_gpu_from_run_to_run(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    studio.api("/targets/local", {"gpus": "6", "slots": 4}, method="PATCH")
    words = ("--environment", "here", "--gpus", "1", "count.py")
    holder = studio.submit(scripts, "--name", "holder", *words, "10000", "0.1")
    following = studio.submit(scripts, "--name", "following", *words, "1", "0")
    target = open_tab("/targets/local/")
    expect(target.get_by_role("row", name=re.compile("^6 holder"))).to_be_visible(timeout=20_000)
    log = open_tab(f"/runs/{following}/log/")
    page = open_tab(f"/runs/{following}/")
    why = f"0 of 1 GPU is free, this run needs 1; run {holder} has GPU 6."
    expect(page.locator(".alert-wait")).to_contain_text(why, timeout=20_000)
    expect(page.locator("#run-gpus")).to_have_text("1")

    studio.api(f"/runs/{holder}/cancel", {})
    expect(page.locator("#run-gpus")).to_have_text("1: 6", timeout=30_000)
    expect(page.locator("#run-head .status")).to_have_text("completed", timeout=30_000)
    expect(log.locator("#run-head .status")).to_have_text("completed")
    expect(target.get_by_role("row", name=re.compile("^6 free"))).to_be_visible(timeout=20_000)
