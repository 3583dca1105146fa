"""The live end of a log: what changed, drawn once, and no more of it than fits."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from runs.logs import LogStore
from runs.tails import LogTail, SharedTail


@pytest.fixture
def store(tmp_path: Path) -> LogStore:
    return LogStore(tmp_path)


def say(store: LogStore, data: bytes) -> None:
    store.append("log", store.size("log"), data)


def told(text: str) -> tuple[int, list[int], int]:
    """From which line on, which rows, of how many lines."""
    message: dict[str, Any] = json.loads(text)
    rows = [int(n) for n in re.findall(r'data-n="(\d+)"', message["html"])]
    return message["from"], rows, message["total"]


def test_news_are_what_changed(store: LogStore) -> None:
    tail = LogTail(store, "log")
    assert tail.refresh()
    assert told(tail.whole) == (1, [], 0)
    say(store, b"one\ntwo\nha")
    assert tail.refresh()
    assert told(tail.news) == (1, [1, 2, 3], 3)
    assert not tail.refresh()
    say(store, b"lf\n")
    tail.refresh()
    assert told(tail.news) == (3, [3], 3)
    assert told(tail.whole) == (1, [1, 2, 3], 3)
    assert tail.drawings == 3


def test_of_a_flood_only_the_end_is_drawn(store: LogStore) -> None:
    tail = LogTail(store, "log")
    say(store, b"x\n" * 150)
    tail.refresh()
    say(store, b"y\n" * 20_000)
    tail.refresh()
    start, rows, total = told(tail.news)
    assert (start, total) == (19_801, 20_150)
    assert rows == list(range(19_801, 20_151))


def test_a_row_that_began_earlier_is_there_whole(store: LogStore) -> None:
    say(store, b"x\n" * 150 + b"\router" + b"\n\rinner\x1b[A" * 700)
    tail = LogTail(store, "log")
    tail.refresh()
    start, rows, total = told(tail.whole)
    assert (start, total) == (1, 851)
    assert rows[-1] == 151
    assert tail.version == 1
    say(store, b"\n\rinner 701\x1b[A")
    tail.refresh()
    assert told(tail.news) == (151, [151], 852)
    assert tail.is_bar


def test_a_hundred_who_wait_cost_one_drawing(store: LogStore) -> None:
    async def whole() -> None:
        shared = SharedTail(LogTail(store, "log"))
        say(store, b"one\n")
        first, text = await shared.after(-1, woken_at=time.monotonic())
        assert told(text) == (1, [1], 1)
        say(store, b"two\n")
        many = [shared.after(first, woken_at=time.monotonic()) for _ in range(100)]
        answers = await asyncio.gather(*many)
        assert len(set(answers)) == 1
        second, news = answers[0]
        assert told(news) == (2, [2], 2)
        assert shared.tail.drawings == 2
        late, text = await shared.after(-1, woken_at=time.monotonic())
        assert (late, told(text)) == (second, (1, [1, 2], 2))
        assert await shared.after(late, woken_at=time.monotonic()) == (late, "")

    asyncio.run(whole())


def test_ten_looks_a_second_are_the_most(store: LogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    clock = [100.0]

    async def sleep(seconds: float) -> None:
        pauses.append(round(seconds, 3))
        clock[0] += seconds

    monkeypatch.setattr("runs.tails.asyncio.sleep", sleep)
    monkeypatch.setattr("runs.tails.monotonic", lambda: clock[0])

    async def whole() -> None:
        shared = SharedTail(LogTail(store, "log"))
        say(store, b"one\n\r1%")
        version, _ = await shared.after(-1, woken_at=clock[0])
        clock[0] += 0.04
        say(store, b"\r2%")
        version, _ = await shared.after(version, woken_at=clock[0])
        assert shared.tail.is_bar
        await shared.after(version, woken_at=clock[0] + 0.001)

    asyncio.run(whole())
    assert pauses == [0, 0.06, 0.25]
