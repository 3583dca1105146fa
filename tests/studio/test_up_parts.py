"""The parts of `manage.py up`, each by itself: real processes, sockets and files."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from studio.up.fork import CAN_FORK
from studio.up.intact import NotIntact, require_intact
from studio.up.ports import NoPort, listen, local_url
from studio.up.process import Identity, end_all, identify, is_alive, spawn
from studio.up.record import Record, lock_data_dir, read_record, write_record
from studio.up.redis import NoRedis, server_command
from studio.up.stop import end_leftovers
from studio.up.supervise import Supervisor
from tests.waiting import eventually

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
_IGNORE = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)"
STUBBORN = [sys.executable, "-c", f"{_IGNORE}; time.sleep(600)"]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process whose output goes to `log`; all of them are ended afterwards."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(argv: list[str], log: Path = tmp_path / "child.log") -> subprocess.Popen[bytes]:
        child = spawn(argv, folder=tmp_path, log=log, env=os.environ)
        started.append(child)
        return child

    yield begin
    for child in started:
        child.kill()
        child.wait()


def who(process: subprocess.Popen[bytes]) -> Identity:
    found = identify(process.pid)
    assert found is not None
    return found


class TestProcesses:
    def test_a_process_is_known_by_more_than_its_number(self, start: Start) -> None:
        me = who(start(SLEEPER))
        assert is_alive(me)
        assert not is_alive(replace(me, started="1"))
        assert not is_alive(replace(me, boot="another boot"))

    def test_who_ended_is_not_alive_even_before_anybody_asked(self, start: Start) -> None:
        child = start([sys.executable, "-c", ""])
        eventually(lambda: identify(child.pid) is None, what="the zombie counts as gone")

    def test_the_stubborn_are_killed(self, start: Start, tmp_path: Path) -> None:
        gentle, stubborn = start(SLEEPER), start(STUBBORN, tmp_path / "stubborn.log")
        eventually(lambda: "up" in (tmp_path / "stubborn.log").read_text(), what="it ignores TERM")
        end_all([who(gentle), who(stubborn)], patience_s=0.3)
        assert (gentle.wait(), stubborn.wait()) == (-signal.SIGTERM, -signal.SIGKILL)

    def test_whoever_has_the_number_now_is_left_alone(self, start: Start) -> None:
        child = start(SLEEPER)
        end_all([replace(who(child), started="1")], patience_s=0.1)
        assert child.poll() is None

    def test_a_child_is_a_session_of_its_own(self, start: Start) -> None:
        child = start(SLEEPER)
        assert os.getsid(child.pid) == child.pid

    def test_a_child_ends_with_its_parent(self, tmp_path: Path) -> None:
        script = textwrap.dedent(f"""
            import os, sys, time
            from pathlib import Path
            from studio.up.process import spawn
            log = Path({str(tmp_path)!r}, "child.log")
            child = spawn({SLEEPER!r}, folder=Path("/"), log=log, env=os.environ)
            print(child.pid, flush=True)
            time.sleep(600)
        """)
        parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        try:
            assert parent.stdout is not None
            child = identify(int(parent.stdout.readline()))
            assert child is not None
        finally:
            parent.kill()
            parent.communicate()
        eventually(lambda: not is_alive(child), what="the child of a killed parent to end")

    def test_a_log_that_grew_too_big_is_set_aside(
        self, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("studio.up.process._LOG_BYTES", 10)
        log = tmp_path / "child.log"
        log.write_text("more than ten bytes")
        start([sys.executable, "-c", "print('new')"]).wait()
        assert log.read_text() == "new\n"
        assert (tmp_path / "child.log.1").read_text() == "more than ten bytes"


FORKING = """
    import json, os, signal, sys, time
    from pathlib import Path
    from studio.up.fork import fork
    folder = Path(sys.argv[1])
    secret, given = (folder / "secret").open("w"), (folder / "given").open("w")
    signal.signal(signal.SIGTERM, lambda *_: print("the parent's answer", flush=True))

    def look():
        names = {os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.exists()}
        facts = {"open": sorted(name for name in names if str(folder) in name),
                 "env": dict(os.environ), "leads": os.getsid(0) == os.getpid(),
                 "comm": Path("/proc/self/comm").read_text().strip(), "ppid": os.getppid()}
        (folder / "facts.json").write_text(json.dumps(facts))
        print("said", flush=True)
        sys.exit(7)

    def begin(name, work):
        return fork(work, name=name, log=folder / f"{name}.log", env={"ONLY": "this"},
                    keep=[given.fileno()])

    child = begin("look", look)
    print(child.wait(), child.poll(), os.getpid(), flush=True)
    print(begin("broken", lambda: 1 / 0).wait(), flush=True)
    asked = begin("asked", lambda: time.sleep(600))
    os.kill(asked.pid, signal.SIGTERM)
    print(asked.wait(), flush=True)
    print(begin("long", lambda: time.sleep(600)).pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not CAN_FORK, reason="parts are started anew here")
