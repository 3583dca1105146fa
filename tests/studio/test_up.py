"""`manage.py up` as a person starts it: real processes on a data directory of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from studio.up.process import is_alive
from studio.up.record import read_record
from tests.studio_process import TOP, Studio, migrate_once
from tests.waiting import eventually

pytestmark = [pytest.mark.chaos]  # one studio for the module


def manage(studio: Studio, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of `manage.py` on the studio's data directory."""
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=TOP,
        env=studio.env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, taken: int) -> Iterator[Studio]:
    """One studio for the tests that leave it as it was; the port that it wanted is taken."""
    with Studio(tmp_path_factory.mktemp("up") / "data", port=taken) as studio:
        yield studio


def said(studio: Studio) -> str:
    return (studio.data_dir.parent / f"{studio.data_dir.name}.up.log").read_text()


def test_a_taken_port_is_named_and_the_next_free_one_used(studio: Studio, taken: int) -> None:
    port = int(studio.record.url.rsplit(":", 1)[1].strip("/"))
    assert port > taken
    assert f"Port {taken} is taken: using {port}." in said(studio)


def test_it_prints_one_link_that_signs_in(studio: Studio) -> None:
    assert said(studio).count("/login/") == 1
    link = said(studio).split("Runyard is up:")[1].split()[0]
    assert link.startswith(studio.record.url)
    with urllib.request.urlopen(link, timeout=10) as page:
        assert b"used up by the button" in page.read()


def test_a_second_one_is_refused_with_the_address_of_the_first(studio: Studio) -> None:
    second = manage(studio, "up")
    assert second.returncode == 1
    assert f"already serves {studio.data_dir} at {studio.record.url}" in second.stderr
    assert "Traceback" not in second.stderr
    assert manage(studio, "up", "--detach").stderr == second.stderr


def test_status_names_every_process(studio: Studio) -> None:
    shown = json.loads(manage(studio, "status", "--json").stdout)
    assert shown["up"] is True
    assert shown["live_runs"] == 0
    assert set(shown["processes"]) == {"redis", "web", "monitor", "worker-1", "worker-2"}
    assert all(process["alive"] for process in shown["processes"].values())
    assert f"Runyard is up at {studio.record.url}" in manage(studio, "status").stdout


def test_the_command_line_of_this_machine_needs_no_login(studio: Studio) -> None:
    owner = studio.data_dir / "owner.json"
    assert owner.stat().st_mode & 0o777 == 0o600
    assert json.loads(owner.read_text())["url"] == studio.record.url
    assert studio.api("/me")["is_owner"] is True


def test_only_the_owner_of_the_account_can_look_inside(studio: Studio) -> None:
    assert studio.data_dir.stat().st_mode & 0o777 == 0o700


def test_everything_is_there_for_the_first_run(studio: Studio) -> None:
    assert [target["name"] for target in studio.api("/targets")] == ["local"]
    names = {environment["name"] for environment in studio.api("/environments")}
    assert {"minimal", "scikit-learn"} <= names


def test_static_files_carry_their_hash_and_are_kept(studio: Studio) -> None:
    with urllib.request.urlopen(f"{studio.record.url}sign-in/", timeout=10) as page:
        text = page.read().decode()
        assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
    path = text.split('rel="stylesheet" href="/')[1].split('"')[0]
    with urllib.request.urlopen(studio.record.url + path, timeout=10) as style:
        assert "immutable" in style.headers["Cache-Control"]
        assert len(style.read()) < 60_000  # Bootstrap without what no page uses
    script = re.search(r'src="/(static/js/runyard[^"]+)"', text)
    assert script
    with urllib.request.urlopen(studio.record.url + script[1], timeout=10) as module:
        assert not re.search(rb"^//", module.read(), re.MULTILINE)


def test_who_comes_while_the_web_process_is_away_waits_and_is_served(studio: Studio) -> None:
    web = studio.record.children["web"]
    os.kill(web.pid, signal.SIGKILL)
    eventually(lambda: not is_alive(web), what="the web process to be dead")
    with urllib.request.urlopen(f"{studio.record.url}healthz", timeout=60) as answer:
        assert answer.read() == b"ok"
    assert studio.record.children["web"] != web
    assert "web was killed by signal 9 and is started again" in said(studio)


def test_parts_share_what_was_loaded_once(studio: Studio) -> None:
    """Loaded anew for each part, next to nothing is shared: four fifths are a part's own."""
    for name in ("monitor", "worker-1", "worker-2"):
        assert _own_share(studio.record.children[name].pid) < 0.6


def test_a_killed_part_comes_back_as_a_copy_without_what_is_not_its_own(studio: Studio) -> None:
    studio.kill_part("worker-1")
    part = studio.record.children["worker-1"]
    process = Path(f"/proc/{part.pid}")
    port = int(studio.record.url.rsplit(":", 1)[1].strip("/"))
    # the lock would keep the next studio out, the log is that of another process
    others = {str(studio.data_dir / "up.lock"), f"{studio.data_dir}.up.log", *_listening(port)}
    # a copy has all of that in its first moment
    eventually(
        lambda: not _held(process) & others, what="the copy to let go of what is not its own"
    )
    assert os.getsid(part.pid) == part.pid
    assert process.joinpath("comm").read_text().startswith("runyard-worker")
    assert f"PPid:\t{studio.record.supervisor.pid}\n" in process.joinpath("status").read_text()
    assert str(studio.data_dir / "up" / "worker-1.log") in _held(process)
    assert _own_share(part.pid) < 0.6


