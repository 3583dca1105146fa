"""A real PostgreSQL server on a private socket, which tests may stop and start again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import urllib.parse
from pathlib import Path

import pytest

_ACCOUNT = "postgres"
"""PostgreSQL refuses to run as root; Debian's package brings this account."""


class Postgres:
    """One server with an empty database; a context manager that stops it and removes its files."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            pytest.skip("PostgreSQL is missing: apt-get install postgresql")
        self._bin = found[-1].parent
        # not below pytest's folder, which other accounts may not enter
        self._folder = Path(tempfile.mkdtemp(prefix="runyard-postgres-"))
        self._as_account: tuple[str, ...] = ()
        if os.geteuid() == 0:
            shutil.chown(self._folder, _ACCOUNT, _ACCOUNT)
            self._as_account = ("setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}",
                                "--clear-groups")  # fmt: skip

    def __enter__(self) -> Postgres:
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", _ACCOUNT, "--no-sync")
        self.start()
        self._run("createdb", "-h", str(self._folder), "-U", _ACCOUNT, "runyard")
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if (self._data / "postmaster.pid").exists():
                self.stop()
        finally:
            shutil.rmtree(self._folder)

    @property
    def url(self) -> str:
        """What DATABASE_URL is to be."""
        return f"postgres://{_ACCOUNT}@{urllib.parse.quote(str(self._folder), safe='')}/runyard"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-w", "-o", options, "start")

    def stop(self) -> None:
        """End it at once, with every connection."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [*self._as_account, str(self._bin / program), *words],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # a server that is started keeps it
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )
