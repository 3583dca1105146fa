"""The console's pages: who may see them, that all of them work, and that no secret is on one."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from runs.models import Notices
from studio.models import ApiToken, LoginLink, User
from tests.console.conftest import MODELS, Console, admin_of
from tests.pages.visitor import Visitor

BUDGET = 20


def addresses(console: Console, world: list[Model]) -> list[str]:
    """Every list and every record's page."""
    lists = [console.address(type(record)) for record in world]
    return lists + [console.address(type(record), record.pk, "change") for record in world]


def test_every_model_is_there() -> None:
    assert [model.__name__ for model in MODELS if model not in admin.site._registry] == []


def test_the_names_of_records_are_spelled_as_elsewhere(console: Console) -> None:
    shown = console.visitor.get("/admin/").text
    for name in ("API tokens", "GPU loans", "Package indexes"):
        assert name in shown


def test_django_finds_no_fault_in_the_console() -> None:
    """Its own check looks at what is loaded when it comes to it, which may be nothing."""
    assert admin.site.check(None) == []


def test_the_owner_sees_everything_in_few_queries_and_no_secret_and_nothing_inline(
    console: Console, world: list[Model]
) -> None:
    hidden = [row.digest for model in (ApiToken, LoginLink) for row in model.objects.all()]
    hidden += [record.secret_variables["API_TOKEN"] for record in world if _name(record) == "Run"]
    hidden += [getattr(Notices.objects.get(), name) for name in ("secret_url", "secret_key")]
    assert len(hidden) == 5
    for path in ("/admin/", *addresses(console, world)):
        with CaptureQueriesContext(connection) as captured:
            page = console.visitor.get(path)
        assert page.status == 200, path
        assert len(captured) < BUDGET, path
        assert [secret for secret in hidden if secret in page.html] == [], path
        assert "gAAAA" not in page.html, path  # what is encrypted begins so
        assert "script-src 'self'" in page.headers["Content-Security-Policy"], path
        assert not re.search(r"<script(?![^>]*\bsrc=)", page.html), path
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page.html), path


@pytest.mark.parametrize("who", ["member", "viewer", "stranger"])
def test_others_are_told_whom_it_is_for(
    who: str, console: Console, world: list[Model], request: pytest.FixtureRequest
) -> None:
    visitor: Visitor = request.getfixturevalue(who)
    for path in ("/admin/", "/admin/django_rq/dashboard/", *addresses(console, world)):
        page = visitor.get(path)
        assert page.status == 403, path
        assert "for the owner of this studio alone" in page.text


def test_staff_alone_opens_nothing(bob: User, member: Visitor) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    for path in ("", "runs/run/", "django_rq/dashboard/", "django_rq/dashboard/queues/0/"):
        assert member.get(f"/admin/{path}").status == 403, path
    for name in ("stats.json", "stats.json/x", "metrics"):
        page = member.get(f"/admin/django_rq/dashboard/{name}")
        assert (page.status, page.location) == (302, "/admin/django_rq/dashboard/"), name


def test_nobody_signs_in_first(nobody: Visitor, alice: User) -> None:
    page = nobody.get("/admin/runs/run/")
    assert (page.status, page.location.split("?")[0]) == (302, "/admin/login/")


@pytest.mark.parametrize("text", ["42", "abc", "ü%_'\"", "\\"])
def test_anything_can_be_searched_for(text: str, console: Console, world: list[Model]) -> None:
    for record in world:
        if admin_of(type(record)).search_fields:
            path = console.address(type(record))
            assert console.visitor.get(path, {"q": text}).status == 200, path


def test_every_filter_and_every_order_works(console: Console, world: list[Model]) -> None:
    tried = set()
    for record in world:
        path = console.address(type(record))
        listed = console.visitor.get(path).html
        links = {html.unescape(link) for link in re.findall(r'href="(\?[^"]+)"', listed)}
        columns = {link for link in links if re.fullmatch(r"\?o=-?\d+", link)}
        assert columns, path
        by_all = "?o=" + ".".join(link.removeprefix("?o=") for link in columns)
        for link in {by_all, *links} - columns:
            assert console.visitor.get(path + link).status == 200, path + link
            tried.add(path + link)
    assert len(tried) > 2 * len(world)


def test_no_field_that_sounds_like_a_secret_is_shown(console: Console, world: list[Model]) -> None:
    shown = {
        f"{_name(record)}.{name}"
        for record in world
        for name in _fields(record)
        if re.search(r"secret|token|cipher|password|private", name)
    }
    assert shown == {"Run.secret_names"}


def _name(record: Model) -> str:
    return type(record).__name__


def _fields(record: Model) -> set[str]:
    """The fields that a page of the console may show."""
    model_admin = admin_of(type(record))
    request: Any = type("Request", (), {"user": User(is_superuser=True, is_active=True)})()
    named = {
        name for _, part in model_admin.get_fieldsets(request, record) for name in part["fields"]
    }
    named |= {name for name in model_admin.list_display if isinstance(name, str)}
    return {name for name in named if isinstance(name, str)} | _of_model(record, named)


def _of_model(record: Model, names: set[Any]) -> set[str]:
    found = set()
    for name in names:
        try:
            found.add(record._meta.get_field(name).name)
        except FieldDoesNotExist:
            continue
    return found


def test_it_wears_the_studios_name_and_theme(console: Console, alice: User) -> None:
    page = console.visitor.get("/admin/")
    assert "Admin console" in page.text
    assert "Back to the studio" in page.text
    assert "theme-system" in page.html
    console.visitor.client.cookies["theme"] = "dark"
    assert "theme-dark" in console.visitor.get("/admin/").html


def test_the_queue_is_linked_and_breaks_no_policy(
    console: Console, alice: User, redis_server: str
) -> None:
    assert 'href="/admin/django_rq/dashboard/"' in console.visitor.get("/admin/").html
    for path in ("", "queues/0/", "queues/0/failed/", "queues/0/requeue-all/", "workers/0/"):
        page = console.visitor.get(f"/admin/django_rq/dashboard/{path}")
        assert page.status == 200, path
        assert not re.search(r"<script(?![^>]*\bsrc=)", page.html), path
        assert not re.search(r"<style|\sstyle=|\son\w+=", page.html), path


def test_a_job_that_is_gone_is_said_to_be_done(
    console: Console, alice: User, redis_server: str
) -> None:
    for path in ("", "requeue/", "delete/"):
        page = console.visitor.post(f"/admin/django_rq/dashboard/queues/0/long-gone/{path}")
        assert (page.status, page.location) == (302, "/admin/django_rq/dashboard/"), path
        assert console.said(page.location) == ["This job is done: nothing of it is kept."]
