"""Private repositories: a token by smart HTTP over TLS, a deploy key by a real sshd.

No secret is ever in an argument, in what is said, or left behind.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from runs.gitprocess import Access
from runs.giturls import GitRefused
from runs.snapshots import snapshot_folder
from tests.gitsources.repositories import LIMITS, Fetcher, Repository
from tests.gitsources.servers import HttpsServer, SshServer, make_key
from tests.runs.sources import one_sentence

TOKEN = Access(token="hush-token", token_user="ada")


def refused(fetcher: Fetcher, url: str, access: Access) -> str:
    with pytest.raises(GitRefused) as caught:
        fetcher.commit(url, access=access)
    return one_sentence(caught.value)


def left_behind(fetcher: Fetcher, secret: str) -> list[Path]:
    """Files below the mirrors that hold the secret, and rooms that were not removed."""
    files = [path for path in fetcher.root.rglob("*") if path.is_file()]
    holding = [path for path in files if secret.encode() in path.read_bytes()]
    return holding + list((fetcher.root / "rooms").iterdir())


class ArgumentsSeen:
    """Reads every process's arguments and looks for a secret, while the block lasts."""

    def __init__(self, secret: str) -> None:
        self.looks = 0
        self.found: list[str] = []
        self._secret = secret.encode()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> ArgumentsSeen:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.is_set():
            self.looks += 1
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = process.read_bytes()
                except OSError:
                    continue
                if self._secret in words:
                    self.found.append(words.decode(errors="replace"))


# tokens


def test_a_token_opens_a_repository(
    https: HttpsServer, repository: Repository, fetcher: Fetcher
) -> None:
    with ArgumentsSeen("hush-token") as seen:
        frozen = fetcher.freeze(https.url("ridge"), access=TOKEN)
    assert frozen.manifest == snapshot_folder(repository.path, fetcher.store, **LIMITS)
    assert seen.looks > 1
    assert seen.found == []
    assert left_behind(fetcher, "hush-token") == []
    assert not any("hush-token" in line for line in fetcher.heard)


def test_branches_and_short_commits_by_https(
    https: HttpsServer, repository: Repository, fetcher: Fetcher
) -> None:
    first = repository.head
    repository.git("branch", "topic")
    repository.commit(a__py="1")
    url = https.url("ridge/.git")
    assert fetcher.commit(url, "topic", access=TOKEN).sha == first
    assert fetcher.commit(url, first[:8], access=TOKEN).sha == first
    assert fetcher.commit(url, first, access=TOKEN, owner="2").sha == first


def test_without_the_right_token_a_sentence_says_what_to_do(
    https: HttpsServer, fetcher: Fetcher
) -> None:
    url = https.url("ridge")
    assert "an admin of the workspace can add a token" in refused(fetcher, url, Access())
    wrong = Access(token="wrong-hush", token_user="ada")
    sentence = refused(fetcher, url, wrong)
    assert "check that the credential is still valid" in sentence
    assert "hush" not in sentence
    assert left_behind(fetcher, "wrong-hush") == []
    assert "There is no repository" in refused(fetcher, https.url("none"), TOKEN)


def test_a_token_is_not_sent_elsewhere(
    https: HttpsServer, repository: Repository, fetcher: Fetcher, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    with HttpsServer(repository.path.parent, folder) as other:
        both = tmp_path / "both.pem"
        both.write_bytes(https.authority.read_bytes() + other.authority.read_bytes())
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GIT_SSL_CAINFO", str(both))
            https.redirect = other.url("")[:-1]
            assert "redirects to another address" in refused(fetcher, https.url("ridge"), TOKEN)
        assert other.seen == []


def test_an_unknown_authority_is_not_trusted(
    https: HttpsServer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIT_SSL_CAINFO")
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    assert "GIT_SSL_CAINFO" in refused(fetcher, https.url("ridge"), TOKEN)
    assert https.seen == []


def test_a_host_that_does_not_answer_is_named(fetcher: Fetcher) -> None:
    assert "127.0.0.1:1 does not answer" in refused(fetcher, "https://127.0.0.1:1/x", Access())


# deploy keys


@pytest.mark.ssh
def test_a_deploy_key_opens_a_repository(
    ssh_server: SshServer, repository: Repository, fetcher: Fetcher
) -> None:
    secret = ssh_server.deploy_key.splitlines()[2]
    url = ssh_server.url(repository.path)
    with ArgumentsSeen(secret) as seen:
        frozen = fetcher.freeze(url, access=Access(private_key=ssh_server.deploy_key))
    assert frozen.manifest == snapshot_folder(repository.path, fetcher.store, **LIMITS)
    assert seen.found == []
    assert left_behind(fetcher, secret) == []


@pytest.mark.ssh
def test_without_the_right_key_a_sentence_says_what_to_do(
    ssh_server: SshServer, repository: Repository, fetcher: Fetcher, tmp_path: Path
) -> None:
    url = ssh_server.url(repository.path)
    assert "can add a token or deploy key" in refused(fetcher, url, Access())
    make_key(tmp_path / "other")
    key = (tmp_path / "other").read_text()
    assert "check that the credential" in refused(fetcher, url, Access(private_key=key))
    assert left_behind(fetcher, key.splitlines()[2]) == []
    mine = Access(private_key=ssh_server.deploy_key)
    gone = ssh_server.url(repository.path.with_name("none"))
    assert "There is no repository" in refused(fetcher, gone, mine)


@pytest.mark.ssh
def test_a_host_is_known_from_its_first_use_on(
    ssh_server: SshServer, repository: Repository, fetcher: Fetcher
) -> None:
    url, key = ssh_server.url(repository.path), ssh_server.deploy_key
    fetcher.commit(url, access=Access(private_key=key))
    seen = tuple(fetcher.new_hosts)
    assert len(seen) == 1
    assert seen[0].startswith(f"[127.0.0.1]:{ssh_server.port} ssh-ed25519 ")
    fetcher.commit(url, access=Access(private_key=key, known_hosts=seen))
    assert fetcher.new_hosts == []
    ssh_server.change_host_key()
    sentence = refused(fetcher, url, Access(private_key=key, known_hosts=seen))
    assert f"127.0.0.1:{ssh_server.port} shows another host key" in sentence
    assert fetcher.new_hosts == []
    assert fetcher.commit(url, access=Access(private_key=key)).sha == repository.head
