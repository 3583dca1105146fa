"""The page and the routes that say where packages come from."""

from __future__ import annotations

import pytest

from environments.models import PackageIndex
from studio.models import AuditEvent, User
from tests.api.caller import Caller
from tests.pages.visitor import Visitor

URL = "http://127.0.0.1:9/simple"
PASSWORD = "hush-hush-of-the-index"


@pytest.fixture
def index(owner: Visitor) -> PackageIndex:
    """One with credentials, where nobody answers."""
    made = owner.post("/package-index/", {"url": URL, "extra_urls": "", "authority": ""})
    assert made.location == "/package-index/"
    given = {"url": URL, "username": "ada", "password": PASSWORD}
    assert owner.post("/package-index/credentials/", given).location == "/package-index/"
    return PackageIndex.objects.get()


def test_an_admin_sets_checks_and_removes_it(owner: Visitor, index: PackageIndex) -> None:
    shown = owner.get("/package-index/")
    assert f"{URL} last ada" in shown.text
    assert [text for text in (PASSWORD, index.passwords[URL]) if text in shown.html] == []
    checked = owner.post("/package-index/check/")
    assert (checked.status, "127.0.0.1 cannot be reached" in checked.text) == (200, True)
    assert owner.post("/package-index/remove/").location == "/package-index/"
    assert not PackageIndex.objects.exists()
    said = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert said == ["index.set", "index.credentials", "index.remove"]


def test_what_cannot_work_is_said_beside_its_field(owner: Visitor, index: PackageIndex) -> None:
    given = {"url": f"https://ada:{PASSWORD}@x.org/simple", "extra_urls": "", "authority": "x"}
    refused = owner.post("/package-index/", given)
    assert (refused.status, "kept encrypted" in refused.text) == (422, True)
    wrong = owner.post(
        "/package-index/credentials/", {"url": URL, "username": "a:b", "password": PASSWORD}
    )
    assert (wrong.status, "cannot hold a colon" in wrong.text) == (422, True)
    assert PASSWORD not in wrong.html


def test_others_change_nothing(
    member: Visitor, viewer: Visitor, stranger: Visitor, index: PackageIndex
) -> None:
    shown = member.get("/package-index/")
    assert (URL in shown.text, "Change it" in shown.text) == (True, False)
    assert viewer.get("/package-index/").status == 403
    assert URL not in stranger.get("/package-index/").text
    given = {"url": "https://evil.example.org/simple"}
    for who in (member, viewer):
        for part in ("", "credentials/", "check/", "remove/"):
            assert who.post(f"/package-index/{part}", given).status == 403
    for part in ("check/", "remove/"):
        assert stranger.post(f"/package-index/{part}").status == 404
    assert PackageIndex.objects.get(pk=index.pk).url == URL


def test_rest(alice: User, bob: User, vera: User, charlie: User) -> None:
    owner, member, viewer, stranger = map(Caller, (alice, bob, vera, charlie))
    assert owner.get("/package-index").status == 404
    assert owner.put("/package-index", {"url": URL}).status == 200
    words = {"url": URL, "username": "ada", "password": PASSWORD}
    kept = owner.put("/package-index/credentials", words)
    assert kept.json["usernames"] == {URL: "ada"}
    assert PASSWORD not in kept.content.decode()
    assert [each["works"] for each in owner.post("/package-index/check").json] == [False]
    there = "?workspace=main"
    for who, reads, writes in ((member, 200, 403), (viewer, 403, 403), (stranger, 404, 404)):
        assert who.get(f"/package-index{there}").status == reads
        assert who.put(f"/package-index{there}", {"url": URL}).status == writes
        assert who.put(f"/package-index/credentials{there}", words).status == writes
        assert who.post(f"/package-index/check{there}").status == writes
        assert who.delete(f"/package-index{there}").status == writes
    assert owner.delete("/package-index").status == 204
