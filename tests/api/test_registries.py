"""Logins for registries of images: admins write them, nobody reads them."""

from __future__ import annotations

import json

from compute.models import RegistryLogin
from studio.lib.vault import decrypt
from studio.models import AuditEvent, Workspace
from tests.api.caller import Caller

LOGIN = {"username": "robot", "password": "word-of-the-robot"}


def test_a_login_is_kept_and_never_shown(owner: Caller, viewer: Caller) -> None:
    made = owner.put("/registries/Hub.Example.org", LOGIN)
    assert (made.status, made.json["host"], made.json["username"]) == (
        200,
        "hub.example.org",
        "robot",
    )
    stored = RegistryLogin.objects.get()
    assert LOGIN["password"] not in stored.secret
    assert decrypt(stored.secret) == LOGIN["password"]
    owner.put("/registries/hub.example.org", {**LOGIN, "username": "other"})
    listed = viewer.get("/registries").json
    assert [row["username"] for row in listed] == ["other"]
    assert LOGIN["password"] not in json.dumps(listed)
    assert owner.delete("/registries/hub.example.org").status == 204
    assert owner.delete("/registries/hub.example.org").status == 404
    told = list(AuditEvent.objects.order_by("pk").values_list("action", "subject"))
    assert told[-3:] == [
        ("registry.login", "hub.example.org"),
        ("registry.login", "hub.example.org"),
        ("registry.logout", "hub.example.org"),
    ]


def test_only_admins_write_and_strangers_see_nothing(
    owner: Caller, member: Caller, viewer: Caller, stranger: Caller, workspace: Workspace
) -> None:
    owner.put("/registries/hub.example.org", LOGIN)
    for caller in (member, viewer):
        assert caller.put("/registries/docker.io", LOGIN).status == 403
        assert caller.delete("/registries/hub.example.org").status == 403
    assert stranger.get("/registries").json == []
    assert stranger.get(f"/registries?workspace={workspace.slug}").status == 404
    assert stranger.put(f"/registries/docker.io?workspace={workspace.slug}", LOGIN).status == 404


def test_what_is_no_host_or_no_password_is_refused(owner: Caller) -> None:
    for host, body, field in (
        ("no host", LOGIN, "host"),
        ("hub.example.org", {**LOGIN, "password": ""}, "password"),
        ("hub.example.org", {**LOGIN, "username": "a\nb"}, "username"),
    ):
        answer = owner.put(f"/registries/{host}".replace(" ", "%20"), body)
        assert answer.status == 422, answer.json
        assert field in json.dumps(answer.json)
    assert not RegistryLogin.objects.exists()
