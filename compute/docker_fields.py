"""What a Docker target needs to be told, and what is wrong with what it was told."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from compute.fields import Field, is_plain_absolute
from compute.sizes import size_bytes

TLS_FILES = ("ca.pem", "cert.pem", "key.pem")
"""As the docker command names them in the folder DOCKER_CERT_PATH."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_SSH_NAME = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:-]{0,254}")
_SSH_PATH = re.compile(r"/[A-Za-z0-9_./-]{1,106}")
_USER = re.compile(r"[1-9][0-9]{0,8}:[0-9]{1,9}")
_PLATFORM = re.compile(r"[a-z0-9]{2,16}/[a-z0-9_]{2,16}(/v[0-9]{1,2})?")
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_SOCKET_BYTES = 107
_MOST_CPUS, _MOST_PIDS = 4096.0, 4_000_000
_NOT_DATA = ("/", "/proc", "/sys", "/dev", "/etc", "/run", "/var/run", "/var/lib/docker")


def disagreement(config: Mapping[str, str]) -> tuple[str, str] | None:
    """Two settings that cannot stand together: the field to change, and a sentence."""
    parts = urlsplit(config["address"])
    if parts.scheme != "tcp" and config.get("tls"):
        return "tls", f"{parts.scheme}:// needs no TLS folder: leave it empty."
    if parts.scheme == "tcp" and not config.get("tls") and parts.hostname not in _THIS_MACHINE:
        return "tls", (
            f"Without TLS anybody who reaches {parts.netloc} could command the engine: name the "
            f"folder with {', '.join(TLS_FILES)}."
        )
    return None


