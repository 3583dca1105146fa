"""One of everything for the console to show, and the owner who looks at it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.utils import timezone

import studio.urls  # noqa: F401  (the addresses load the console)
from compute.models import DataPath, HealthChange, NamedData, RegistryLogin
from environments.models import BaseImage, Build, BuildOrder, BuiltEnvironment, PackageIndex
from runs.models import (
    Delivery,
    GitCredential,
    GitHost,
    GpuLoan,
    MetricChunk,
    Notices,
    Run,
    RunParam,
    SavedView,
    SourceImport,
)
from studio.lib.vault import encrypt
from studio.models import AuditEvent, Membership, User, Workspace, WorkspaceSecret
from studio.services import instance_key, login_link_create, token_create
from tests.pages.conftest import (  # noqa: F401
    build,
    digest,
    make_run,
    member,
    nobody,
    owner,
    run,
    stranger,
    told,
    viewer,
)
from tests.pages.visitor import Visitor

OURS = ("studio", "compute", "environments", "runs")
MODELS: list[type[Model]] = [
    model for label in OURS for model in apps.get_app_config(label).get_models()
]


@dataclass
class Console:
    """The owner before the console."""

    visitor: Visitor

    def address(self, model: type[Model], *rest: object) -> str:
        meta = model._meta
        return "/".join(["/admin", meta.app_label, str(meta.model_name), *map(str, rest), ""])

    def act(self, model: type[Model], action: str, *records: Any, **more: str) -> list[str]:
        """Do something to records: what the console says of it."""
        data: dict[str, Any] = {"action": action, "_selected_action": [r.pk for r in records]}
        page = self.visitor.post(self.address(model), data | more)
        assert page.status == 302, page.text
        return self.said(page.location)

    def said(self, path: str) -> list[str]:
        """The messages on a page."""
        listed = re.search(
            r'<ul class="messagelist">(.*?)</ul>', self.visitor.get(path).html, re.DOTALL
        )
        assert listed, "the console said nothing"
        return re.findall(r"<li[^>]*>(.*?)</li>", listed[1], re.DOTALL)


@pytest.fixture
def console(owner: Visitor) -> Console:  # noqa: F811
    return Console(owner)


@pytest.fixture
def world(told: Run, build: Build, alice: User, bob: User, workspace: Workspace) -> list[Model]:  # noqa: F811
    """One record of every model at least; the answer is one of each."""
    Run.objects.filter(pk=told.pk).update(secret_variables={"API_TOKEN": encrypt("hidden")})
    told.attempts.update(secret_values={"HUB_TOKEN": encrypt("hidden")})
    series = told.series.get()
    MetricChunk.objects.create(series=series, index=0, points=b"\0" * 24)
    hidden = {"secret_url": encrypt("https://x.org/key"), "secret_key": encrypt("whsec_x")}
    Notices.objects.create(user=bob, email="bob@example.org", webhook_host="x.org", **hidden)
    Delivery.objects.create(user=bob, run=told, channel="webhook", uid="1", answer="200")
    data = NamedData.objects.create(workspace=workspace, name="mnist", variable="MNIST")
    DataPath.objects.create(data=data, target=told.target, path="/data/mnist")
    BuildOrder.objects.create(version=build.version, target=told.target, build=build, user=bob)
    BuiltEnvironment.objects.create(target=told.target, key="0", used_at=timezone.now())
    HealthChange.objects.create(target=told.target, health="ready")
    GpuLoan.objects.create(target=told.target, gpu="0", run=told, lent_at=timezone.now())
    GitCredential.objects.create(workspace=workspace, name="ci", host="x.org", secret=encrypt("t"))
    RegistryLogin.objects.create(workspace=workspace, host="hub.example.org", secret=encrypt("t"))
    BaseImage.objects.create(
        version=build.version, target=build.target, reference="python:3", image="sha256:0"
    )
    GitHost.objects.create(workspace=workspace, name="x.org", key_type="ssh-ed25519", key="AAAA")
    SourceImport.objects.create(
        workspace=workspace, user=bob, url="https://x.org/p.git", request=encrypt("{}")
    )
    RunParam.objects.create(run=told, name="alpha", text="0.5", number=0.5)
    SavedView.objects.create(workspace=workspace, user=bob, name="good", query="metrics.r2>0.4")
    version = told.environment_version
    version.environment.labels.create(name="prod", version=version, moved_by=bob)
    version.lock_updates.create(created_by=bob)
    passwords = {"https://x.org/simple": encrypt("v")}
    PackageIndex.objects.create(workspace=workspace, url="https://x.org", passwords=passwords)
    Build.objects.filter(pk=build.pk).update(secret_values={"0": encrypt("v")})
    WorkspaceSecret.objects.create(workspace=workspace, name="HUB_TOKEN", value=encrypt("v"))
    token_create(user=alice, name="laptop")
    login_link_create(user=alice)
    instance_key()
    AuditEvent.objects.create(user=alice, workspace=workspace, action="x", subject="y")
    assert Membership.objects.exists()
    found = [(model, model._default_manager.first()) for model in MODELS]
    assert [model.__name__ for model, record in found if record is None] == []
    return [record for _, record in found if record is not None]


def admin_of(model: type[Model]) -> Any:
    return admin.site._registry[model]
