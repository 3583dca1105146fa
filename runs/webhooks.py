"""Posting a signed message to somebody's own server: bounded in time, and only where it may go.

The signature is that of https://www.standardwebhooks.com: three headers (`webhook-id`,
`webhook-timestamp`, `webhook-signature`) over "id.timestamp.body" with HMAC-SHA256.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import ipaddress
import secrets
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LIMIT_S = 10.0
"""As long may connecting take, and then all until the status is here; the rest is not read."""
_TRIED = 3
"""So many addresses of a host are tried, with an equal share of the time."""
_PREFIX = "whsec_"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class NotSent(Exception):
    """It did not arrive, as far as we know; the sentence says why and names the host alone."""


def secret_new() -> str:
    """A fresh key for signatures, as receivers' libraries take it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed(secret: str, *, uid: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that let the receiver know who sent this, when, and whether it came before."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    content = b"%s.%d.%s" % (uid.encode(), timestamp, body)
    digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": uid,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{digest}",
    }


def url_problem(url: str, *, allowed: Sequence[Network]) -> str:
    """Why nothing could be posted there, as the end of a sentence; empty when one may try."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "it cannot be read"
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        return "write it like https://hooks.example.org/path"
    if parts.username is not None or parts.password is not None:
        return "leave out the user and password: the signature is the proof"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "write it in plain ASCII without spaces"
    with suppress(ValueError):
        address = ipaddress.ip_address(parts.hostname)
        if not may_go(address, allowed):
            return _not_public(parts.hostname)
    return _not_public("localhost") if _is_localhost(parts.hostname, allowed) else ""


def may_go(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether this is a public address, or one that the owner allowed.

    Loopback, link-local (where clouds keep their metadata), private and reserved addresses
    are not public; an IPv4 address in IPv6 clothing counts as what it is.
    """
    inner = _unwrapped(address)
    if any(inner in network for network in allowed if network.version == inner.version):
        return True
    return inner.is_global and not inner.is_multicast


def post(url: str, *, headers: Mapping[str, str], body: bytes, allowed: Sequence[Network]) -> int:
    """Post once, straight to an address that was checked: the status code. Follows no redirect.

    Raises:
        NotSent: no answer with a status came in time.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection = _connection(parts)
    try:
        connection.sock = _connect(host, connection.port, allowed)
    except OSError as error:
        raise NotSent(_why(host, error)) from error
    late = threading.Event()
    timer = threading.Timer(LIMIT_S, _cut, [connection, late])
    timer.daemon = True
    timer.start()
    try:
        if parts.scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(
                connection.sock, server_hostname=host, do_handshake_on_connect=False
            )
            connection.sock.do_handshake()
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, dict(headers))
        status = connection.getresponse().status
    except ssl.SSLCertVerificationError as error:
        raise NotSent(f"{host} has no valid certificate: {error.verify_message}.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotSent(_why(host, TimeoutError() if late.is_set() else error)) from error
    else:
        if late.is_set():  # it was cut amid the head: that is no answer
            raise NotSent(_why(host, TimeoutError()))
        return status
    finally:
        timer.cancel()
        connection.close()


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return make(parts.hostname or "", parts.port, timeout=LIMIT_S)


def _connect(host: str, port: int, allowed: Sequence[Network]) -> socket.socket:
    """A connection to an address of the host: all of them are checked before one is tried."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotSent(f"The name {host} is not known.") from error
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    for text in addresses:
        if not may_go(ipaddress.ip_address(text), allowed):
            raise NotSent(f"Nothing was sent to {host}: {_not_public(text)}.")
    *first, last = addresses[:_TRIED]
    for text in first:
        with suppress(OSError):
            return _open(text, port)
    return _open(last, port)


def _open(address: str, port: int) -> socket.socket:
    opened = socket.create_connection((address, port), LIMIT_S / _TRIED)
    opened.settimeout(LIMIT_S)
    return opened


def _cut(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    """End what goes on too long: an answer that trickles never times out by itself."""
    late.set()
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _why(host: str, error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"{host} did not answer within {LIMIT_S:.0f} s."
    if isinstance(error, ConnectionRefusedError):
        return f"{host} refused the connection."
    if isinstance(error, OSError) and error.strerror:
        return f"{host} cannot be reached: {error.strerror}."
    return f"{host} broke off, or did not answer in HTTP."


def _not_public(host: str) -> str:
    return (
        f"{host} is not a public address, and RUNYARD_WEBHOOK_NETWORKS, which the owner of this "
        "studio sets, does not allow it"
    )


def _is_localhost(host: str, allowed: Sequence[Network]) -> bool:
    is_name = host == "localhost" or host.endswith(".localhost")
    return is_name and not may_go(ipaddress.ip_address("127.0.0.1"), allowed)


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