def _address_complaint(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return f"'{text}' has no port that can be: write tcp://host:2376."
    if parts.scheme == "unix":
        if not is_plain_absolute(parts.path) or parts.netloc:
            return f"'{text}' names no socket: write unix:///var/run/docker.sock."
        if len(os.fsencode(parts.path)) > _SOCKET_BYTES:
            return f"'{parts.path}' is too long for a socket: {_SOCKET_BYTES} bytes at most."
        return ""
    if parts.scheme == "tcp":
        if not parts.hostname or port == 0 or parts.path or parts.username:
            return f"'{text}' names no host: write tcp://host:2376."
        return ""
    if parts.scheme == "ssh":
        names = (parts.hostname or "", parts.username or "user")
        if not all(map(_SSH_NAME.fullmatch, names)) or parts.password or port == 0:
            return f"'{text}' names no host: write ssh://user@host, with a port if it is not 22."
        if parts.path and not _SSH_PATH.fullmatch(parts.path):
            return f"'{parts.path}' is no socket on {parts.hostname}: leave it out, or give a path."
        return ""
    return f"'{text}' is no address of an engine: begin with unix://, tcp:// or ssh://."


def _tls_complaint(text: str) -> str:
    if not is_plain_absolute(text):
        return f"'{text}' is not an absolute path: begin with /, or leave it empty."
    for name in TLS_FILES:
        if not os.access(Path(text) / name, os.R_OK):
            return (
                f"'{text}/{name}' cannot be read: the folder needs {', '.join(TLS_FILES)}, "
                "readable for the studio's user."
            )
    return ""


def _image_complaint(text: str) -> str:
    if re.search(r"\s", text) or text.startswith("-"):
        return f"'{text}' is no name of an image: write it as python:3.12-slim."
    return ""


def _platform_complaint(text: str) -> str:
    if not _PLATFORM.fullmatch(text):
        return f"'{text}' is no platform of images: write it as linux/amd64 or linux/arm64."
    return ""


def _name_complaint(text: str) -> str:
    if not _NAME.fullmatch(text):
        return (
            f"'{text}' cannot be a name on an engine: begin with a letter or digit, then letters, "
            "digits and - _ . (63 at most)."
        )
    return ""


def _user_complaint(text: str) -> str:
    if not _USER.fullmatch(text):
        return f"'{text}' cannot run: give two numbers, user:group, of which the first is not 0."
    return ""


def _size_complaint(text: str) -> str:
    try:
        size = size_bytes(text)
    except ValueError:
        size = 0
    if size < size_bytes("6m"):
        return f"'{text}' is no size of 6m or more: write it as 512m or 8g."
    return ""


def _cpus_complaint(text: str) -> str:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not 0.01 <= float(text) <= _MOST_CPUS:
        return f"'{text}' is no number of processors: write it as 2 or 1.5."
    return ""


def _pids_complaint(text: str) -> str:
    if not text.isascii() or not text.isdigit() or not 16 <= int(text) <= _MOST_PIDS:
        return f"'{text}' is no number of processes: give 16 or more, or leave it empty."
    return ""


def _python_complaint(text: str) -> str:
    if "/" in text and not is_plain_absolute(text):
        return f"'{text}' is not an absolute path: begin with /, or give a name like python3."
    return ""


def _folders_complaint(text: str) -> str:
    for folder in text.replace(",", " ").split():
        if not is_plain_absolute(folder):
            return f"'{folder}' is not an absolute path: begin with / and use no '..'."
        if folder.rstrip("/") in {path.rstrip("/") for path in _NOT_DATA}:
            return f"'{folder}' would give runs the engine's machine: name folders of data alone."
    return ""


FIELDS = (
    Field(
        name="address",
        label="Address",
        help="its socket, unix:///var/run/docker.sock; tcp://host:2376 with a TLS folder; or "
        "ssh://user@host, for which the studio's user has a key and knows the host.",
        is_required=True,
        check=_address_complaint,
    ),
    Field(
        name="tls",
        label="TLS folder",
        help="for tcp://: a folder of the studio's machine with ca.pem, cert.pem and key.pem.",
        is_required=False,
        check=_tls_complaint,
    ),
    Field(
        name="image",
        label="Image",
        help="what runs execute in, with sh and Python 3.6 or newer; fetched when it is not there.",
        is_required=True,
        check=_image_complaint,
    ),
    Field(
        name="platform",
        label="Image platform",
        help="which of an image's platforms is fetched and started, like linux/amd64; empty: the "
        "engine's own.",
        is_required=False,
        check=_platform_complaint,
    ),
    Field(
        name="python",
        label="Interpreter",
        help="the Python in the image that keeps the runs; empty: python3.",
        is_required=False,
        check=_python_complaint,
    ),
    Field(
        name="volume",
        label="Volume",
        help="the engine's volume that holds runs and environments; empty: runyard.",
        is_required=False,
        check=_name_complaint,
    ),
    Field(
        name="user",
        label="User",
        help="the user and group numbers of runs, and of their files; empty: 1000:1000.",
        is_required=False,
        check=_user_complaint,
    ),
    Field(
        name="network",
        label="Network",
        help="one of the engine's networks, host or none; empty: bridge.",
        is_required=False,
        check=_name_complaint,
    ),
    Field(
        name="memory",
        label="Memory",
        help="the most that one run may use, like 8g; empty: no limit.",
        is_required=False,
        check=_size_complaint,
    ),
    Field(
        name="cpus",
        label="Processors",
        help="the most that one run may use, like 2 or 1.5; empty: no limit.",
        is_required=False,
        check=_cpus_complaint,
    ),
    Field(
        name="shm",
        label="Shared memory",
        help="the size of /dev/shm, which data loaders use, like 1g; empty: the engine's 64m.",
        is_required=False,
        check=_size_complaint,
    ),
    Field(
        name="pids",
        label="Processes",
        help="the most that one run may have at once; empty: no limit.",
        is_required=False,
        check=_pids_complaint,
    ),
    Field(
        name="data",
        label="Data folders",
        help="folders of the engine's machine in which named data may lie, with commas between.",
        is_required=False,
        check=_folders_complaint,
    ),
)
