"""A door before a server that counts what goes in."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Relay:
    """The address to use instead, and how many bytes went through it to the server."""

    url: str
    sent_bytes: int = 0

    def carry(self, near: socket.socket, server: tuple[str, int]) -> None:
        """Serve one connection to its end."""
        with near, socket.create_connection(server) as far:
            back = threading.Thread(target=_pass_on, args=(far, near))
            back.start()
            for data in _pieces(near):
                self.sent_bytes += len(data)
                far.sendall(data)
            _shut(far)
            back.join()


@contextlib.contextmanager
def relayed(url: str) -> Iterator[Relay]:
    """A relay before the server at `url`; it ends when its connections have."""
    where = urlsplit(url)
    server = (str(where.hostname), int(where.port or 80))
    with socket.create_server(("127.0.0.1", 0)) as door:
        relay = Relay(f"http://127.0.0.1:{door.getsockname()[1]}")
        carriers: list[threading.Thread] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    near, _ = door.accept()
                    carriers.append(threading.Thread(target=relay.carry, args=(near, server)))
                    carriers[-1].start()

        doorman = threading.Thread(target=serve)
        doorman.start()
        yield relay
        door.shutdown(socket.SHUT_RDWR)
        for thread in (doorman, *carriers):
            thread.join(10)


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for data in _pieces(one):
            other.sendall(data)
    _shut(other)


def _pieces(end: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        while data := end.recv(1 << 16):
            yield data


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