def test_a_forked_child_is_like_one_that_was_started_anew(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORKING), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    looked, broken, asked, left = done.stdout.splitlines()
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert looked == f"7 7 {facts['ppid']}"
    assert facts["env"] == {"ONLY": "this"}
    assert facts["open"] == [str(tmp_path / "given"), str(tmp_path / "look.log")]
    assert (facts["leads"], facts["comm"]) == (True, "look")
    assert (tmp_path / "look.log").read_text() == "said\n"
    assert broken == "1"
    assert "ZeroDivisionError" in (tmp_path / "broken.log").read_text()
    assert int(asked) == -signal.SIGTERM
    assert (tmp_path / "asked.log").read_text() == ""
    eventually(lambda: identify(int(left)) is None, what="the child of a killed parent to end")


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    seen: list[Mapping[str, Identity]] = []
    said: list[str] = []
    supervisor = Supervisor(
        folder=tmp_path, log_dir=tmp_path, env=os.environ, on_change=seen.append, say=said.append
    )
    supervisor.seen, supervisor.said = seen, said  # type: ignore[attr-defined]
    yield supervisor
    supervisor.end()


class TestSupervisor:
    def test_who_dies_is_started_again_and_named(self, supervisor: Supervisor) -> None:
        supervisor.add("sleeper", SLEEPER)
        first = supervisor.children[0].identity
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)

        def another() -> bool:
            supervisor.look()
            now = supervisor.children[0].identity
            return now is not None and now != first

        eventually(another, what="another process in its place")
        assert supervisor.seen[-1] == {"sleeper": supervisor.children[0].identity}  # type: ignore[attr-defined]
        assert "sleeper was killed by signal 9" in supervisor.said[0]  # type: ignore[attr-defined]
        assert str(supervisor.log_of("sleeper")) in supervisor.said[0]  # type: ignore[attr-defined]

    def test_who_dies_again_and_again_is_given_more_time(self, supervisor: Supervisor) -> None:
        supervisor.add("broken", [sys.executable, "-c", "raise SystemExit(3)"])
        child = supervisor.children[0]
        pauses = []

        def four_deaths() -> bool:
            supervisor.look()
            if child.process is None and (not pauses or pauses[-1] != child.pause_s):
                pauses.append(child.pause_s)
            return len(pauses) == 3

        eventually(four_deaths, timeout_s=20, what="three deaths")
        assert pauses == [0.4, 0.8, 1.6]
        assert "broken ended with code 3" in supervisor.said[0]  # type: ignore[attr-defined]

    def test_a_death_after_a_long_life_is_a_new_story(self, supervisor: Supervisor) -> None:
        supervisor.add("old", [sys.executable, "-c", ""])
        child = supervisor.children[0]
        child.pause_s, child.started_at = 10.0, child.started_at - 60

        def died() -> bool:
            supervisor.look()
            return child.process is None

        eventually(died, what="it to be seen dead")
        assert child.pause_s == 0.4

    def test_all_end_and_the_record_says_so(self, supervisor: Supervisor) -> None:
        for name in ("one", "two"):
            supervisor.add(name, SLEEPER)
        processes = [child.identity for child in supervisor.children]
        supervisor.end()
        assert not any(is_alive(process) for process in processes if process)
        assert supervisor.seen[-1] == {}  # type: ignore[attr-defined]


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


