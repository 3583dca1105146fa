"""Running git so that it does what was asked and nothing else.

It reads no settings but ours, runs no hook, asks nobody, speaks only the protocols of
`runs.giturls`, and ends when it takes too long or brings too much.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from runs.giturls import HTTPS, LOCAL, SSH, Address, GitRefused
from studio.client.folder import readable_size

ANSWER_BYTES = 64 << 20
"""The longest answer that is read, like a list of a million branches."""
_COMPLAINT_BYTES = 4 << 20
_TICK_S = 0.1
_GRACE_S = 3.0
_KEPT = (
    "PATH", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH", "http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY",
    "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
)  # fmt: skip
_SETTINGS = """\
[core]
	hooksPath = /dev/null
	fsmonitor = false
	askPass = /bin/false
	bigFileThreshold = 16m
[gc]
	auto = 0
[maintenance]
	auto = false
[transfer]
	bundleURI = false
[fetch]
	unpackLimit = 1
	recurseSubmodules = false
	showForcedUpdates = false
[submodule]
	recurse = false
[http]
	followRedirects = false
	lowSpeedLimit = 1000
	lowSpeedTime = 30
[protocol]
	allow = never
[protocol "{protocol}"]
	allow = always
"""
_HELPER = """\
[credential "https://{host}"]
	helper = "!f() {{ test \\"$1\\" = get && printf 'username=%s\\\\npassword=%s\\\\n' \
\\"$RUNYARD_GIT_USER\\" \\"$RUNYARD_GIT_TOKEN\\"; }}; f"
"""
_SSH = (
    "ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
    "-o", "IdentityAgent=none", "-o", "ForwardAgent=no", "-o", "ClearAllForwardings=yes",
    "-o", "PreferredAuthentications=publickey", "-o", "StrictHostKeyChecking=accept-new",
    "-o", "GlobalKnownHostsFile=/dev/null", "-o", "UpdateHostKeys=no", "-o", "HashKnownHosts=no",
    "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3",
)  # fmt: skip


@dataclass(frozen=True)
class Access:
    """What opens a repository. Its secrets reach git by a private file or variable alone."""

    token: str = field(default="", repr=False)
    token_user: str = ""
    private_key: str = field(default="", repr=False)
    known_hosts: tuple[str, ...] = ()
    """Lines as in a known_hosts file: hosts that were seen before."""


@dataclass(frozen=True)
class Bounds:
    """How long git may take in all and what it may bring; `beat` hears that it goes on."""

    until: float
    """By the monotonic clock."""
    max_bytes: int
    beat: Callable[[str], None] = lambda _: None

    def check(self, progress: str) -> None:
        """Say that it goes on.

        Raises:
            GitRefused: there is no time left.
        """
        if time.monotonic() > self.until:
            raise GitRefused(
                "Fetching took too long and was given up: try again when the server is faster, or "
                "upload the folder instead."
            )
        self.beat(progress)


class GitFailed(Exception):
    """Git ended with an error: its complaint, for `said` to judge."""


@contextmanager
def git_room(address: Address, access: Access, parent: Path) -> Iterator[GitRoom]:
    """A private folder with the settings and secrets for one repository; gone afterwards."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="git-", dir=parent))
    try:
        yield GitRoom(folder, address, access)
    finally:
        shutil.rmtree(folder)