def _held(process: Path) -> set[str]:
    """What the open descriptors of a process are of."""
    found = set()
    for entry in process.joinpath("fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(entry.readlink()))
    return found


def _own_share(pid: int) -> float:
    """How much of a process's memory is, in fair shares, its own."""
    said = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = dict(re.findall(r"^(\w+): +(\d+) kB", said, re.MULTILINE))
    return int(sizes["Pss"]) / int(sizes["Rss"])


def _listening(port: int) -> set[str]:
    """The sockets at a port, as links of open descriptors name them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    found = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}")}
    assert found
    return found


def test_a_killed_studio_leaves_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    migrate_once(tmp_path / "data")
    with Studio(tmp_path / "data", port=9700) as studio:
        before = studio.record
        os.kill(before.supervisor.pid, signal.SIGKILL)
        eventually(
            lambda: not any(map(is_alive, before.children.values())),
            timeout_s=30,
            what="the children of a killed studio to end",
        )
        studio.stop()
        studio.start()
        assert studio.api("/me")["user"] == "owner"
        assert studio.record.supervisor != before.supervisor


def test_detached_it_returns_when_it_serves_and_goes_down_again(tmp_path: Path) -> None:
    migrate_once(tmp_path / "data")
    studio = Studio(tmp_path / "data", port=9720)
    studio.env["SSH_CONNECTION"] = "198.51.100.7 50022 203.0.113.4 22"
    del studio.env["RUNYARD_LINK_ROOTS"]
    try:
        done = manage(studio, "up", "--detach")
        assert done.returncode == 0, done.stderr
        assert "/login/" in done.stdout
        record = studio.record
        port = record.url.rsplit(":", 1)[1].strip("/")
        assert f"ssh -L {port}:127.0.0.1:{port} " in done.stdout
        assert "@203.0.113.4\n" in done.stdout
        assert urllib.request.urlopen(f"{record.url}healthz", timeout=5).status == 200
        assert "/login/" not in (studio.data_dir / "up" / "up.log").read_text()
        assert f"A folder under {Path.home()}." in _submit_page(studio)  # as none was named
    finally:
        down = manage(studio, "down")
    assert down.stdout == "Runyard is down.\n"
    assert not any(map(is_alive, (record.supervisor, *record.children.values())))
    assert manage(studio, "down").stdout == "No studio was running here.\n"
    status = manage(studio, "status")
    assert (status.returncode, status.stdout) == (
        1,
        "Runyard is down: start it with 'make up'.\n",
    )


def _submit_page(studio: Studio) -> str:
    request = urllib.request.Request(
        f"{studio.record.url}submit/", headers={"Cookie": studio.session_cookie()}
    )
    with urllib.request.urlopen(request, timeout=10) as page:
        return str(page.read().decode())


def test_the_database_is_copied_before_it_is_migrated(tmp_path: Path) -> None:
    migrate_once(tmp_path / "data")
    studio = Studio(tmp_path / "data", port=9740)
    done = manage(studio, "migrate", "--skip-checks", "--verbosity", "0", "sessions", "zero")
    assert done.returncode == 0, done.stderr
    with studio:
        copies = list((studio.data_dir / "backups").iterdir())
        assert len(copies) == 1
        assert copies[0].stat().st_mode & 0o777 == 0o600
        assert f"copied to {copies[0]}" in said(studio)
        assert not _has_sessions(copies[0])
        assert _has_sessions(studio.data_dir / "db.sqlite3")


def _has_sessions(database: Path) -> bool:
    with closing(sqlite3.connect(database)) as connection:
        query = "select count(*) from sqlite_master where name = 'django_session'"
        return bool(connection.execute(query).fetchone()[0])


class TestSentences:
    """What cannot start says why in a sentence, and leaves nothing behind."""

    def refused(self, studio: Studio) -> str:
        done = manage(studio, "up")
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        record = read_record(studio.data_dir)
        assert record is None or not any(map(is_alive, record.children.values()))
        return done.stderr

    def test_no_folder_to_write_to(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        assert "set RUNYARD_DATA_DIR" in self.refused(Studio(tmp_path / "file" / "data", port=9760))

    def test_a_database_that_is_none(self, tmp_path: Path) -> None:
        studio = Studio(tmp_path, port=9760)
        tmp_path.chmod(0o700)
        studio.env["RUNYARD_SECRET_KEY"] = "given"
        (tmp_path / "db.sqlite3").write_bytes(b"torn" * 1000)
        sentence = self.refused(studio)
        assert "The database cannot be used: file is not a database." in sentence
        assert str(tmp_path / "backups") in sentence

    def test_a_moved_folder(self, tmp_path: Path) -> None:
        studio = Studio(tmp_path, port=9760)
        record = {
            "url": "http://127.0.0.1:1/",
            "data_dir": "/somewhere/else",
            "supervisor": {"pid": 1, "started": "never", "boot": "none"},
            "ready": True,
            "children": {},
        }
        (tmp_path / "up.json").write_text(json.dumps(record))
        assert "was made at /somewhere/else" in self.refused(studio)

    def test_a_redis_that_is_not_there(self, tmp_path: Path) -> None:
        studio = Studio(tmp_path / "data", port=9760)
        studio.env["REDIS_URL"] = "redis://:secret@127.0.0.1:1/0"
        sentence = self.refused(studio)
        assert "The Redis at 127.0.0.1 did not answer: check REDIS_URL" in sentence
        assert "secret" not in sentence

    def test_a_foreign_address(self, tmp_path: Path) -> None:
        studio = Studio(tmp_path / "data", port=9760)
        studio.env["RUNYARD_HOST"] = "203.0.113.9"
        assert "203.0.113.9 cannot be listened on" in self.refused(studio)

    def test_a_setting_that_cannot_be_read(self, tmp_path: Path) -> None:
        studio = Studio(tmp_path / "data", port=9760)
        studio.env["RUNYARD_PORT"] = "eighty"
        assert "RUNYARD_PORT='eighty'" in self.refused(studio)
