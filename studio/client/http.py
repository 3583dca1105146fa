"""A small HTTP/1.1 client: one kept connection, bodies streamed both ways.

Ours, because importing `http.client` alone takes 40 ms: half of what a command may need
from its start to its first request.
"""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Iterable, Iterator, Mapping

from studio.client.errors import NotFound, Refused, Unreachable

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from io import BufferedReader
    from typing import Any

CONNECT_S = 10.0
ANSWER_S = 60.0
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_MAX_LINE = 65536


def quote(text: str, keep: str = "/") -> str:
    """Percent-encode `text` for a URL, leaving the characters of `keep` as they are."""
    kept = _SAFE | frozenset(keep.encode())
    data = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in data)


def with_query(path: str, **fields: object) -> str:
    """`path` with the fields that are not None as its query; a list repeats its field."""
    pairs = [
        f"{name}={quote(str(value), keep='')}"
        for name, given in fields.items()
        for value in (given if isinstance(given, list) else [given])
        if value is not None
    ]
    return f"{path}?{'&'.join(pairs)}" if pairs else path


class Response:
    """An answer whose body is read as it arrives."""

    def __init__(self, status: int, headers: Mapping[str, str], reader: BufferedReader) -> None:
        self.status, self.headers = status, headers
        self._reader = reader
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        length = headers.get("content-length")
        self._left: int | None = int(length) if length else None
        if self._chunked or status in {204, 304}:
            self._left = 0
        self.finished = self._left == 0 and not self._chunked
        self.is_last = headers.get("connection", "").lower() == "close"
        """Whether the connection is of no use afterwards."""

    def read1(self, limit: int = 1 << 20) -> bytes:
        """The next bytes, at most `limit`, as soon as there are any; b"" at the end."""
        if self._chunked and self._left == 0 and not self.finished:
            self._next_chunk()
        if self.finished:
            return b""
        data = self._reader.read1(limit if self._left is None else min(limit, self._left))
        if self._left is None:
            self.finished = not data
            return data
        if not data:
            raise ConnectionResetError("the answer ended early")
        self._left -= len(data)
        if self._left == 0:
            self._end_piece()
        return data

    def _next_chunk(self) -> None:
        size = int(self._reader.readline(_MAX_LINE).split(b";")[0] or b"-1", 16)
        if size < 0:
            raise ConnectionResetError("the answer ended early")
        self._left = size
        if size == 0:
            while self._reader.readline(_MAX_LINE) not in {b"\r\n", b"\n", b""}:
                pass
            self.finished = True

    def _end_piece(self) -> None:
        if self._chunked:
            self._reader.readline(_MAX_LINE)
        else:
            self.finished = True


