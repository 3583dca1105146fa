"""A websocket as a browser holds it, timing how late printed times arrive."""

from __future__ import annotations

import json
import re
import struct
import time

import websockets

from tests.studio_process import Studio


async def socket_delays(studio: Studio, cookie: str, run: int) -> list[float]:
    """Seconds from each time that the run printed to its arrival here."""
    address = studio.record.url.replace("http://", "ws://") + "ws/"
    headers = {"Cookie": cookie, "Origin": studio.record.url.rstrip("/")}
    delays: list[float] = []
    text = b""
    async with websockets.connect(address, additional_headers=headers, max_size=None) as socket:
        await socket.send(json.dumps({"log": f"run/{run}", "stream": "run.log", "offset": 0}))
        async for message in socket:
            now = time.time()
            if isinstance(message, str):
                if json.loads(message).get("type") == "log-end":
                    return delays
                continue
            (offset,) = struct.unpack(">Q", message[:8])
            assert offset == len(text)
            text += message[8:]
            delays += [now - float(t) for t in re.findall(rb"\d+\.\d{6}", message[8:])]
    return delays
