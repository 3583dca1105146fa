"""Credentials of a workspace: admins write, members use, nobody reads the secret."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from django.core import serializers

from runs.giturls import read_address
from runs.models import GitCredential, GitHost
from runs.selectors.credentials import credential_for, fingerprint
from runs.services.credentials import credential_add, credential_remove, host_forget
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.lib.vault import decrypt
from studio.models import AuditEvent, User, Workspace
from tests.api.caller import Caller
from tests.gitsources.servers import make_key
from tests.pages.visitor import Visitor

GIVEN = {"name": "ci", "kind": "token", "host": "git.example.org", "secret": "hush-hush"}


def add(user: User, workspace: Workspace, **changes: str) -> GitCredential:
    return credential_add(user=user, workspace=workspace, **{**GIVEN, **changes})


def test_a_token_is_kept_encrypted(alice: User, workspace: Workspace) -> None:
    made = add(alice, workspace, host="Git.Example.org:443")
    row = GitCredential.objects.get()
    assert (row.name, row.host, row.username) == ("ci", "git.example.org", "git")
    assert "hush" not in serializers.serialize("json", [row])
    assert decrypt(made.secret) == "hush-hush"
    assert "hush" not in serializers.serialize("json", AuditEvent.objects.all())


def test_a_deploy_key_shows_its_public_half(
    alice: User, workspace: Workspace, tmp_path: Path
) -> None:
    make_key(tmp_path / "key")
    given = (tmp_path / "key").read_text().replace("\n", "\r\n")
    made = add(alice, workspace, kind="ssh_key", secret=given)
    public = (tmp_path / "key.pub").read_text().split()
    assert made.public_key.split()[:2] == public[:2]
    assert "BEGIN OPENSSH PRIVATE KEY" in decrypt(made.secret)


def test_a_deploy_key_can_be_made_here(alice: User, workspace: Workspace, tmp_path: Path) -> None:
    made = add(alice, workspace, kind="ssh_key", secret="", host="ssh://git@git.example.org:2222/x")
    assert made.host == "git.example.org:2222"
    file = tmp_path / "made"
    file.write_text(decrypt(made.secret))
    file.chmod(0o600)
    words = ["ssh-keygen", "-y", "-f", str(file)]
    shown = subprocess.run(words, capture_output=True, check=True).stdout.decode()
    assert shown.split()[:2] == made.public_key.split()[:2]


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": "-x"}, "name", "cannot name a credential"),
        ({"name": ""}, "name", "cannot name a credential"),
        ({"kind": "password"}, "kind", "choose token or ssh_key"),
        ({"host": "two words"}, "host", "is no host"),
        ({"host": "-oProxyCommand=x"}, "host", "is no host"),
        ({"host": "https://ada:hush@git.example.org/x"}, "host", "holds a user name"),
        ({"host": "git@git.example.org:x"}, "host", "A token is for https"),
        ({"host": "/srv/code"}, "host", "A token is for https"),
        ({"secret": " "}, "secret", "is empty"),
        ({"secret": "two words"}, "secret", "no token has"),
        ({"secret": "a\nhost=evil"}, "secret", "no token has"),
        ({"username": "a\nhost=evil"}, "username", "user name"),
        ({"kind": "ssh_key"}, "secret", "no private SSH key"),
        (
            {"kind": "ssh_key", "secret": "", "host": "https://git.example.org/x"},
            "host",
            "is for ssh",
        ),
    ],
)
def test_what_cannot_work_is_refused(
    changes: dict[str, str], field: str, words: str, alice: User, workspace: Workspace
) -> None:
    with pytest.raises(Refused, match=re.escape(words)) as caught:
        add(alice, workspace, **changes)
    assert caught.value.field == field
    assert "hush" not in caught.value.sentence
    assert not GitCredential.objects.exists()


def test_a_key_with_a_passphrase_is_refused(
    alice: User, workspace: Workspace, tmp_path: Path
) -> None:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(tmp_path / "key")]
    subprocess.run(words, check=True)
    with pytest.raises(Refused, match="passphrase"):
        add(alice, workspace, kind="ssh_key", secret=(tmp_path / "key").read_text())


def test_a_name_is_given_once(alice: User, workspace: Workspace) -> None:
    add(alice, workspace)
    with pytest.raises(Refused, match="already"):
        add(alice, workspace)


def test_only_admins_write(
    alice: User, bob: User, vera: User, charlie: User, workspace: Workspace
) -> None:
    add(alice, workspace)
    host = GitHost.objects.create(workspace=workspace, name="h", key_type="t", key="AAAA")
    for user, kind in ((bob, Forbidden), (vera, Forbidden), (charlie, NotFound)):
        with pytest.raises(kind):
            add(user, workspace, name="other")
        with pytest.raises(kind):
            credential_remove(user=user, workspace=workspace, name="ci")
        with pytest.raises(kind):
            host_forget(user=user, workspace=workspace, host_id=host.pk)
    assert GitCredential.objects.count() == GitHost.objects.count() == 1
    credential_remove(user=alice, workspace=workspace, name="ci")
    host_forget(user=alice, workspace=workspace, host_id=host.pk)
    assert GitCredential.objects.count() == GitHost.objects.count() == 0


# which one is used


def test_the_one_for_the_host_is_used(alice: User, workspace: Workspace) -> None:
    add(alice, workspace)
    add(alice, workspace, name="deploy", kind="ssh_key", secret="")
    add(alice, workspace, name="other", host="git.example.org:8443")

    def used(url: str, name: str = "") -> str:
        found = credential_for(workspace=workspace, address=read_address(url), name=name)
        return found.name if found else ""

    assert used("https://git.example.org/a/b") == "ci"
    assert used("https://git.example.org:8443/a/b") == "other"
    assert used("git@git.example.org:a/b") == "deploy"
    assert used("https://example.org/a/b") == ""
    assert used("/srv/code") == ""
    add(alice, workspace, name="second")
    with pytest.raises(Refused, match=r"name one of ci, second\."):
        used("https://git.example.org/a/b")
    assert used("https://git.example.org/a/b", "second") == "second"


def test_a_secret_goes_to_its_host_alone(alice: User, charlie: User, workspace: Workspace) -> None:
    add(alice, workspace)
    for url in (
        "https://evil.example.org/x",
        "https://git.example.org:8443/x",
        "git@git.example.org:x",
    ):
        with pytest.raises(Refused, match=r"is a token for git\.example\.org"):
            credential_for(workspace=workspace, address=read_address(url), name="ci")
    with pytest.raises(NotFound, match="there is ci"):
        credential_for(workspace=workspace, address=read_address(url), name="cl")
    theirs = Workspace.objects.get(slug="elsewhere")
    address = read_address("https://git.example.org/a")
    assert credential_for(workspace=theirs, address=address, name="") is None
    with pytest.raises(NotFound, match="has none"):
        credential_for(workspace=theirs, address=address, name="ci")


# REST and page


def test_rest_takes_a_secret_and_never_gives_it(
    owner: Caller, member: Caller, vera: User, charlie: User
) -> None:
    made = owner.post("/credentials", {**GIVEN, "username": "ada"})
    assert made.status == 201
    for who in (owner, member, Caller(vera)):
        listed = who.get("/credentials")
        assert [row["name"] for row in listed.json] == ["ci"]
        assert b"hush" not in listed.content + made.content
    assert Caller(charlie).get("/credentials").json == []
    assert Caller(charlie).get("/credentials?workspace=main").status == 404
    assert member.post("/credentials", GIVEN).status == 403
    assert member.delete("/credentials/ci").status == 403
    assert Caller(charlie).delete("/credentials/ci").status == 404
    assert Caller(owner.user, scope="submit").post("/credentials", GIVEN).status == 403
    assert owner.delete("/credentials/ci").status == 204
    assert owner.delete("/credentials/ci").status == 404


def test_rest_shows_known_hosts(owner: Caller, member: Caller, workspace: Workspace) -> None:
    host = GitHost.objects.create(
        workspace=workspace, name="[h]:22", key_type="ssh-ed25519", key="AAAA"
    )
    assert member.get("/credentials/hosts").json[0]["fingerprint"] == fingerprint("AAAA")
    assert member.delete(f"/credentials/hosts/{host.pk}").status == 403
    assert owner.delete(f"/credentials/hosts/{host.pk}").status == 204
    assert owner.get("/credentials/hosts").json == []


def test_the_page_takes_a_secret_and_never_gives_it(alice: User, bob: User) -> None:
    owner, member = Visitor(alice), Visitor(bob)
    page = owner.post("/credentials/", {**GIVEN, "host": "two words"})
    assert page.status == 422
    assert "is no host" in page.text
    assert "hush" not in page.html
    page = owner.post("/credentials/", {**GIVEN, "name": ""})
    assert page.status == 422
    assert "hush" not in page.html
    assert owner.post("/credentials/", GIVEN).location == "/credentials/"
    for visitor in (owner, member):
        shown = visitor.get("/credentials/")
        assert "git.example.org" in shown.text
        assert "hush" not in shown.html
    assert "Token or private key" not in member.get("/credentials/").text
    assert member.post("/credentials/", {**GIVEN, "name": "b"}).status == 403
    assert member.post("/credentials/ci/remove/").status == 403
    assert owner.post("/credentials/ci/remove/").status == 302
    assert not GitCredential.objects.exists()