class Connection:
    """Requests to one studio, one after the other, over one connection while it lives."""

    def __init__(self, url: str, token: str = "") -> None:
        self._link: tuple[socket.socket, BufferedReader] | None = None
        self._response: Response | None = None
        self.url = url.rstrip("/")
        self._token = token
        self._tls, self._host, self._port, self._base = _split(self.url)

    def __del__(self) -> None:
        """Leave no socket behind: objects that hold a connection come and go in a notebook."""
        self.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | Iterable[bytes] = b"",
        length: int | None = None,
        content_type: str = "application/json",
        timeout_s: float = ANSWER_S,
    ) -> Response:
        """Send a request; the answer's body is still to be read.

        A body that is not bytes needs its `length`. Paths begin below `/api/v1`.

        Raises:
            Unreachable: nobody answers there, or the connection broke.
            Refused: the studio refused, in its own words.
        """
        size = len(body) if isinstance(body, bytes) else length
        head = self._head(method, path, size, content_type)
        try:
            self._ready()
            may_repeat = self._link is not None and method == "GET"
            response = self._exchange(head, body, timeout_s, may_repeat=may_repeat)
        except (OSError, ValueError) as error:
            raise self.lost(error) from error
        except BaseException:
            self.close()
            raise
        if response.status >= 300:
            raise self._refusal(response)
        return response

    def json(self, method: str, path: str, data: object = None) -> Any:
        """Ask with a JSON body, or none, and decode the JSON answer.

        Raises:
            Unreachable, Refused: as for `request`.
        """
        body = b"" if data is None else json.dumps(data).encode()
        response = self.request(method, path, body=body)
        text = self.all_of(response)
        return json.loads(text) if text else None

    def all_of(self, response: Response) -> bytes:
        """The whole body of an answer.

        Raises:
            Unreachable: the connection broke in the middle.
        """
        return b"".join(self.pieces_of(response))

    def pieces_of(self, response: Response) -> Iterator[bytes]:
        """The body of an answer, as it arrives.

        Raises:
            Unreachable: the connection broke in the middle.
        """
        while True:
            try:
                data = response.read1()
            except (OSError, ValueError) as error:
                raise self.lost(error) from error
            if not data:
                return
            yield data

    def lost(self, error: Exception) -> Unreachable:
        """The sentence for a connection that broke while an answer was read; closes it."""
        self.close()
        return Unreachable(self._why(error))

    def close(self) -> None:
        """End the connection; the next request makes a new one."""
        if self._link is not None:
            for end in self._link:
                end.close()
        self._link = self._response = None

    def _ready(self) -> None:
        """Give up a kept connection that is of no use: closed there, or not read to its end."""
        last = self._response
        is_spent = last is not None and (last.is_last or not last.finished)
        if self._link is not None and (is_spent or select.select([self._link[0]], [], [], 0)[0]):
            self.close()

    def _exchange(
        self, head: bytes, body: bytes | Iterable[bytes], timeout_s: float, *, may_repeat: bool
    ) -> Response:
        """Send a request and hear the head of its answer.

        A kept connection can be closed over there just as we use it: then once more.
        """
        link, reader = self._link = self._link or self._connect()
        link.settimeout(timeout_s)
        try:
            was_sent = _send(link, head, body)
            response = self._response = _answer(reader)
        except ConnectionError:
            if not may_repeat:
                raise
            self.close()
            return self._exchange(head, body, timeout_s, may_repeat=False)
        response.is_last |= not was_sent
        return response

    def _connect(self) -> tuple[socket.socket, BufferedReader]:
        # A host given as text would load the codec for international names: 6 ms.
        host = self._host.encode("ascii" if self._host.isascii() else "idna")
        link = socket.create_connection((host, self._port), CONNECT_S)  # type: ignore[arg-type]
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            import ssl  # only here: it is as dear as all the rest together

            link = ssl.create_default_context().wrap_socket(link, server_hostname=self._host)
        return link, link.makefile("rb", buffering=1 << 16)  # type: ignore[return-value]

    def _head(self, method: str, path: str, length: int | None, content_type: str) -> bytes:
        host = f"[{self._host}]" if ":" in self._host else self._host
        lines = [
            f"{method} {self._base}/api/v1{path} HTTP/1.1",
            f"Host: {host}:{self._port}",
            "User-Agent: runyard",
            "Accept: */*",
        ]
        if self._token:
            lines.append(f"Authorization: Bearer {self._token}")
        if method != "GET":
            lines += [f"Content-Type: {content_type}", f"Content-Length: {length or 0}"]
        return "\r\n".join([*lines, "", ""]).encode("utf-8")

    def _refusal(self, response: Response) -> Refused:
        """What an answer that is no success says, in its own words if it has any."""
        status, where = response.status, response.headers.get("location", "")
        try:
            text = b"".join(iter(response.read1, b""))
            if response.is_last:
                self.close()
            if status < 400:
                sentence = f"{self.url} sends us on to {where}: use that address."
                return Refused(sentence, status=status)
            data = json.loads(text)
            sentence, code, field = data["detail"], data.get("code"), data.get("field")
        except (OSError, ValueError, KeyError, TypeError):
            self.close()
            return Refused(
                f"{self.url} answered {status} without saying why: is it a Runyard studio, and is "
                "it well?",
                status=status,
            )
        kind = NotFound if status == 404 else Refused
        return kind(str(sentence), status=status, code=code or "", field=field or "")

    def _why(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            said = "no answer in time"
        else:
            said = (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
        return (
            f"The studio at {self.url} cannot be reached ({said}): is it running, and is this its "
            "address? `runyard login URL` or RUNYARD_URL choose another."
        )


def _send(link: socket.socket, head: bytes, body: bytes | Iterable[bytes]) -> bool:
    """Send a request: False when the answer came before it was wholly sent, to refuse it."""
    if isinstance(body, bytes):
        link.sendall(head + body)
        return True
    try:
        link.sendall(head)
        for piece in body:
            link.sendall(piece)
    except (BrokenPipeError, ConnectionResetError):
        if not select.select([link], [], [], 1.0)[0]:
            raise
        return False
    return True


def _answer(reader: BufferedReader) -> Response:
    """The head of the next answer; its body is still to be read."""
    status = 100
    while status < 200:
        line = reader.readline(_MAX_LINE)
        if not line:
            raise ConnectionResetError("it closed the connection")
        version, _, rest = line.partition(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError("what answers there does not speak HTTP")
        status = int(rest[:3])
        headers = dict(_header_lines(reader))
    return Response(status, headers, reader)


def _header_lines(reader: BufferedReader) -> Iterator[tuple[str, str]]:
    while line := reader.readline(_MAX_LINE).strip():
        name, _, value = line.decode("latin-1").partition(":")
        yield name.strip().lower(), value.strip()


def _split(url: str) -> tuple[bool, str, int, str]:
    """(TLS or not, host, port, path) of an http or https address.

    Raises:
        Refused: it is no such address.
    """
    scheme, _, rest = url.partition("://")
    tls = scheme == "https"
    authority, slash, path = rest.partition("/")
    host, _, port = authority.rpartition(":") if _has_port(authority) else (authority, "", "")
    if scheme not in {"http", "https"} or not host or not (port or "0").isdigit() or "@" in host:
        raise Refused(
            f"'{url}' is not the address of a studio: give one like http://studio.example:8000."
        )
    base = (slash + path).rstrip("/")
    return tls, host.strip("[]"), int(port) if port else (443 if tls else 80), base


def _has_port(authority: str) -> bool:
    return ":" in authority and not authority.endswith("]")
