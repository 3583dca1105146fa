"""What the terminal says once the studio serves: where it is, how to sign in, what to mind."""

from __future__ import annotations

import getpass
import shlex
import socket
from collections.abc import Mapping, Sequence

from studio.up.ports import is_wildcard, local_url

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_COLUMN = 16
_ELSEWHERE = ("192.0.2.1", 9)
"""An address that no machine has: the way to it shows which of ours others see."""


def page_urls(host: str, port: int, public_url: str) -> list[str]:
    """The addresses that people open, best first."""
    if public_url:
        return [f"{public_url}/"]
    if not is_wildcard(host):
        return [local_url(host, port)]
    known = [name for name in (_own_address(), socket.gethostname()) if name]
    return [local_url(name, port) for name in dict.fromkeys(known)]


def greeting(
    pages: Sequence[str], *, host: str, login_path: str, environ: Mapping[str, str]
) -> str:
    """The lines that tell a person how to come in; with `login_path`, by one click."""
    first, *others = pages
    lines = [("Runyard is up:", f"{first}{login_path}"), *(("", page) for page in others)]
    if not login_path:
        lines.append(("To sign in:", "'manage.py login_link' prints a link that works once"))
    if host not in LOOPBACK and first.startswith("http:"):
        lines.append(("Mind:", "this is plain HTTP, and who listens on the network reads links,"))
        lines.append(("", "passwords and tokens. Put a proxy with TLS before the studio and set"))
        lines.append(("", "RUNYARD_PUBLIC_URL, or stay on 127.0.0.1 and come by 'ssh -L'."))
    if tunnel := tunnel_command(first, host=host, environ=environ):
        lines.append(("From your side:", tunnel))
    return "\n".join(f"{title:<{_COLUMN}}{text}" for title, text in lines)


def tunnel_command(page: str, *, host: str, environ: Mapping[str, str]) -> str:
    """What brings a page on loopback to the machine that this SSH session came from; "" if none.

    The server's address is the one that the client dialled, as sshd saw it.
    """
    connection = environ.get("SSH_CONNECTION", "").split()
    if not connection or host not in LOOPBACK or not page.startswith("http://"):
        return ""
    server, ssh_port = connection[2:] if len(connection) == 4 else (socket.gethostname(), "22")
    port = page.rstrip("/").rpartition(":")[2]
    inner = f"[{host}]" if ":" in host else host
    other_port = [] if ssh_port == "22" else ["-p", ssh_port]
    forward = f"{port}:{inner}:{port}"
    return shlex.join(["ssh", *other_port, "-L", forward, f"{_user(environ)}{server}"])


def _user(environ: Mapping[str, str]) -> str:
    try:
        return f"{environ.get('SUDO_USER') or getpass.getuser()}@"
    except (KeyError, OSError):  # a user without a name, as some containers have
        return ""


def _own_address() -> str:
    """The address by which this machine goes out; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:  # no network but loopback
            return ""
        return str(probe.getsockname()[0])
