"""A real studio, started as a person starts it, on a data directory of its own."""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Mapping
from functools import cache, partial
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from studio.up.process import end_with_parent, is_alive
from studio.up.record import Record, read_record
from tests.waiting import eventually

TOP = Path(__file__).resolve().parent.parent
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "UV_CACHE_DIR", "SSL_CERT_DIR")


def migrate_once(data_dir: Path) -> None:
    """Give a data directory to be its key and a database with all tables, made once a session.

    What tests of the start itself look at is left to the start.
    """
    data_dir.mkdir(mode=0o700, exist_ok=True)
    for name in ("db.sqlite3", "secret.key"):
        shutil.copy(migrated() / name, data_dir)


@cache
def migrated() -> Path:
    """A data directory that was migrated and nothing else; the workers of a session share it."""
    folder = shared_dir() / "migrated"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _migrate(folder)
    return folder


def _migrate(folder: Path) -> None:
    partial = folder.with_suffix(".partial")
    env = {name: os.environ[name] for name in _KEPT if name in os.environ}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--skip-checks", "--verbosity", "0"],
        cwd=TOP,
        env=env | {"RUNYARD_DATA_DIR": str(partial)},
        check=True,
    )
    partial.rename(folder)


def share_packages(data_dir: Path) -> None:
    """Let its local target take packages, and their bytecode, out of one cache of the session.

    A curated environment is then fetched and compiled once, whoever builds it first.
    """
    root = data_dir / "targets" / "local"
    root.mkdir(mode=0o700, parents=True)
    (root / "uv-cache").symlink_to(package_cache())


def package_cache() -> Path:
    """Where uv keeps what builds of this session have unpacked."""
    folder = shared_dir() / "uv-cache"
    folder.mkdir(exist_ok=True)
    return folder


def number_told(said: bytes) -> int:
    """The run that `runyard submit` tells of: "submitted train as run 7: http://…/runs/7/"."""
    found = re.match(rb"submitted .* as run (\d+): http", said)
    assert found, said
    return int(found[1])


