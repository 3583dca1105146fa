"""A run as a stream: each change of it, the log of its build, its own log, its end.

Items are one line of JSON each, `log` and `build` with that many bytes behind them:

    {"t": "run", …}  {"t": "build", "build", "offset", "bytes"}  {"t": "log", "offset", "bytes"}
    {"t": "ping"}    {"t": "end", …}
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError
from django.utils import timezone

from runs.api.hints import Hints
from runs.api.schemas import RunOut, newest_attempt, run_out
from runs.selectors.runs import run_get
from runs.states import FINAL
from runs.stores import log_store
from studio.lib.downloads import PIECE_BYTES
from studio.lib.refusal import NotFound, Refused
from studio.models import ApiToken, User
from studio.selectors import token_stands

PING_S = 10.0
WAITS_AFTER = timedelta(seconds=0.75)
"""Before that a new run is on its way, not waiting."""
UNSEALED_S = 30.0
"""A log that is not sealed so long after its run has ended will not be any more."""


@dataclass
class Tail:
    """A log and how far it was sent."""

    key: str
    offset: int = 0


@dataclass(frozen=True)
class Item:
    """One item of the stream."""

    head: dict[str, object]
    data: bytes = b""

    def encoded(self) -> bytes:
        """As it is sent."""
        return json.dumps(self.head).encode() + b"\n" + self.data


@dataclass(frozen=True)
class Seen:
    """A run as it was read, with what the API does not show."""

    out: RunOut
    task: str

    @property
    def news(self) -> RunOut:
        """What is worth an item when it differs; logs and metrics grow all the time."""
        return self.out.model_copy(update={"log": None, "metrics": None, "receipt": None})

    def item(self, kind: str) -> Item:
        """The run as an item."""
        return Item({"t": kind, **self.out.model_dump(mode="json")})

    @property
    def is_over(self) -> bool:
        """Final, with its log closed: nothing will come any more once the log is sent."""
        if self.out.status not in FINAL:
            return False
        ended: datetime = self.out.ended_at or timezone.now()
        return (
            self.out.log.sealed
            or not self.out.log.size
            or (timezone.now() - ended > timedelta(seconds=UNSEALED_S))
        )


@dataclass
class Follower:
    """One caller who follows one run; the right to see it is checked at each look."""

    user: User
    run_id: int
    url: str
    token: ApiToken | None = None
    stream: str = "run.log"
    offset: int = 0
    build: int | None = None
    build_offset: int = 0
    _log: Tail | None = field(default=None, init=False)
    _build_log: Tail | None = field(default=None, init=False)
    _shown: RunOut | None = field(default=None, init=False)

    async def items(self) -> AsyncIterator[Item]:
        """Everything, until the run is over and all its bytes are sent.

        It breaks off without an end once the caller may not see the run any more; who asks
        again is told. Hints of log growth are answered without the database.
        """
        with contextlib.suppress(Refused):
            async for item in self._items():
                yield item

    async def _items(self) -> AsyncIterator[Item]:
        pinged_at = time.monotonic()
        async with Hints(f"run.{self.run_id}", f"user.{self.user.pk}") as hints:
            while True:
                # cleared first: what changes while we look makes us look again
                is_due, hints.run_changed = hints.run_changed, False
                async for item in self._bytes():  # at once, for a look takes milliseconds
                    yield item
                seen = await self._look() if is_due else None
                if seen is not None:
                    async for item in self._news(seen, hints):
                        yield item
                    if seen.is_over:
                        yield seen.item("end")
                        return
                if time.monotonic() - pinged_at > PING_S:
                    pinged_at = time.monotonic()
                    yield Item({"t": "ping"})
                await hints.wait()

    async def _news(self, seen: Seen, hints: Hints) -> AsyncIterator[Item]:
        """What a look has found: the run if it differs, and all bytes that were stored by then."""
        if seen.news != self._shown:
            self._shown = seen.news
            yield seen.item("run")
        self._log = self._log or Tail(f"{seen.task}/{self.stream}", self.offset)
        self._build_log = self._build_tail(seen.out.build)
        if self._build_log is not None:
            await hints.join(f"build.{seen.out.build}")
        async for item in self._bytes():
            yield item

    async def _bytes(self) -> AsyncIterator[Item]:
        for kind, tail in (("build", self._build_log), ("log", self._log)):
            async for item in _bytes_of(kind, tail):
                yield item

    async def log_bytes(self) -> AsyncIterator[bytes]:
        """Only the bytes of the log."""
        async for item in self.items():
            if item.head["t"] == "log":
                yield item.data

    def _build_tail(self, build: int | None) -> Tail | None:
        """The log of the run's build; a second build of the same run begins at its start."""
        if build is None:
            return None
        key = f"build/{build}/run.log"
        if self._build_log is not None and self._build_log.key == key:
            return self._build_log
        return Tail(key, self.build_offset if build == self.build else 0)

    async def _look(self) -> Seen | None:
        """The run now; None while the database is away: the next look will tell."""
        try:
            seen: Seen = await database_sync_to_async(self._read, thread_sensitive=False)()
        except DatabaseError:
            return None
        return seen

    def _read(self) -> Seen:
        """The run, looked up among what the caller may see at this moment."""
        if self.token is not None and not token_stands(token=self.token):
            raise NotFound("The token was revoked.")
        run = run_get(user=self.user, ref=str(self.run_id))
        attempt = newest_attempt(run)
        out = run_out(run, attempt, self.url)
        if timezone.now() - run.created_at < WAITS_AFTER:
            out.waiting = ""  # most runs have begun by then: their follower need not read it
        return Seen(out, attempt.task)


async def _bytes_of(kind: str, tail: Tail | None) -> AsyncIterator[Item]:
    """What is stored of a log and was not sent, one piece in memory at a time."""
    store = log_store()
    while tail is not None and store.size(tail.key) > tail.offset:
        data = await asyncio.to_thread(store.read, tail.key, tail.offset, PIECE_BYTES)
        if not data:
            return
        head: dict[str, object] = {"t": kind, "offset": tail.offset, "bytes": len(data)}
        if kind == "build":
            head["build"] = int(tail.key.split("/")[1])
        tail.offset += len(data)
        yield Item(head, data)
