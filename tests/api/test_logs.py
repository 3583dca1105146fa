"""Logs by range and followed, over real sockets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from environments.models import Build, Lock
from runs.api.hints import Hints
from runs.models import Run
from runs.services.move import run_changed, run_move
from runs.states import EndReason, Status
from runs.stores import log_store
from studio.client.errors import Refused
from studio.client.follow import Watcher
from studio.client.http import Connection
from studio.client.screen import Terminal
from studio.lib.push import push
from studio.models import Membership, User
from studio.services import member_remove, token_revoke
from tests.api.caller import Caller
from tests.api.conftest import MakeRun
from tests.api.playing import end, say, start
from tests.serving import serving
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def studio(redis_server: str, member: Caller) -> Iterator[Connection]:
    """Bob's connection to a web server."""
    with serving() as url:
        connection = Connection(url, member.token)
        yield connection
        connection.close()


class Following(threading.Thread):
    """Somebody who follows a run, and what they have seen so far."""

    def __init__(self, studio: Connection, run: Run, **more: Any) -> None:
        super().__init__(daemon=True)
        self.log, self.build, self.statuses = b"", b"", list[str]()
        self.ended: dict[str, Any] | None = None
        self.error: Refused | None = None
        self._watcher = Watcher(studio, run.pk, Terminal(), **more)
        self._watcher._log_bytes = self._see_log  # type: ignore[method-assign]
        self._watcher._build_bytes = self._see_build  # type: ignore[method-assign]
        self._watcher._explain = lambda run: self.statuses.append(run["status"])  # type: ignore[method-assign]
        self.start()

    def run(self) -> None:
        try:
            self.ended = self._watcher.watch()
        except Refused as error:
            self.error = error

    def _see_log(self, data: bytes) -> None:
        self.log += data
        self._watcher.offset += len(data)

    def _see_build(self, data: bytes) -> None:
        self.build += data

    def sees(self, check: Callable[[], bool]) -> None:
        eventually(lambda: check() or self.error, what=f"{self.log[-80:]!r} {self.statuses}")
        assert self.error is None

    def finish(self) -> dict[str, Any]:
        self.join(10)
        assert self.error is None
        assert self.ended is not None
        return self.ended


def test_a_log_by_range(studio: Connection, run: Run) -> None:
    say(run, b"0123456789")

    def get(query: str, **headers: str) -> tuple[int, bytes, Any]:
        response = studio.request("GET", f"/runs/{run.pk}/log?{query}")
        return response.status, studio.all_of(response), response.headers

    assert get("")[:2] == (200, b"0123456789")
    assert get("offset=4&limit=3")[:2] == (200, b"456")
    assert get("offset=99")[:2] == (200, b"")
    assert get("stream=logs/none.txt")[:2] == (200, b"")
    headers = get("")[2]
    assert (headers["runyard-log-size"], headers["runyard-log-sealed"]) == ("10", "0")
    assert headers["x-content-type-options"] == "nosniff"
    log_store().seal(f"run/{run.pk}/1/run.log", size=10, sha256=None, masked=0)
    assert get("")[2]["runyard-log-sealed"] == "1"
    assert studio.json("GET", f"/runs/{run.pk}/streams") == [{"name": "run.log", "size": 10}]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("offset=-1", "`offset` cannot be '-1'"),
        ("limit=x", "`limit` must be a whole number"),
        ("stream=../../../secret.key", "no log"),
        ("stream=%00", "NUL"),
    ],
)
def test_a_range_that_means_nothing_is_refused(
    studio: Connection, run: Run, query: str, words: str
) -> None:
    for path in ("log", "follow"):
        if path == "follow" and "limit" in query:
            continue
        with pytest.raises(Refused, match=words) as caught:
            studio.request("GET", f"/runs/{run.pk}/{path}?{query}")
        assert caught.value.status in {404, 422}