def shared_dir() -> Path:
    """A folder for what all workers of a session share."""
    given = os.environ.get("TESTS_SHARED_DIR")
    if given:
        return Path(given)
    folder = Path(tempfile.mkdtemp(prefix="runyard-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Studio:
    """`manage.py up` as a child process; a context manager that ends it and all its runs."""

    def __init__(self, data_dir: Path, *, port: int, link_root: Path | None = None) -> None:
        self.data_dir = data_dir
        self.env = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self.env |= {
            "RUNYARD_DATA_DIR": str(data_dir),
            "RUNYARD_PORT": str(port),
            "RUNYARD_LINK_ROOTS": str(link_root or TOP),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Studio:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._is_up():
                self.cancel_all()
        finally:
            self.stop()

    def start(self) -> None:
        """Start it and wait until it serves."""
        log = self.data_dir.parent / f"{self.data_dir.name}.up.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=TOP,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                # an interrupted test session leaves no studio behind
                preexec_fn=partial(end_with_parent, os.getpid()),  # noqa: PLW1509  (no threads here)
            )
        process = self._process

        def serves() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"the studio ended: {log.read_text()}")
            record = read_record(self.data_dir)
            return bool(record and record.ready and record.supervisor.pid == process.pid)

        eventually(serves, timeout_s=60, what="the studio to serve")

    def stop(self) -> None:
        """Stop it as `down` does; a dead one is no error."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=30)
        self._process = None

    def kill(self) -> None:
        """End everything of the studio at once, as a machine without mercy does."""
        record = self.record
        for who in (record.supervisor, *record.children.values()):
            if is_alive(who):
                os.kill(who.pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        self._process = None

    def kill_part(self, name: str) -> None:
        """SIGKILL one process and wait until another has taken its place."""
        who = self.record.children[name]
        os.kill(who.pid, signal.SIGKILL)
        eventually(
            lambda: name in self.record.children and self.record.children[name] != who,
            timeout_s=30,
            what=f"{name} to be started again",
        )

    @property
    def record(self) -> Record:
        """What the studio wrote down about itself."""
        record = read_record(self.data_dir)
        assert record is not None
        return record

    @property
    def token(self) -> str:
        """The owner's token."""
        return str(json.loads((self.data_dir / "owner.json").read_text())["token"])

    def api(self, path: str, body: Mapping[str, Any] | None = None, method: str = "") -> Any:
        """Call REST as the owner: the decoded answer."""
        request = urllib.request.Request(
            f"{self.record.url}api/v1{path}",
            data=json.dumps(body).encode() if body is not None else None,
            method=method or ("POST" if body is not None else "GET"),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else None

    def log(self, run: int, stream: str = "run.log") -> bytes:
        """The whole stored log of a run."""
        request = urllib.request.Request(
            f"{self.record.url}api/v1/runs/{run}/log?stream={stream}",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    def cli(
        self, *args: str, cwd: Path | None = None, timeout_s: float = 120, stdin: bytes = b""
    ) -> Answer:
        """Run the command line as a person on this machine does."""
        env = {**self.env, "RUNYARD_URL": self.record.url, "RUNYARD_TOKEN": self.token}
        done = subprocess.run(
            [str(Path(sys.prefix) / "bin" / "runyard"), *args],
            cwd=cwd or TOP,
            env=env,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            input=stdin,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def submit(self, folder: Path, *args: str, **more: Any) -> int:
        """Submit through the command line: the run's number."""
        answer = self.cli("submit", "--source", str(folder), *args, **more)
        assert answer.code == 0, answer.stderr.decode()
        return number_told(answer.stdout)

    def run(self, number: int) -> dict[str, Any]:
        """What REST says of a run."""
        found: dict[str, Any] = self.api(f"/runs/{number}")
        return found

    def finished(self, number: int, timeout_s: float = 60) -> dict[str, Any]:
        """Wait for the end of a run: what REST says of it then."""

        def ended() -> dict[str, Any] | None:
            found = self.run(number)
            return found if found["status"] in {"completed", "failed", "canceled"} else None

        return eventually(ended, timeout_s=timeout_s, what=f"run {number} to end")

    def session_cookie(self) -> str:
        """Sign in with a one-time link, as a browser does: the session cookie."""
        self._sign_in()
        return next(f"{c.name}={c.value}" for c in self._jar if c.name.startswith("runyard_"))

    def submit_zip(self, archive: Path, script: str, environment: str, arguments: str = "") -> int:
        """Submit through the page's form, without JavaScript: the run's number."""
        browser = self._sign_in()
        address = f"{self.record.url}submit/"
        fields = {
            "csrfmiddlewaretoken": _form_token(browser.open(address, timeout=30)),
            "source": "zip",
            "script": script,
            "arguments": arguments,
            "environment": environment,
            "priority": "0",
            "outputs": "outputs/**",
            "target": "local",
        }
        edge = "----runyard-form"
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        file_head = (
            f'--{edge}\r\nContent-Disposition: form-data; name="zip"; filename="{archive.name}"'
            "\r\nContent-Type: application/zip\r\n\r\n"
        )
        body = "".join([*parts, file_head]).encode() + archive.read_bytes()
        headers = {"Referer": address, "Content-Type": f"multipart/form-data; boundary={edge}"}
        request = urllib.request.Request(
            address, data=body + f"\r\n--{edge}--\r\n".encode(), headers=headers
        )
        with browser.open(request, timeout=60) as page:
            shown = re.search(r"/runs/(\d+)/", page.url)
            assert shown, page.read().decode()
            return int(shown[1])

    def _sign_in(self) -> urllib.request.OpenerDirector:
        link = self.api("/me/link", {})["link"]
        self._jar = CookieJar()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        token = _form_token(browser.open(link, timeout=30))
        form = urllib.parse.urlencode({"csrfmiddlewaretoken": token}).encode()
        browser.open(urllib.request.Request(link, data=form, headers={"Referer": link}), timeout=30)
        return browser

    def cancel_all(self) -> None:
        """Cancel what is live, so that no test leaves a process behind."""
        live = self.api("/runs?filter=status:live")["items"]
        for run in live:
            self.api(f"/runs/{run['id']}/cancel", {})
        for run in live:
            self.finished(run["id"])

    def _is_up(self) -> bool:
        return self._process is not None and self._process.poll() is None


def _form_token(page: Any) -> str:
    text = page.read().decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)
    assert found, text
    return found[1]


class Answer:
    """What a command said and how it ended."""

    def __init__(self, code: int, stdout: bytes, stderr: bytes) -> None:
        self.code, self.stdout, self.stderr = code, stdout, stderr
