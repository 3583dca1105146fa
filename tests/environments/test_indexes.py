"""Packages from an index of the workspace: behind a password, TLS by an authority of its own."""

from __future__ import annotations

import base64
import functools
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core import serializers

from environments.indexes import Index, authority_problem, index_check, url_problem, uv_variables
from environments.models import Build, PackageIndex
from environments.selectors import index_variables
from environments.services import (
    build_hidden,
    index_credentials,
    index_remove,
    index_set,
    index_try,
)
from runs.services.watching import LiveBuild
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.lib.vault import decrypt
from studio.models import AuditEvent, Membership, Role, User, Workspace
from tests.environments.registry import Registry
from tests.environments.test_builds import Studio, messages, says, studio  # noqa: F401
from tests.gitsources.servers import make_certificate

PASSWORD = "hush-hush-of-the-index"


class PrivateIndex:
    """A registry behind TLS and a password."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self.registry = registry
        self.authority, pair = make_certificate(folder)
        self.seen: list[tuple[str, str]] = []
        handler = type("Handler", (_Handler,), {"index": self})
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(handler, directory=str(folder / "served"))
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}/simple"
        self.served = folder / "served" / "simple"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def wheel(self, name: str) -> None:
        """Publish a package here, and not in the folder that uv otherwise finds them in."""
        self.registry.wheel(name)
        file = self.registry.folder / f"{name}-1.0-py3-none-any.whl"
        page = self.served / name
        page.mkdir(parents=True)
        file.rename(page / file.name)
        (page / "index.html").write_text(f'<a href="{file.name}">{file.name}</a>')

    def __enter__(self) -> PrivateIndex:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _Handler(SimpleHTTPRequestHandler):
    index: PrivateIndex

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        self.index.seen.append((self.path, given))
        wanted = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
        if given == f"Basic {wanted}":
            super().do_GET()
            return
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def admin(workspace: Workspace) -> User:
    user = User.objects.create_user("grace")
    Membership.objects.create(user=user, workspace=workspace, role=Role.ADMIN)
    return user


@pytest.fixture
def index(registry: Registry, tmp_path: Path) -> Iterator[PrivateIndex]:
    folder = tmp_path / "index"
    (folder / "served" / "simple").mkdir(parents=True)
    with PrivateIndex(registry, folder) as found:
        yield found


def use(index: PrivateIndex, admin: User, workspace: Workspace) -> None:
    index_set(user=admin, workspace=workspace, url=index.url, authority=index.authority.read_text())
    words = {"url": index.url, "username": "ada", "password": PASSWORD}
    index_credentials(user=admin, workspace=workspace, **words)


def test_an_environment_is_made_from_it(
    studio: Studio,  # noqa: F811
    index: PrivateIndex,
    admin: User,
    tmp_path: Path,
) -> None:
    index.wheel("inhouse")
    use(index, admin, studio.workspace)
    build = studio.building(studio.version("inhouse\n"))
    assert LiveBuild(build).secrets() == build_hidden(build) == [PASSWORD]
    studio.finish(build)
    assert (build.status, build.error) == (Build.Status.READY, "")
    assert (
        says(studio.ready(build.version).python, "import inhouse; print(inhouse.version)") == "1.0"
    )
    assert ("/simple/inhouse/" in {path for path, _ in index.seen}) is True
    kept = serializers.serialize("json", [build, build.lock, PackageIndex.objects.get()])
    assert PASSWORD not in kept
    assert "127.0.0.1" not in build.lock.text
    for text in (PASSWORD, base64.b64encode(f"ada:{PASSWORD}".encode()).decode()):
        found = subprocess.run(
            ["grep", "-rlaF", text, str(tmp_path)], capture_output=True, check=False
        )
        assert found.stdout == b""
    build.refresh_from_db()
    assert build.secret_values == {}


def test_without_its_password_nothing_is_found(
    studio: Studio,  # noqa: F811
    index: PrivateIndex,
    admin: User,
) -> None:
    index.wheel("inhouse")
    index_set(
        user=admin,
        workspace=studio.workspace,
        url=index.url,
        authority=index.authority.read_text(),
    )
    state = studio.ensure(studio.version("inhouse\n"))
    assert "cannot be resolved" in state.sentence
    assert index_try(user=admin, workspace=studio.workspace) == [
        (index.url, False, "127.0.0.1 answers 401: it asks for credentials.")
    ]


class TestChecking:
    def test_it_answers(self, index: PrivateIndex, admin: User, workspace: Workspace) -> None:
        use(index, admin, workspace)
        tried = index_try(user=admin, workspace=workspace)
        assert tried == [(index.url, True, "127.0.0.1 answers.")]

    def test_what_is_wrong_is_told_apart(self, index: PrivateIndex) -> None:
        authority = index.authority.read_text()
        _, untrusted = index_check(Index(index.url), "")
        assert "certificate that is not trusted" in untrusted
        _, refused = index_check(Index(index.url, "ada", "wrong"), authority)
        assert refused == "127.0.0.1 answers 401: it does not accept these credentials."
        ok, gone = index_check(Index("http://127.0.0.1:9/simple"), "")
        assert (ok, "cannot be reached" in gone) == (False, True)


class TestSetting:
    def test_roles(
        self, member: User, viewer: User, stranger: User, admin: User, workspace: Workspace
    ) -> None:
        url = "https://pypi.example.org/simple"
        for user, refusal in ((member, Forbidden), (viewer, Forbidden), (stranger, NotFound)):
            with pytest.raises(refusal):
                index_set(user=user, workspace=workspace, url=url)
            with pytest.raises(refusal):
                index_credentials(
                    user=user, workspace=workspace, url=url, username="a", password="b"
                )
            with pytest.raises(refusal):
                index_try(user=user, workspace=workspace)
            with pytest.raises(refusal):
                index_remove(user=user, workspace=workspace)
        assert not PackageIndex.objects.exists()

    def test_credentials_stay_with_their_address(self, admin: User, workspace: Workspace) -> None:
        first, other = "https://pypi.example.org/simple", "https://other.example.org/simple"
        index_set(user=admin, workspace=workspace, url=first)
        words = {"username": "ada", "password": PASSWORD}
        index_credentials(user=admin, workspace=workspace, url=first, **words)
        kept = index_set(user=admin, workspace=workspace, url=other, extra_urls=[first])
        assert decrypt(kept.passwords[first]) == PASSWORD
        variables = index_variables(workspace)
        assert variables["UV_DEFAULT_INDEX"] == f"runyard0={other}"
        assert variables["UV_INDEX"] == f"runyard1={first}"
        assert variables["UV_INDEX_RUNYARD1_PASSWORD"] == PASSWORD
        assert index_set(user=admin, workspace=workspace, url=other).passwords == {}
        with pytest.raises(NotFound, match="none of the workspace's package indexes"):
            index_credentials(user=admin, workspace=workspace, url=first, **words)
        assert PASSWORD not in serializers.serialize("json", AuditEvent.objects.all())

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            (f"https://ada:{PASSWORD}@pypi.example.org/simple", "kept encrypted"),
            (f"https://{PASSWORD}@pypi.example.org/simple", "kept encrypted"),
            (f"https://pypi.example.org/simple?token={PASSWORD}", "leave that out"),
            ("ftp://pypi.example.org", "is no index"),
            ("", "is no index"),
            ("https://a b.example.org", "no spaces"),
        ],
    )
    def test_an_address_that_cannot_work_is_refused(
        self, url: str, words: str, admin: User, workspace: Workspace
    ) -> None:
        with pytest.raises(Refused, match=words) as caught:
            index_set(user=admin, workspace=workspace, url=url)
        assert PASSWORD not in caught.value.sentence
        assert url_problem("https://pypi.example.org:8443/root/simple/") == ""

    def test_a_password_does_not_travel_in_the_clear(
        self, admin: User, workspace: Workspace
    ) -> None:
        url = "http://pypi.example.org/simple"
        index_set(user=admin, workspace=workspace, url=url)
        with pytest.raises(Refused, match="use its https address"):
            index_credentials(
                user=admin, workspace=workspace, url=url, username="a", password=PASSWORD
            )

    def test_a_certificate_is_looked_at(self, index: PrivateIndex) -> None:
        pair = (index.authority.parent / "server.pem").read_text()
        assert "private key" in authority_problem(pair)
        assert "no certificate" in authority_problem("-----BEGIN CERTIFICATE-----\nx\n")
        own = pair[pair.index("-----BEGIN CERTIFICATE") :]
        assert "that of an authority" in authority_problem(own)
        assert authority_problem(index.authority.read_text()) == ""


def test_variables_of_the_studio_that_say_where_are_left_out() -> None:
    environ = {
        "UV_INDEX_URL": "x",
        "UV_FIND_LINKS": "y",
        "UV_HTTP_TIMEOUT": "9",
        "UV_NO_INDEX": "1",
    }
    found = uv_variables([Index("https://a.org/simple")], environ)
    assert found == {
        "UV_HTTP_TIMEOUT": "9", "UV_DEFAULT_INDEX": "runyard0=https://a.org/simple"
    }  # fmt: skip
