"""What holds for every page: policy, links, themes, a bounded number of queries."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from compute.models import ComputeTarget, DataPath, HealthChange, NamedData, RegistryLogin
from environments.models import Build, BuildOrder, BuiltEnvironment
from runs.models import Artifact, GpuLoan, Run, RunEvent, Snapshot, Source
from studio.lib.downloads import SANDBOX
from studio.models import Workspace
from tests.api.conftest import MakeRun
from tests.pages.conftest import end
from tests.pages.test_access import FOR_CONTRIBUTORS, OPEN, pages
from tests.pages.visitor import Visitor

BUDGET = 20
"""Queries a page may take, whoever looks at whatever amount."""


def test_every_link_leads_somewhere(owner: Visitor, told: Run, build: Build) -> None:
    Run.objects.filter(pk=told.pk).update(tags={"a/b": "c d", "e&f": ""})
    waiting, seen, asked, broken = ["/"], {"/"}, {"/"}, {}
    while waiting:
        path = waiting.pop()
        page = owner.get(path)
        if page.status != 200:
            broken[path] = page.status
        if not page.headers.get("Content-Type", "").startswith("text/html"):
            continue
        for link in re.findall(r'href="([^"]*)"', page.html):
            found = html.unescape(link).partition("#")[0]
            if found.startswith("?"):
                found = path + found if "?" not in path else ""  # filters of filters are enough
            is_ours = found.startswith("/") and not found.startswith(("/static/", "/admin/"))
            if is_ours and found not in seen:
                seen.add(found)
                if (same := _spelled(found)) not in asked:
                    asked.add(same)
                    waiting.append(found)
    assert not broken
    assert f"/runs/{told.pk}/files/items/deep/util.py" in seen
    assert "/new/target/?kind=local" in seen


def _spelled(address: str) -> str:
    """The address as a server reads it: a space in a query is written in two ways."""
    path, _, query = address.partition("?")
    return f"{path}?{urlencode(parse_qsl(query, keep_blank_values=True))}" if query else path


def test_nothing_on_a_page_breaks_the_policy(owner: Visitor, told: Run, build: Build) -> None:
    for path in [reverse(name) for name in (*OPEN, *FOR_CONTRIBUTORS)] + list(
        pages(told, build).values()
    ):
        page = owner.get(path)
        policy = page.headers["Content-Security-Policy"]
        if not page.headers["Content-Type"].startswith("text/html"):
            assert "script-src 'self'" in policy or policy == SANDBOX, path
            continue
        assert "script-src 'self'" in policy, path
        assert not re.search(r"<script(?![^>]*\bsrc=)", page.html), path
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page.html), path
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page.html), path
        assert "{{" not in page.html, path
        assert "{%" not in page.html, path


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/nothing/here/"])
def test_the_theme_is_a_cookie(path: str, alice: Any) -> None:
    client = Client()
    if path != "/sign-in/":
        client.force_login(alice)
    assert b"data-theme" not in client.get(path).content
    client.cookies["theme"] = "dark"
    assert b'data-theme="dark"' in client.get(path).content
    client.cookies["theme"] = '"><script>'
    assert b"data-theme" not in client.get(path).content


def test_errors_wear_the_same_dress(member: Visitor) -> None:
    page = member.get("/nothing/here/")
    assert page.status == 404
    assert "There is nothing at this address" in page.text
    assert "Runyard Runs Experiments Sources Targets" in page.text
    assert 'action="/find/"' in page.html
    client = Client(enforce_csrf_checks=True)
    client.force_login(member.user)  # type: ignore[arg-type]
    refused = client.post("/example/")
    assert refused.status_code == 403
    assert b"The page was too old to be sent" in refused.content


@pytest.mark.parametrize(
    ("came", "leads"),
    [
        ("http://testserver/targets/local/", True),
        ("http://testserver/runs/1/turn/", False),
        ("https://elsewhere.example.org/", False),
        ("javascript:alert(1)", False),
    ],
)
def test_a_refusal_leads_back_to_a_page_of_ours(
    came: str, leads: bool, owner: Visitor, make_run: MakeRun
) -> None:
    run = make_run(status="running")
    answer = owner.client.post(f"/runs/{run.pk}/turn/", headers={"Referer": came})
    assert answer.status_code == 422
    assert (f'href="{came}"' in answer.content.decode()) == leads


def test_a_part_of_a_page_is_refused_in_a_sentence(member: Visitor) -> None:
    part = member.get("/runs/999999/live/", headers={"HX-Request": "true"})
    assert part.status == 404
    assert part.html.lstrip().startswith("<toast-note")
    assert "There is no run '999999' that you can see" in part.text
    assert "<html" not in part.html


def test_a_mistake_of_ours_is_a_plain_page(member: Visitor, monkeypatch: Any, db: None) -> None:
    def breaks(**_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("runs.views.targets.target_loads", breaks)
    member.client.raise_request_exception = False
    page = member.get("/targets/")
    assert page.status == 500
    assert "The studio made a mistake" in page.text
    assert "Traceback" not in page.html


def queries(visit: Callable[[], object]) -> int:
    """How many queries it takes, after the first time has filled what is remembered."""
    visit()
    return counted(visit)


def counted(visit: Callable[[], object]) -> int:
    """How many queries it takes now."""
    with CaptureQueriesContext(connection) as captured:
        visit()
    return len(captured)


@pytest.fixture
def grow(make_run: MakeRun, told: Run, target: ComputeTarget, workspace: Workspace) -> Any:
    """Adds a dozen of everything that a page can list."""

    weights = told.artifacts.get().sha

    def more() -> None:
        for n in range(12):
            run = make_run(name=f"r{n}", tags={"k": str(n)}, status="running")
            run.series.create(name="loss", last=n, count=1)
            failed = make_run(status="queued")
            end(failed, "failed", "exited_nonzero", error="E: no")
            make_run()
            Artifact.objects.create(run=told, path=f"outputs/{run.pk}", sha=weights, size_bytes=7)
            RunEvent.objects.create(run=told, kind="note", text=f"{n}", user=told.submitted_by)
            told.series.create(name=f"m{run.pk}", last=n, count=1)
            source = Source.objects.create(workspace=workspace, name=f"s{run.pk}", kind="upload")
            source.states.create(snapshot=told.snapshot)
            told.source.states.create(
                snapshot=Snapshot.objects.create(
                    workspace=workspace, digest=f"{run.pk:064}", file_count=1, size_bytes=1
                )
            )
            Run.objects.filter(pk=run.pk).update(source=told.source)
            ComputeTarget.objects.create(
                workspace=workspace, name=f"t{run.pk}", kind="local", config={"root": "/x"},
                health="ready", health_at=timezone.now(),
            )  # fmt: skip
            data = NamedData.objects.create(
                workspace=workspace, name=f"d{run.pk}", variable=f"RUNYARD_DATA_D{run.pk}"
            )
            DataPath.objects.create(data=data, target=target, path="/data/d")
            Run.objects.filter(pk=run.pk).update(gpus=1)
            GpuLoan.objects.create(target=target, run=run, gpu=f"{run.pk}", lent_at=timezone.now())
            place = {"target": target, "version": told.environment_version}
            Build.objects.create(key=f"{run.pk:064}", base_key="b", status="ready", **place)
            BuiltEnvironment.objects.create(target=target, key=f"{run.pk:064}", size_bytes=9)
            BuildOrder.objects.create(user=told.submitted_by, **place)
            HealthChange.objects.create(target=target, health="ready", at=timezone.now())
            RegistryLogin.objects.create(
                workspace=workspace, host=f"r{run.pk}", created_by=told.submitted_by
            )

    return more


def test_pages_take_as_many_queries_for_many_things_as_for_few(
    member: Visitor, told: Run, build: Build, grow: Any
) -> None:
    addresses = [reverse(name) for name in (*OPEN, *FOR_CONTRIBUTORS)]
    addresses += pages(told, build).values()
    grow()
    few = {path: queries(lambda path=path: member.get(path)) for path in addresses}
    grow()
    many = {path: counted(lambda path=path: member.get(path)) for path in addresses}
    assert many == few
    assert {path: count for path, count in many.items() if count > BUDGET} == {}
