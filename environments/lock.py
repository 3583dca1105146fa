"""Locks: exact versions with the hashes of their files, resolved by uv.

They carry no addresses but those that somebody wrote into the requirements.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from packaging.utils import canonicalize_name
from uv import find_uv_bin

from environments.buildlog import uv_message
from environments.indexes import with_authority
from environments.interpreter import Interpreter
from environments.requirements import RequirementLine, requirements_read

RESOLVE_S = 120.0
"""How long a resolution may take; a warm one takes half a second."""
_TICK_S = 5.0

_KEPT = re.compile(
    r"PATH|HOME|LANG|LC_\w+|TMPDIR|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|(?i:(https?|all|no)_proxy)"
)
_REGISTRY = re.compile(
    r"UV_(INDEX\w*|DEFAULT_INDEX|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|KEYRING_PROVIDER"
    r"|HTTP_TIMEOUT|HTTP_RETRIES|CONCURRENT_DOWNLOADS|NATIVE_TLS|SYSTEM_CERTS|INSECURE_HOST|OFFLINE)"
)


class LockFailed(Exception):
    """The requirements cannot be resolved; the text is the reason for people."""


def lock_resolve(
    requirements: str,
    interpreter: Interpreter,
    *,
    may_build: bool,
    cache: Path,
    while_waiting: Callable[[], None] = lambda: None,
    timeout_s: float = RESOLVE_S,
    registry: Mapping[str, str] | None = None,
    authority: str = "",
) -> str:
    """Every package that the requirements need on this Python and platform, with hashes.

    A package that was asked for with hashes keeps only those. Without `may_build` no code
    of any package is executed, so what is published as source alone cannot be resolved.
    `while_waiting` is called every few seconds. `registry` tells uv where packages come from,
    None what the studio was started with; `authority` is trusted beside the usual ones.

    Raises:
        LockFailed: there is no solution, no registry, or no time left.
    """
    wanted = requirements_read(requirements)
    arguments = [
        "--python-version",
        interpreter.minor_version,
        "--python-platform",
        interpreter.platform,
        *(() if may_build else ("--no-build",)),
    ]
    env = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    env |= registry_variables() if registry is None else registry
    arguments = ["--cache-dir", str(cache), *arguments]
    text = _compile(requirements, arguments, env, authority, while_waiting, timeout_s)
    return _keep_wanted_hashes(text, wanted)


def registry_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What tells uv where packages come from. May hold credentials: never to be stored."""
    return {name: value for name, value in environ.items() if _REGISTRY.fullmatch(name)}


def lock_pins(text: str) -> list[str]:
    """The packages of a lock without their hashes, like "numpy==2.4.6"; some carry a marker."""
    return list(_pins(text))


@lru_cache(maxsize=32)  # a list of environments shows the same few locks each time
def _pins(text: str) -> tuple[str, ...]:
    return tuple(_entry_lines(entry)[0] for entry in _entries(text))


def pin_name(pin: str) -> str:
    """The canonical name of a pinned package."""
    return canonicalize_name(re.split(r"[\s\[=@;]", pin, maxsplit=1)[0])


def _compile(
    requirements: str,
    arguments: Iterable[str],
    env: Mapping[str, str],
    authority: str,
    while_waiting: Callable[[], None],
    timeout_s: float,
) -> str:
    command = [
        find_uv_bin(),
        "pip",
        "compile",
        "requirements.txt",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        "--color",
        "never",
        "--no-progress",
        "--no-python-downloads",
        "--python",
        sys.executable,
        *arguments,
    ]
    with tempfile.TemporaryDirectory(prefix="runyard-lock-") as nowhere:
        Path(nowhere, "requirements.txt").write_text(requirements, encoding="utf-8")
        if authority:
            trusted = Path(nowhere, "authorities.pem")
            trusted.write_text(with_authority(authority), encoding="utf-8")
            env = {**env, "SSL_CERT_FILE": str(trusted)}
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd=nowhere,
            start_new_session=True,
        )
        with process, _killed_when_interrupted(process):
            text, reason = _answer(process, while_waiting, timeout_s)
    if process.returncode:
        raise LockFailed(uv_message(reason.decode(errors="replace")))
    return text.decode()


def _answer(
    process: subprocess.Popen[bytes], while_waiting: Callable[[], None], timeout_s: float
) -> tuple[bytes, bytes]:
    until = time.monotonic() + timeout_s
    while (left := until - time.monotonic()) > 0:
        try:
            return process.communicate(timeout=min(left, _TICK_S))
        except subprocess.TimeoutExpired:
            while_waiting()
    message = (
        f"The packages were not resolved within {timeout_s:.0f} s: the registry may be slow or out "
        "of reach; pinned versions are found faster."
    )
    raise LockFailed(message)


@contextmanager
def _killed_when_interrupted(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Neither uv nor a package that it builds stays behind, nor holds our pipes open."""
    try:
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def _keep_wanted_hashes(text: str, wanted: list[RequirementLine]) -> str:
    """Leave out files that the requirements themselves do not allow: uv's resolver ignores that."""
    allowed: dict[str, set[str]] = {}
    for line in wanted:
        if line.hashes:
            allowed.setdefault(line.name, set()).update(line.hashes)
    return "".join(_restricted(entry, allowed) for entry in _entries(text))


def _restricted(entry: str, allowed: Mapping[str, set[str]]) -> str:
    pin, *hashes = _entry_lines(entry)
    if pin_name(pin) not in allowed:
        return entry
    kept = [line for line in hashes if line.removeprefix("--hash=") in allowed[pin_name(pin)]]
    if not kept:
        message = (
            f"None of the hashes given for {pin.split(' ;')[0]} is that of a file in the registry: "
            "correct or remove them."
        )
        raise LockFailed(message)
    return " \\\n    ".join([pin, *kept]) + "\n"


def _entries(text: str) -> list[str]:
    """The lock cut into packages: each begins at the left margin."""
    return [entry for entry in re.split(r"^(?=[^\s#])", text, flags=re.MULTILINE) if entry.strip()]


def _entry_lines(entry: str) -> list[str]:
    return [line.removesuffix("\\").strip() for line in entry.splitlines() if line.strip()]