class GitRoom:
    """Where git is run for one repository."""

    def __init__(self, folder: Path, address: Address, access: Access) -> None:
        self._known_hosts = folder / "known_hosts"
        self._seen_before = access.known_hosts
        self.has_access = bool(access.token or access.private_key)
        protocol = "file" if address.kind == LOCAL else address.kind
        settings = _SETTINGS.format(protocol=protocol)
        self.environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | {
            "HOME": str(folder),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(folder / "config"),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_ALLOW_PROTOCOL": protocol,
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "SSH_ASKPASS": "/bin/false",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_SSH_VARIANT": "ssh",
            "GIT_SSH_COMMAND": "/bin/false",
        }
        if address.kind == LOCAL:
            # git asks who owns a repository; which ones may be read the link roots decide
            for path in (address.path, f"{address.path}/.git"):
                settings += f"[safe]\n\tdirectory = {_quoted(path)}\n"
        if access.token and address.kind == HTTPS:
            settings += _HELPER.format(host=address.host)
            self.environment["RUNYARD_GIT_USER"] = access.token_user
            self.environment["RUNYARD_GIT_TOKEN"] = access.token
        if address.kind == SSH:
            self.environment["GIT_SSH_COMMAND"] = self._ssh(folder, access)
        _write(folder / "config", settings)

    def _ssh(self, folder: Path, access: Access) -> str:
        _write(self._known_hosts, "".join(f"{line}\n" for line in access.known_hosts))
        identity = "none"
        if access.private_key:
            identity = str(folder / "key")
            _write(folder / "key", access.private_key.strip() + "\n")
        files = (f"IdentityFile={identity}", f"UserKnownHostsFile={self._known_hosts}")
        return shlex.join((*_SSH, "-o", files[0], "-o", files[1]))

    def new_hosts(self) -> list[str]:
        """Lines of known_hosts that came in while git ran."""
        if not self._known_hosts.exists():
            return []
        lines = self._known_hosts.read_text().splitlines()
        return [line for line in lines if line and line not in self._seen_before]

    def ask(self, repository: Path, words: Sequence[str], bounds: Bounds) -> str:
        """What git prints.

        Raises:
            GitFailed: it ended with an error.
            GitRefused: it took too long or brought too much.
        """
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaint:
            process = self._start(repository, words, output.fileno(), complaint.fileno())
            try:
                _follow(process, repository, output.fileno(), complaint.fileno(), bounds)
            finally:
                _end(process)
            if process.returncode:
                raise GitFailed(_text(complaint.fileno(), _COMPLAINT_BYTES))
            return _text(output.fileno(), ANSWER_BYTES)

    def _start(
        self, repository: Path, words: Sequence[str], output: int, complaint: int
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                ["git", "--git-dir", str(repository), *words],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=complaint,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise GitRefused(
                "git is not installed on the studio's machine: its owner installs it, then try "
                "again."
            ) from error


def said(address: Address, complaint: str, *, has_access: bool) -> GitRefused:
    """A complaint of git as a sentence that says what to do."""
    where = address.url
    for words, sentence in _COMPLAINTS:
        if re.search(words, complaint, re.IGNORECASE):
            hint = _WRONG_ACCESS if has_access else _NO_ACCESS
            return GitRefused(sentence.format(where=where, host=address.host, hint=hint))
    lines = [line for line in complaint.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    last = (fatal or lines or ["it did not say why"])[0]
    plain = "".join(c for c in last if c.isprintable()).strip().rstrip(".")[:300]
    return GitRefused(f"git could not read {where}: {plain}.")


_NO_ACCESS = "an admin of the workspace can add a token or deploy key for it under Git credentials"
_WRONG_ACCESS = "check that the credential is still valid and may read this repository"
_COMPLAINTS = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed",
        "{host} shows another host key than when it was first seen: if that is right, an admin of "
        "the workspace forgets the old one under Git credentials, then try again.",
    ),
    (
        r"could not read (Username|Password)|Authentication failed|error: 40[13]|Permission denied",
        "{where} cannot be read without the right credential: {hint}.",
    ),
    (
        r"update url base from redirection|returned error: 30\d",
        "{where} redirects to another address, which is not followed: use the address that the "
        "repository has now.",
    ),
    (
        r"Could not resolve host|Name or service not known|Temporary failure in name resolution",
        "There is no host {host}: check the address {where}.",
    ),
    (
        r"certificate|SSL",
        "The certificate of {host} cannot be verified: the studio's owner can set GIT_SSL_CAINFO "
        "to the file of your own authority.",
    ),
    (
        r"Connection refused|timed? ?out|unreachable|Couldn't connect|Failed to connect",
        "{host} does not answer: check the address {where}, then try again.",
    ),
    (
        r"not found|does not (appear|seem) to be a git repository|does not exist|not a git repo",
        "There is no repository {where}, or it is private: check the address; for a private one, "
        "{hint}.",
    ),
)


def _follow(
    process: subprocess.Popen[bytes], repository: Path, output: int, complaint: int, bounds: Bounds
) -> None:
    while not _has_ended(process):
        arrived = _incoming_bytes(repository)
        said_bytes = max(os.fstat(output).st_size, 16 * os.fstat(complaint).st_size)
        if arrived > bounds.max_bytes or said_bytes > ANSWER_BYTES:
            raise GitRefused(
                f"The repository sends more than {readable_size(bounds.max_bytes)}, the most that "
                "is fetched: name a branch, tag or full commit instead of a short one, or upload "
                "the folder."
            )
        bounds.check(_progress(complaint))


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it ends within a moment."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(_TICK_S)
    return process.returncode is not None


def _incoming_bytes(repository: Path) -> int:
    """How much has arrived and is not in its place yet."""
    total = 0
    for folder in ("objects/pack", "objects"):
        for path in (repository / folder).glob("tmp_*"):
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue
    return total


def _progress(complaint: int) -> str:
    """The last thing that git said, like "Receiving objects:  42% (42/100)"."""
    size = os.fstat(complaint).st_size
    end = os.pread(complaint, 400, max(0, size - 400)).decode(errors="replace")
    lines = [line for line in re.split(r"[\r\n]", end)[:-1] if line.strip()]
    return "".join(c for c in lines[-1] if c.isprintable()).strip()[:200] if lines else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and all that it started; git removes what it has half fetched."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, number)
            process.wait(_GRACE_S)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def _text(descriptor: int, limit: int) -> str:
    return os.pread(descriptor, limit, 0).decode("utf-8", errors="surrogateescape")


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
