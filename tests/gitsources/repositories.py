"""Real repositories to fetch from."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runs.blobs import BlobStore
from runs.gitprocess import Access, Bounds
from runs.gittrees import Frozen, freeze_commit
from runs.giturls import read_address
from runs.mirrors import Commit, Mirror, opened

LIMITS = {"max_bytes": 1 << 20, "max_files": 100}
_SETTINGS = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgSign=no",
             "-c", "protocol.file.allow=always", "-c", "core.hooksPath=/dev/null")  # fmt: skip


class Repository:
    """A repository with a work tree, driven by git itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words: str) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        done = subprocess.run(
            ["git", "-C", str(self.path), *_SETTINGS, *words],
            env=environment | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def commit(self, **files: str) -> str:
        """Commit all that is there, and these files, whose names write __ for a dot."""
        for name, text in files.items():
            (self.path / name.replace("__", ".")).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "more")
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")


class Fetcher:
    """Mirrors below one folder, and a blob store for what is frozen from them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "mirrors"
        self.store = BlobStore(folder / "blobs")
        self.heard: list[str] = []
        self.new_hosts: list[str] = []

    @contextmanager
    def mirror(
        self,
        url: str | Path,
        *,
        access: Access = Access(),  # noqa: B008  (frozen)
        owner: str = "1",
        limit_s: float = 60,
        max_bytes: int = 1 << 30,
    ) -> Iterator[Mirror]:
        bounds = Bounds(time.monotonic() + limit_s, max_bytes, self.heard.append)
        with opened(self.root, owner, read_address(str(url)), access, bounds) as mirror:
            try:
                yield mirror
            finally:
                self.new_hosts = mirror.room.new_hosts()

    def commit(self, url: str | Path, ref: str = "", **more: object) -> Commit:
        with self.mirror(url, **more) as mirror:  # type: ignore[arg-type]
            return mirror.commit(ref)

    def freeze(
        self, url: str | Path, ref: str = "", folder: str = "", *, access: Access = Access(),  # noqa: B008
        **limits: int,
    ) -> Frozen:  # fmt: skip
        with self.mirror(url, access=access) as mirror:
            sha = mirror.commit(ref).sha
            return freeze_commit(mirror, sha, folder, self.store, **{**LIMITS, **limits})
