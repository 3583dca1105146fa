"""A websocket as a browser holds it, timing how late printed times arrive."""

from __future__ import annotations

import json
import re
import time

import websockets

from tests.studio_process import Studio


async def socket_delays(studio: Studio, cookie: str, run: int) -> list[float]:
    """Seconds from each time that the run printed to its arrival here."""
    address = studio.record.url.replace("http://", "ws://") + "ws/"
    headers = {"Cookie": cookie, "Origin": studio.record.url.rstrip("/")}
    delays: list[float] = []
    seen: set[str] = set()
    async with websockets.connect(address, additional_headers=headers, max_size=None) as socket:
        await socket.send(json.dumps({"log": f"run/{run}", "stream": "run.log"}))
        async for text in socket:
            now, message = time.time(), json.loads(text)
            if message["type"] != "log":
                continue
            fresh = set(re.findall(r"\d+\.\d{6}", message["html"])) - seen
            delays += [now - float(printed) for printed in fresh]
            seen |= fresh
            if message["sealed"]:
                return delays
    return delays
