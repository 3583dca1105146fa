"""The one websocket of a page: it says what changed, and carries the tail of one log.

    {"follow": "run/42"}                             -> {"type": "run", "id": 42, "status": ...}
    {"log": "run/42", "stream": "run.log"}           -> {"type": "log", "from": 7, "html": ...}
    {"log": "build/7"}                               -> the same
    {"workspace": "main"}                            -> {"type": "run-changed", "id": 42}
    {"environments": "main"}                         -> {"type": "environments-changed"}
    {"notices": true}                                -> {"type": "run-ended", "id": 42, ...}

Messages from the channel layer are hints only: the log is read from the store, and looked
at again every second, so a lost hint costs a moment and never a line. The end of a log is drawn
once for all who follow it (`runs.tails`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from runs.selectors.live import (
    LogView,
    ended_run,
    environments_group,
    is_current,
    log_view,
    run_status,
    workspace_group,
)
from runs.stores import log_store
from runs.tails import SharedTail, shared_tail
from studio.lib.refusal import Refused
from studio.models import User

RECHECK_S = 1.0
RIGHTS_S = 5.0
"""How often the right to read a log is looked at again while it is sent."""
NOT_ANY_MORE = 4401


@dataclass
class _Tail:
    """The log that this page follows, and which state of its end the page has."""

    view: LogView
    name: str
    stream: str
    shared: SharedTail
    version: int = -1
    checked_at: float = field(default_factory=time.monotonic)


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels is not typed
    """One page's connection. Every message is checked against the caller's workspaces."""

    async def connect(self) -> None:
        """Refuse whoever is not signed in."""
        self.tail: _Tail | None = None
        self.grew = asyncio.Event()
        self.pump: asyncio.Task[None] | None = None
        self.joined: set[str] = set()
        user = self.scope["user"]
        if user.is_authenticated:
            await self.accept()
            await self._join(f"user.{user.pk}")
        else:
            await self.close(code=NOT_ANY_MORE)

    async def disconnect(self, code: int) -> None:
        """Forget everything; the page comes back with its offset."""
        self.tail = None
        if self.pump is not None:
            self.pump.cancel()
        for group in self.joined:
            await self._quietly(self.channel_layer.group_discard(group, self.channel_name))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take one wish of the page."""
        try:
            message = json.loads(text_data or "")
            await self._wish(message)
        except Refused as error:
            await self._say({"type": "refused", "sentence": str(error)})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            await self._say({"type": "refused", "sentence": "This message was not understood."})

    async def _wish(self, message: dict[str, Any]) -> None:
        user = self.scope["user"]
        if "workspace" in message:
            await self._join(
                await database_sync_to_async(workspace_group)(user, message["workspace"])
            )
        elif "environments" in message:
            await self._join(
                await database_sync_to_async(environments_group)(user, message["environments"])
            )
        elif "notices" in message:
            await self._join(f"user.{user.pk}")
        elif "follow" in message:
            status = await database_sync_to_async(run_status)(
                user, _number(message["follow"], "run")
            )
            await self._join(f"run.{status['id']}")
            await self._say({"type": "run", **status})
        elif "log" in message:
            name, stream = message["log"], message.get("stream", "run.log")
            view = await database_sync_to_async(log_view)(user, name, stream)
            await self._join(view.group)
            self.tail = _Tail(view, name, stream, shared_tail(log_store(), view.key, view.times))
            self.grew.set()
            if self.pump is None:
                self.pump = asyncio.create_task(self._pump())
        else:
            raise ValueError(message)

    async def run_changed(self, event: dict[str, Any]) -> None:
        """A run moved: say so; the page fetches what it shows."""
        run_id = int(event["run"])
        if f"run.{run_id}" in self.joined:
            with contextlib.suppress(Refused):
                status = await database_sync_to_async(run_status)(self.scope["user"], run_id)
                await self._say({"type": "run", **status})
        else:
            await self._say({"type": "run-changed", "id": run_id})

    async def run_ended(self, event: dict[str, Any]) -> None:
        """A run of this person ended: the page may want to say so."""
        with contextlib.suppress(Refused):
            ended = await database_sync_to_async(ended_run)(self.scope["user"], int(event["run"]))
            await self._say({"type": "run-ended", **ended})

    async def notice_changed(self, event: dict[str, Any]) -> None:
        """Something came of a message to this person."""
        await self._say({"type": "notice-changed"})

    async def build_changed(self, event: dict[str, Any]) -> None:
        """A build moved."""
        await self._say({"type": "build-changed", "id": int(event["build"])})

    async def environments_changed(self, event: dict[str, Any]) -> None:
        """A build or an update of packages moved somewhere in the workspace."""
        await self._say({"type": "environments-changed"})

    async def access_changed(self, event: dict[str, Any]) -> None:
        """The user's rights or sessions changed: the page comes back, and is checked anew."""
        await self.close(code=NOT_ANY_MORE)

    async def log_grew(self, event: dict[str, Any]) -> None:
        """There is more to read."""
        if self.tail is not None and event["key"] == self.tail.view.key:
            self.grew.set()

    async def _pump(self) -> None:
        """Send what the store has and the page has not, until the socket closes."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.grew.wait(), RECHECK_S)
            self.grew.clear()
            if self.tail is None:
                continue
            if await self._may_read(self.tail):
                await self._send_tail(self.tail)
            else:
                await self.close(code=NOT_ANY_MORE)
                return

    async def _may_read(self, tail: _Tail) -> bool:
        """Whether the user still may: the message that says otherwise can be lost."""
        if time.monotonic() - tail.checked_at < RIGHTS_S:
            return True
        tail.checked_at = time.monotonic()
        return bool(await database_sync_to_async(_may_read)(self.scope["user"], tail))

    async def _send_tail(self, tail: _Tail) -> None:
        woken_at = time.monotonic()
        version, text = await tail.shared.after(tail.version, woken_at=woken_at)
        if tail is not self.tail:
            return
        tail.version = version
        if text:
            await self.send(text_data=text)
        if tail.shared.tail.is_sealed and tail.shared.tail.version == version:
            self.tail = None

    async def _join(self, group: str) -> None:
        if group not in self.joined:
            self.joined.add(group)
            await self._quietly(self.channel_layer.group_add(group, self.channel_name))

    async def _say(self, message: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(message))

    async def _quietly(self, action: Any) -> None:
        """The channel layer may be away; the page polls the log then."""
        with contextlib.suppress(OSError, ConnectionError):
            await action


def _may_read(user: User, tail: _Tail) -> bool:
    with contextlib.suppress(Refused):
        return is_current(user) and bool(log_view(user, tail.name, tail.stream))
    return False


def _number(name: str, kind: str) -> int:
    prefix, _, number = name.partition("/")
    if prefix != kind:
        raise ValueError(name)
    return int(number)
