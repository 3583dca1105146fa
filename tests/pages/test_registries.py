"""The page of logins for registries of images."""

from __future__ import annotations

import pytest

from compute.models import RegistryLogin
from compute.registries import registry_login_set
from studio.lib.vault import decrypt
from studio.models import User, Workspace
from tests.pages.visitor import Visitor

PASSWORD = "word-of-the-robot"
GIVEN = {"host": "Hub.example.org:5000", "username": "robot", "password": PASSWORD}


@pytest.fixture
def login(workspace: Workspace, alice: User) -> RegistryLogin:
    return registry_login_set(user=alice, workspace=workspace, **GIVEN)


def test_an_admin_adds_replaces_and_removes(owner: Visitor, workspace: Workspace) -> None:
    assert "None yet" in owner.get("/registries/").text
    assert owner.post("/registries/", GIVEN).location == "/registries/"
    shown = owner.get("/registries/")
    assert "Images of hub.example.org:5000 are fetched as robot" in shown.text
    row = RegistryLogin.objects.get()
    assert [text for text in (PASSWORD, row.secret) if text in shown.html] == []
    prefilled = owner.get("/registries/", {"host": row.host, "username": "robot"}).html
    assert f'value="{row.host}"' in prefilled
    owner.post("/registries/", GIVEN | {"password": "another"})
    assert decrypt(RegistryLogin.objects.get().secret) == "another"
    assert owner.post(f"/registries/{row.host}/remove/").location == "/registries/"
    assert not RegistryLogin.objects.exists()
    assert owner.post(f"/registries/{row.host}/remove/").status == 404


def test_what_is_wrong_is_said_without_the_password(owner: Visitor, workspace: Workspace) -> None:
    page = owner.post("/registries/", GIVEN | {"host": "https://hub.example.org/x"})
    assert (page.status, PASSWORD in page.html) == (422, False)
    assert "is no host of a registry: write it as docker.io" in page.text
    assert owner.post("/registries/", GIVEN | {"password": ""}).status == 422
    assert not RegistryLogin.objects.exists()


def test_others_see_what_they_may(
    member: Visitor, viewer: Visitor, stranger: Visitor, login: RegistryLogin
) -> None:
    for who in (member, viewer):
        shown = who.get("/registries/")
        assert ("hub.example.org:5000 robot" in shown.text, "Log in to" in shown.text) == (
            True,
            False,
        )
        assert who.post("/registries/", GIVEN).status == 403
        assert who.post(f"/registries/{login.host}/remove/").status == 403
    assert "hub.example.org" not in stranger.get("/registries/").text
    assert stranger.post(f"/registries/{login.host}/remove/").status == 404
    assert RegistryLogin.objects.get() == login


def test_what_a_workspace_keeps_is_one_step_apart(
    member: Visitor, viewer: Visitor, workspace: Workspace
) -> None:
    pages = ("/secrets/", "/package-index/", "/registries/", "/credentials/")
    for here in pages:
        html = member.get(here).html.split('aria-label="Settings of the workspace"')[1]
        html = html.split("</nav>")[0]
        assert [page for page in pages if f'href="{page}"' in html] == list(pages)
        assert html.count("aria-current") == 1
    seen = viewer.get("/registries/").html
    assert [page for page in pages if f'href="{page}"' in seen] == ["/registries/", "/credentials/"]