class TestPorts:
    def test_a_taken_port_gives_way_to_the_next(self) -> None:
        with listen("127.0.0.1", 20000) as first, listen("127.0.0.1", port_of(first)) as second:
            assert port_of(second) > port_of(first)

    def test_who_listens_everywhere_takes_it_too(self) -> None:
        with listen("0.0.0.0", 21000) as first, listen("127.0.0.1", port_of(first)) as second:
            assert port_of(second) > port_of(first)

    def test_connections_wait_while_nobody_serves(self) -> None:
        with listen("127.0.0.1", 22000) as listener:
            socket.create_connection(listener.getsockname(), timeout=5).close()

    @pytest.mark.parametrize(
        ("host", "says"), [("203.0.113.9", "cannot be listened on"), ("no such name", "no address")]
    )
    def test_a_foreign_address_is_refused(self, host: str, says: str) -> None:
        with pytest.raises(NoPort, match=says):
            listen(host, 23000)

    def test_the_last_port_is_the_end(self) -> None:
        with listen("127.0.0.1", 65535), pytest.raises(NoPort, match="set RUNYARD_PORT"):
            listen("127.0.0.1", 65535)

    @pytest.mark.parametrize(
        ("host", "url"),
        [
            ("127.0.0.1", "http://127.0.0.1:1/"),
            ("0.0.0.0", "http://127.0.0.1:1/"),
            ("::1", "http://[::1]:1/"),
            ("::", "http://[::1]:1/"),
        ],
    )
    def test_the_address_can_be_opened_here(self, host: str, url: str) -> None:
        assert local_url(host, 1) == url


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """The record of a studio in `tmp_path` that never ran."""
    record = Record("http://127.0.0.1:1/", str(tmp_path), Identity(1, "never", "no boot"))
    write_record(tmp_path, record)
    return record


class TestRecord:
    def test_it_is_read_as_it_was_written_and_by_its_owner_alone(
        self, tmp_path: Path, record: Record
    ) -> None:
        record = replace(record, ready=True, children={"web": Identity(2, "then", "boot")})
        write_record(tmp_path, record)
        assert read_record(tmp_path) == record
        assert (tmp_path / "up.json").stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"url": 1, "children": 3}'])
    def test_a_torn_one_counts_as_none(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "up.json").write_text(text)
        assert read_record(tmp_path) is None

    def test_one_studio_holds_a_data_directory(self, tmp_path: Path) -> None:
        held = lock_data_dir(tmp_path)
        assert held is not None
        assert lock_data_dir(tmp_path) is None
        held.close()
        again = lock_data_dir(tmp_path)
        assert again is not None
        again.close()

    def test_leftovers_are_ended_and_strangers_are_not(
        self, tmp_path: Path, record: Record, start: Start
    ) -> None:
        left, stranger = start(SLEEPER), start(SLEEPER)
        children = {"web": who(left), "monitor": replace(who(stranger), started="1")}
        write_record(tmp_path, replace(record, children=children))
        end_leftovers(tmp_path)
        assert left.wait() == -signal.SIGTERM
        assert stranger.poll() is None


class TestIntact:
    def test_a_new_folder_is_whole(self, tmp_path: Path) -> None:
        require_intact(tmp_path, tmp_path / "db.sqlite3")

    def test_a_moved_one_is_refused_until_a_link_is_left(
        self, tmp_path: Path, record: Record
    ) -> None:
        made, moved = tmp_path / "made", tmp_path / "moved"
        moved.mkdir()
        write_record(moved, replace(record, data_dir=str(made)))
        with pytest.raises(NotIntact, match=f"ln -s {moved} {made}"):
            require_intact(moved, None)
        made.symlink_to(moved)
        require_intact(moved, None)

    def test_a_copy_is_refused(self, tmp_path: Path, record: Record) -> None:
        copy = tmp_path / "copy"
        copy.mkdir()
        write_record(copy, record)
        with pytest.raises(NotIntact, match="was made at"):
            require_intact(copy, None)

    def test_logs_without_their_database_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "logs" / "run").mkdir(parents=True)
        (tmp_path / "blobs").mkdir()
        with pytest.raises(NotIntact, match="has logs of earlier runs but no database"):
            require_intact(tmp_path, tmp_path / "db.sqlite3")
        require_intact(tmp_path, None)  # the database is elsewhere


class TestRedis:
    def test_the_socket_is_short_and_in_a_folder_of_our_own(self, tmp_path: Path) -> None:
        deep = tmp_path / ("deep" * 30)
        argv = server_command(deep)
        path = Path(argv[argv.index("--unixsocket") + 1])
        try:
            assert len(os.fsencode(path)) < 108
            assert path.parent.stat().st_mode & 0o777 == 0o700
        finally:
            path.parent.rmdir()

    def test_a_folder_that_others_can_enter_is_refused(self, tmp_path: Path) -> None:
        argv = server_command(tmp_path)
        folder = Path(argv[argv.index("--unixsocket") + 1]).parent
        try:
            folder.chmod(0o755)
            with pytest.raises(NoRedis, match="remove it and start again"):
                server_command(tmp_path)
        finally:
            folder.rmdir()

    def test_without_any_server_it_says_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr("studio.up.redis.platform.machine", lambda: "pdp11")
        with pytest.raises(NoRedis, match="REDIS_URL"):
            server_command(tmp_path)
