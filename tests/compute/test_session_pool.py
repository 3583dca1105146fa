"""Who gets which session."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from compute.place import Place
from compute.session import RunnerRefused, Session, SessionPool
from tests.doubles import CuttableTransport
from tests.waiting import eventually


@pytest.fixture
def pool() -> Iterator[SessionPool]:
    pool = SessionPool()
    yield pool
    pool.close()


def test_a_session_that_was_given_back_is_lent_again(pool: SessionPool, place: Place) -> None:
    with pool.lend(place) as first:
        first.hello()
    with pool.lend(replace(place)) as second:
        assert second is first
        second.hello()


def test_two_callers_at_once_get_two(pool: SessionPool, place: Place) -> None:
    with pool.lend(place) as one, pool.lend(place) as two:
        assert one is not two
        assert one.hello()["root"] == two.hello()["root"]


def test_many_threads_never_share_one(pool: SessionPool, place: Place) -> None:
    lent: list[Session] = []
    wrong: list[str] = []
    guard = threading.Lock()

    def work() -> None:
        for _ in range(20):
            with pool.lend(place) as session:
                with guard:
                    wrong.extend("shared" for other in lent if other is session)
                    lent.append(session)
                if session.look(["t1"])["t1"].folder:
                    wrong.append("mixed up")
                with guard:
                    lent.remove(session)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_another_place_gets_another_session(
    pool: SessionPool, place: Place, tmp_path: Path
) -> None:
    elsewhere = replace(place, root=str(tmp_path / "second"))
    with pool.lend(place) as one:
        one.hello()
    with pool.lend(elsewhere) as two:
        assert two.hello()["root"] == elsewhere.root


def test_a_refusal_does_not_cost_the_session(pool: SessionPool, place: Place) -> None:
    with pytest.raises(RunnerRefused), pool.lend(place) as first:
        first.seal("t9", [])
    with pool.lend(place) as second:
        assert second is first


def test_a_session_cut_off_in_a_request_is_not_lent_again(pool: SessionPool, place: Place) -> None:
    with pool.lend(place) as first:
        first._say({"op": "ping"})  # its answer would be taken for that to the next request
    with pool.lend(place) as second:
        assert second is not first
        assert second.hello()["root"] == place.root


def test_a_session_that_died_while_idle_is_replaced(pool: SessionPool, place: Place) -> None:
    link = CuttableTransport(place.transport)
    behind = replace(place, transport=link)
    with pool.lend(behind) as first:
        first.hello()
    link.cut()
    link.mend()
    with pool.lend(behind) as second:
        assert second is not first
        assert second.hello()["root"] == place.root


def test_a_session_idle_for_too_long_is_closed(
    pool: SessionPool, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pool.lend(place) as first:
        first.hello()
    monkeypatch.setattr("compute.session.IDLE_S", 0.0)
    with pool.lend(place) as second:
        assert second is not first
    assert not first.is_usable


def test_closing_the_pool_ends_the_runners(pool: SessionPool, place: Place) -> None:
    with pool.lend(place) as session:
        session.hello()
    pool.close()
    assert not session.is_usable


def test_a_forked_child_does_not_speak_over_its_parents_lines(
    pool: SessionPool, place: Place
) -> None:
    with pool.lend(place) as session:
        session.hello()
    child = os.fork()
    if child == 0:
        pool.forget()
        os._exit(0 if pool._take(place) is None else 1)
    assert eventually(lambda: os.waitpid(child, os.WNOHANG)[1:] if child else None) == (0,)
    with pool.lend(place) as again:
        assert again is session
        assert again.hello()["root"] == place.root