def test_a_run_is_followed_from_the_queue_to_its_end(studio: Connection, run: Run) -> None:
    seen = Following(studio, run)
    seen.sees(lambda: seen.statuses == ["queued"])
    start(run)
    seen.sees(lambda: seen.statuses[-1] == "running")
    say(run, b"first, without a newline")
    seen.sees(lambda: seen.log == b"first, without a newline")
    say(run, b"\nsecond\n")
    seen.sees(lambda: seen.log.endswith(b"second\n"))
    end(run, code=3)
    ended = seen.finish()
    assert (ended["status"], ended["exit_code"]) == ("failed", 3)
    assert ended["log"] == {"size": len(seen.log), "sealed": True}


def test_hints_bring_bytes_long_before_the_sweep(
    studio: Connection, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.api.hints.SWEEP_S", 3600.0)
    start(run)
    seen = Following(studio, run)
    for number in range(50):
        say(run, b"%d\n" % number)
        seen.sees(lambda number=number: seen.log.endswith(b"%d\n" % number))  # type: ignore[misc]
    end(run)
    assert seen.finish()["status"] == "completed"


def test_without_hints_the_sweep_finds_everything(
    studio: Connection, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.lib.push._send", lambda *_: None)
    monkeypatch.setattr("runs.api.hints.SWEEP_S", 0.05)
    seen = Following(studio, run)
    start(run)
    say(run, b"quiet\n")
    seen.sees(lambda: seen.log == b"quiet\n")
    end(run)
    assert seen.finish()["status"] == "completed"


def test_a_dead_channel_layer_only_makes_it_slower(
    studio: Connection, run: Run, settings: Any
) -> None:
    layers = {"default": {**settings.CHANNEL_LAYERS["default"]}}
    layers["default"]["CONFIG"] = {"hosts": ["unix:///nonexistent/redis.sock"]}
    settings.CHANNEL_LAYERS = layers
    seen = Following(studio, run)
    start(run)
    say(run, b"still here\n")
    end(run)
    assert seen.finish()["status"] == "completed"
    assert seen.log == b"still here\n"


def test_following_again_goes_on_at_the_offset(studio: Connection, run: Run) -> None:
    start(run)
    say(run, b"0123456789")
    end(run)
    watcher = Watcher(studio, run.pk, Terminal())
    watcher.offset = 7
    watcher.watch()
    assert watcher.offset == 10


def test_a_long_log_arrives_whole_in_pieces(studio: Connection, run: Run) -> None:
    start(run)
    text = b"".join(b"line %d\n" % number for number in range(1_000_000))
    say(run, text)
    seen = Following(studio, run)
    seen.sees(lambda: len(seen.log) == len(text))
    end(run)
    seen.finish()
    assert seen.log == text


def test_the_log_of_the_build_comes_first(studio: Connection, run: Run) -> None:
    version = run.environment_version
    lock = version.locks.first() or Lock.objects.create(
        version=version, python_version="3.11", platform="linux", text=""
    )
    build = Build.objects.create(target=run.target, version=version, lock=lock, key="k")
    seen = Following(studio, run)
    run_move(run_id=run.pk, to=Status.PREPARING)
    Run.objects.filter(pk=run.pk).update(build=build)
    run_changed(run_id=run.pk)
    key = f"build/{build.pk}/run.log"
    log_store().append(key, 0, b"collecting\n")
    push(f"build.{build.pk}", {"type": "log.grew", "key": key, "size": 11, "sealed": False})
    seen.sees(lambda: seen.build == b"collecting\n")
    run_move(run_id=run.pk, to=Status.FAILED, reason=EndReason.BUILD_FAILED)
    ended = seen.finish()
    assert (ended["status"], ended["exit_code"], seen.log) == ("failed", None, b"")


def test_a_run_without_a_log_ends_its_followers(studio: Connection, run: Run) -> None:
    seen = Following(studio, run)
    seen.sees(lambda: bool(seen.statuses))
    studio2 = Connection(studio.url, studio._token)
    studio2.json("POST", f"/runs/{run.pk}/cancel")
    studio2.close()
    assert seen.finish()["status"] == "canceled"


def test_an_unsealed_log_is_waited_for(studio: Connection, make_run: MakeRun) -> None:
    run = make_run(status=Status.FAILED, end_reason=EndReason.EXIT_LOST, ended_at=timezone.now())
    say(run, b"so far")
    seen = Following(studio, run)
    seen.sees(lambda: seen.log == b"so far")
    say(run, b" and the rest")
    seen.sees(lambda: seen.log == b"so far and the rest")
    assert seen.ended is None
    log_store().seal(f"run/{run.pk}/1/run.log", size=None, sha256=None, masked=0)
    run_changed(run_id=run.pk)
    assert seen.finish()["log"]["sealed"] is True


def test_who_hangs_up_leaves_nothing_behind(
    studio: Connection, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[Hints] = []
    leave = Hints.__aexit__

    async def leaving(hints: Hints, *error: object) -> None:
        await leave(hints, *error)
        left.append(hints)

    monkeypatch.setattr(Hints, "__aexit__", leaving)
    for _ in range(3):
        response = studio.request("GET", f"/runs/{run.pk}/follow")
        assert response.read1()
        studio.close()
    eventually(lambda: len(left) == 3)


def test_who_leaves_the_workspace_sees_no_more(studio: Connection, run: Run, bob: User) -> None:
    start(run)
    say(run, b"before\n")
    seen = Following(studio, run)
    seen.sees(lambda: seen.log == b"before\n")
    Membership.objects.filter(user=bob).delete()
    run_changed(run_id=run.pk)
    eventually(lambda: seen.error)
    assert seen.error is not None
    assert seen.error.status == 404


def test_who_is_removed_while_nothing_happens_is_sent_away_at_once(
    studio: Connection, run: Run, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.api.hints.SWEEP_S", 60)
    start(run)
    say(run, b"before\n")
    seen = Following(studio, run)
    seen.sees(lambda: seen.log == b"before\n")
    member_remove(by=alice, workspace=run.workspace, name="bob")
    eventually(lambda: seen.error)
    assert seen.error is not None
    assert seen.error.status == 404


def test_a_log_that_never_rests_is_no_way_to_stay(
    studio: Connection, run: Run, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.api.hints.BUSY_SWEEP_S", 0.2)
    start(run)
    say(run, b"before\n")
    seen = Following(studio, run)
    seen.sees(lambda: seen.log == b"before\n")
    Membership.objects.filter(user=bob).delete()  # and nobody says so

    def sent_away() -> bool:
        say(run, b"more\n")
        return bool(seen.error)

    eventually(sent_away)
    assert seen.error is not None
    assert seen.error.status == 404


def test_a_revoked_token_follows_nothing_more(studio: Connection, run: Run, bob: User) -> None:
    start(run)
    say(run, b"before\n")
    seen = Following(studio, run)
    seen.sees(lambda: seen.log == b"before\n")
    token_revoke(user=bob, token_id=bob.tokens.get().pk)
    eventually(lambda: seen.error)
    assert seen.error is not None
    assert seen.error.status == 401


def test_another_stream_and_raw_following(studio: Connection, run: Run) -> None:
    start(run)
    log_store().append(f"run/{run.pk}/1/logs/x.txt", 0, b"from a file\n")
    say(run, b"main\n")
    raw = studio.request("GET", f"/runs/{run.pk}/log?follow=1&stream=logs/x.txt")
    assert raw.read1() == b"from a file\n"
    end(run)
    assert studio.all_of(raw) == b""


def test_a_silent_run_is_heard_of_all_the_same(
    studio: Connection, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.api.follow.PING_S", 0.01)
    monkeypatch.setattr("runs.api.hints.SWEEP_S", 0.05)
    response = studio.request("GET", f"/runs/{run.pk}/follow")
    lines = b""
    deadline = time.monotonic() + 10
    while b'{"t": "ping"}' not in lines:
        assert time.monotonic() < deadline
        lines += response.read1()
    first = json.loads(lines.split(b"\n")[0])
    assert (first["t"], first["status"], first["id"]) == ("run", "queued", run.pk)
