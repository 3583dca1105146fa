"""The web process as a thread of the test: real sockets, the test's own database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tests.waiting import eventually


class _Server(uvicorn.Server):
    """Ends when it is told to, not at the next tenth of a second."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # noqa: ASYNC110  (it is told by another thread)
            await asyncio.sleep(0.01)


@contextmanager
def serving() -> Iterator[str]:
    """The address of a web server for as long as the block lasts."""
    from studio.asgi import application

    config = uvicorn.Config(
        application, port=0, lifespan="off", log_level="error", timeout_graceful_shutdown=1
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started, what="the web server to listen")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
