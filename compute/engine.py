"""A Docker engine: how to reach it, its API, and raw connections to what runs in it."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from docker import APIClient
from docker.errors import APIError, DockerException
from docker.tls import TLSConfig
from requests.exceptions import RequestException

from compute.ssh_door import SshDoor, door_to
from compute.transports.base import TargetRefused, TargetUnreachable

ANSWER_S = 30
"""How long the engine may take for one answer; starting a container is the longest."""
BRIEF_S = 3
"""How long it may take when nobody should wait for it."""
PATIENT_S = 1800
"""How long it may take to store many gigabytes."""
TLS_PORT = 2376
_NO_SPACE = "no space left on device"
_HEAD_BYTES = 16 * 1024
_clients: dict[tuple[Engine, int, int], Any] = {}


class _Client(APIClient):  # type: ignore[misc]  # it has no types
    """The SDK's client, deaf to the environment: REQUESTS_CA_BUNDLE would beat the engine's CA."""

    @property
    def trust_env(self) -> bool:
        return False

    @trust_env.setter
    def trust_env(self, value: bool) -> None:
        """What requests wants is not taken over."""


@dataclass(frozen=True)
class Engine:
    """One engine by its address, with the files that prove to each other who is who over TLS."""

    address: str
    """unix:///path, tcp://host:port, or ssh://user@host:port"""
    ca: str = ""
    cert: str = ""
    key: str = ""

    @property
    def api(self) -> Any:
        """The SDK's client of this process, connected once; use it inside `reached`."""
        return self._client(ANSWER_S)

    @property
    def brief_api(self) -> Any:
        """Another that gives up soon: for what is tidied up over a link that may be down."""
        return self._client(BRIEF_S)

    @property
    def patient_api(self) -> Any:
        """Another that waits until many gigabytes are stored."""
        return self._client(PATIENT_S)

    def _client(self, timeout_s: int) -> Any:
        place = self, os.getpid(), timeout_s  # a forked child must not use its parent's lines
        if place not in _clients:
            self._dial(timeout_s).close()  # the SDK's own try would leave its socket open
            made = _Client(
                base_url=self._url.replace("tcp://", "https://", 1) if self.ca else self._url,
                version="auto",
                timeout=timeout_s,
                tls=self._tls() or False,
            )
            if _clients.setdefault(place, made) is not made:
                made.close()  # another thread was faster
        return _clients[place]

    @property
    def api_version(self) -> tuple[int, ...]:
        """The version of the API that both sides speak, like (1, 41)."""
        return tuple(int(part) for part in self.api.api_version.split("."))

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Turn what the SDK raises inside into the two answers that a target has.

        Raises:
            TargetUnreachable: the engine does not answer, or failed at something that may
                work later.
            TargetRefused: it answered no, with its reason.
        """
        try:
            yield
        except APIError as error:
            raise self._said(error.status_code or 500, str(error.explanation or error)) from error
        except (RequestException, DockerException, OSError) as error:
            why = (self._ssh_door and self._ssh_door.last_words()) or _why(error)
            sentence = f"The Docker engine at {self.address} does not answer: {why.rstrip('.')}."
            raise TargetUnreachable(sentence) from error

    def stream(self, path: str, body: Mapping[str, object]) -> socket.socket:
        """A connection that the engine hands over to the pipes of a process; use in `reached`.

        The SDK has one too, which loses what arrives together with the answer's header.
        """
        content = json.dumps(body).encode()
        head = (
            f"POST /v{self.api.api_version}{path} HTTP/1.1\r\nHost: docker\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        )
        connection = self._dial(ANSWER_S)
        try:
            connection.sendall(head.encode() + content)
            self._await_handover(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def greet(self) -> None:
        """See that it takes new connections; use in `reached`.

        One that goes down takes none from before it ends its containers on, while connections
        that are there already are served for a moment more.
        """
        with self._dial(ANSWER_S) as connection:
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            _header(connection)

    @property
    def _ssh_door(self) -> SshDoor | None:
        return door_to(self.address) if self.address.startswith("ssh://") else None

    @property
    def _url(self) -> str:
        """Where this process connects to."""
        door = self._ssh_door
        return f"unix://{door.path}" if door else self.address

    def _await_handover(self, connection: socket.socket) -> None:
        answer = _header(connection)
        status = int(answer.split(None, 2)[1])
        if status not in {101, 200}:
            raise self._said(status, _message(connection, answer))

    def _dial(self, timeout_s: float) -> socket.socket:
        parts = urlsplit(self._url)
        if parts.scheme == "unix":
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(timeout_s)
            try:
                connection.connect(parts.path)
            except OSError:
                connection.close()
                raise
            return connection
        port = parts.port or TLS_PORT
        connection = socket.create_connection((parts.hostname, port), timeout=timeout_s)
        if not self.ca:
            return connection
        context = ssl.create_default_context(cafile=self.ca)
        if self.cert:
            context.load_cert_chain(self.cert, self.key)
        try:
            return context.wrap_socket(connection, server_hostname=parts.hostname)
        except OSError:
            connection.close()
            raise

    def _tls(self) -> TLSConfig | None:
        if not self.ca:
            return None
        pair = (self.cert, self.key) if self.cert else None
        return TLSConfig(ca_cert=self.ca, client_cert=pair, verify=True)

    def _said(self, status: int, message: str) -> TargetUnreachable | TargetRefused:
        if full := disk_full(message):
            return TargetRefused(full)
        sentence = f"The Docker engine says: {message.strip().rstrip('.')}."
        return TargetUnreachable(sentence) if status >= 500 else TargetRefused(sentence)


def disk_full(message: str) -> str:
    """The sentence for an engine whose words tell that its disk is full; "" for other words."""
    if _NO_SPACE not in message.lower():
        return ""
    advice = "The disk of the Docker engine is full: free some space there and try again."
    return f"{advice} It says: {message.strip().rstrip('.')}."


def _header(connection: socket.socket) -> str:
    """The header of an answer, and not one byte of what follows it."""
    header = b""
    while not header.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte or len(header) > _HEAD_BYTES:
            raise ConnectionError("it ended the connection before its answer")
        header += byte
    return header.decode("latin-1")


def _message(connection: socket.socket, header: str) -> str:
    """The reason in an answer that says no."""
    fields = dict(line.lower().split(": ", 1) for line in header.splitlines() if ": " in line)
    content, length = b"", int(fields.get("content-length", "0"))
    while len(content) < length:
        piece = connection.recv(length - len(content))
        if not piece:
            break
        content += piece
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError):
        return content.decode("utf-8", "replace") or header.splitlines()[0]


def _why(error: BaseException) -> str:
    """The innermost reason of an error that the SDK has wrapped, without its wrappings."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror.rstrip(".")
        error, inner = inner, inner.__cause__ or inner.__context__
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
