"""A server that says exactly what a test tells it to, on a real socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

Talk = Callable[[socket.socket], None]


class ScriptedServer:
    """Handles each connection, in order, with the next of its talks; then refuses more."""

    def __init__(self, *talks: Talk) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self._talks = talks
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(self, *error: object) -> None:
        # shutdown wakes an accept that waits; close alone does not
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        for talk in self._talks:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            with link:
                talk(link)

    def read_request(self, link: socket.socket) -> bytes:
        """The next request on this connection, body included; b"" when the client hung up."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = link.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")]
        length = int(lengths[0].split(b":")[1]) if lengths else 0
        while len(body) < length:
            body += link.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]


def answering(*answers: bytes) -> Callable[[ScriptedServer], Talk]:
    """A talk that reads a request before each of these raw answers, then hangs up."""

    def bind(server: ScriptedServer) -> Talk:
        def talk(link: socket.socket) -> None:
            for answer in answers:
                server.read_request(link)
                link.sendall(answer)

        return talk

    return bind


def json_answer(text: str, status: str = "200 OK") -> bytes:
    """A whole answer with a JSON body."""
    body = text.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def serve(*bound: Callable[[ScriptedServer], Talk]) -> ScriptedServer:
    """A server whose connections go as `bound` says."""
    server: ScriptedServer
    talks = [lambda link, make=make: make(server)(link) for make in bound]
    server = ScriptedServer(*talks)
    return server
