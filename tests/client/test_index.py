"""`runyard index`: where packages come from, from a shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from environments.models import PackageIndex
from studio.lib.vault import decrypt
from tests.api.caller import Caller
from tests.api.conftest import owner  # noqa: F401
from tests.client.test_command import Here, here  # noqa: F401
from tests.client.test_target import as_owner  # noqa: F401
from tests.gitsources.servers import make_certificate

pytestmark = pytest.mark.django_db(transaction=True)

URL, EXTRA = "http://127.0.0.1:9/simple", "http://127.0.0.1:9/mine/simple"
PASSWORD = "hush-hush-of-the-index"


def test_an_admin_sets_shows_checks_and_removes_it(
    here: Here,  # noqa: F811
    as_owner: None,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert here("index", "show").out == "packages come from where the studio gets them\n"
    made = here("index", "set", URL, "--extra", EXTRA)
    assert made.out == f"packages come from {URL}: see runyard index check\n"
    monkeypatch.setenv("INDEX_PASSWORD", PASSWORD)
    kept = here("index", "login", EXTRA, "--username", "ada", "--env", "INDEX_PASSWORD")
    assert (kept.code, PASSWORD in kept.out) == (0, False)
    assert decrypt(PackageIndex.objects.get().passwords[EXTRA]) == PASSWORD
    _, last, first, by = here("index", "show").out.splitlines()
    assert last.split() == [URL, "last"]
    assert first.split() == [EXTRA, "first", "ada"]
    assert by.endswith(" by owner")
    checked = here("index", "check")
    assert (checked.code, checked.out.count("127.0.0.1 cannot be reached")) == (1, 2)
    assert here("index", "logout", EXTRA).code == 0
    assert PackageIndex.objects.get().passwords == {}
    assert here("index", "remove").code == 0
    assert not PackageIndex.objects.exists()


def test_an_authority_stays_until_it_is_taken_away(
    here: Here,  # noqa: F811
    as_owner: None,  # noqa: F811
    tmp_path: Path,
) -> None:
    authority, _ = make_certificate(tmp_path)
    here("index", "set", URL, "--authority", str(authority))
    here("index", "set", EXTRA)
    assert PackageIndex.objects.get().authority == authority.read_text()
    assert "one more authority is trusted" in here("index", "show").out
    here("index", "set", EXTRA, "--no-authority")
    assert PackageIndex.objects.get().authority == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("set",), 2, "set, login, logout take a URL, the others none"),
        (("show", URL), 2, "the others none"),
        (("login", URL, "--env", "NOT_THERE"), 1, "there is no variable NOT_THERE here"),
        (("login", URL, "--file", "/no/such"), 1, "Password cannot be read: No such file"),
        (("set", URL), 1, "this needs an admin"),
    ],
)
def test_what_cannot_be_is_said(
    words: tuple[str, ...],
    code: int,
    said: str,
    here: Here,  # noqa: F811
    as_bob: Caller,
) -> None:
    refused = here("index", *words)
    assert (refused.code, said in refused.err) == (code, True), refused.err
