"""The admin console in a browser: its own scripts work under our policy, in the studio's theme."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.studio_process import Studio

PAGES = ("/admin/", "/admin/runs/run/{run}/change/", "/admin/studio/user/add/",
         "/admin/studio/membership/add/", "/admin/studio/user/1/password/",
         "/admin/django_rq/dashboard/", "/admin/django_rq/dashboard/queues/0/",
         "/admin/django_rq/dashboard/queues/0/failed/", "/admin/django_rq/dashboard/workers/0/",
         "/admin/django_rq/dashboard/queues/0/requeue-all/")  # fmt: skip


def test_runs_are_chosen_run_again_and_deleted(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = studio.submit(scripts, "--environment", "here", "--name", "listed", "count.py", "1", "0")
    assert studio.finished(run)["status"] == "completed"
    page = open_tab("/")
    page.locator(".topbar .menu summary").click()
    page.get_by_role("link", name="Admin console").click()
    page.get_by_role("link", name="Runs", exact=True).last.click()
    page.locator("#searchbar").fill("listed")
    page.locator("#searchbar").press("Enter")
    page.wait_for_url("**/admin/runs/run/?q=listed")  # its scripts have run then: they count
    page.locator("#action-toggle").check()
    expect(page.locator(".action-counter")).to_have_text("1 of 1 selected")
    page.locator("select[name=action]").select_option("again")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_text("1 run queued again, 0 refused.")).to_be_visible()
    assert studio.finished(run + 1)["status"] == "completed"
    page.reload()
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("delete")
    page.get_by_role("button", name="Go").click()
    page.get_by_role("button", name="Delete 2 runs").click()
    expect(page.get_by_text("2 runs deleted, 0 refused.")).to_be_visible()
    page.get_by_role("link", name="Back to the studio").click()
    expect(page).to_have_url(f"{studio.record.url}")


def test_no_page_of_it_breaks_the_policy_or_the_theme(
    studio: Studio, scripts: Path, open_tab: OpenTab
) -> None:
    run = studio.submit(scripts, "--environment", "here", "count.py", "1", "0")
    studio.finished(run)
    page = open_tab("/admin/", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.context.add_cookies([{"name": "theme", "value": "dark", "url": studio.record.url}])
    for path in PAGES:  # open_tab fails the test for whatever one of them complains of
        page.goto(path.format(run=run))
        assert page.evaluate(ground) != light, path
