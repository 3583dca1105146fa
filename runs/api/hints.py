"""Waking a long answer when the channel layer says that something changed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any
from weakref import WeakSet

from channels.layers import get_channel_layer

log = logging.getLogger(__name__)

SWEEP_S = 1.0
"""How often to look by oneself: any hint may be lost, and all are while Redis is away."""
BUSY_SWEEP_S = 5.0
"""How often to look although hints of growth come all the time."""
_LAYER_S = 2.0

_anchored: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


class Hints:
    """Messages of some groups, as flags. Losing them only makes the answer a little later."""

    def __init__(self, *groups: str) -> None:
        self.run_changed = True
        """A run or build moved, or may have; true at first, so that it is looked at once."""
        self._swept_at = time.monotonic()
        self._groups, self._joined = set(groups), set[str]()
        self._woken = asyncio.Event()
        self._layer: Any = get_channel_layer()
        self._channel = ""
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Hints:
        await self._subscribe()
        return self

    async def __aexit__(self, *error: object) -> None:
        for group in self._joined:
            await self._try(self._layer.group_discard(group, self._channel))
        if self._listener is not None:
            self._listener.cancel()

    async def join(self, group: str) -> None:
        """Hear of this group too."""
        if group not in self._groups:
            self._groups.add(group)
            await self._subscribe()

    async def wait(self) -> None:
        """Return at the next message, or when it is time to look anyway."""
        try:
            await asyncio.wait_for(self._woken.wait(), SWEEP_S)
        except TimeoutError:
            self.run_changed = True
            await self._subscribe()
        self._woken.clear()
        self.run_changed |= time.monotonic() - self._swept_at > BUSY_SWEEP_S
        if self.run_changed:
            self._swept_at = time.monotonic()

    async def _subscribe(self) -> None:
        if self._groups == self._joined:
            return
        if not self._channel:
            await self._try(self._open())
        for group in self._groups - self._joined:
            if self._channel and await self._try(self._layer.group_add(group, self._channel)):
                self._joined.add(group)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        if loop not in _anchored:
            # With no subscriber at all the layer looks for messages every 0.1 s only.
            await self._layer.new_channel("anchor.")
            _anchored.add(loop)
        self._channel = await self._layer.new_channel()
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        with contextlib.suppress(Exception):
            while True:
                message = await self._layer.receive(self._channel)
                self.run_changed |= message["type"] != "log.grew"
                self._woken.set()

    async def _try(self, action: Any) -> bool:
        """Do something with the layer; whatever it raises when it is away, the sweep covers it."""
        try:
            await asyncio.wait_for(action, _LAYER_S)
        except Exception as error:  # noqa: BLE001  (each layer has its own)
            log.debug("the channel layer is away: %s", error)
            return False
        return True
