"""Bringing an image to an engine: a program of its own, so that it outlives who asked for it.

Usage: python -m compute.pulling ORDER, where that is a JSON file
{"reference": name, "engine": {"address", "tls", "platform"}}; RUNYARD_REGISTRY_LOGIN may hold
{"username", "password"}. It says how far it is, and in its last line why it could not be done.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from compute.containers import engine_from
from compute.engine import Engine, disk_full
from compute.image_names import REGISTRY_LOGIN
from compute.references import registry_of

_DONE = frozenset({"Pull complete", "Already exists"})
_TRIES = 5
_PAUSE_S = 2.0
_EVERY_S = 0.5
_NO_IMAGE = ("manifest unknown", "not found: manifest", "manifest for", "name unknown")
_NO_ACCESS = ("denied", "unauthorized", "no basic auth", "authentication required", "forbidden")
_NO_WAY = (
    "no such host", "connection refused", "timeout", "unreachable", "certificate",
    "server gave http response", "i/o", "eof", "server misbehaving", "connection reset",
)  # fmt: skip


class PullFailed(Exception):
    """Why the engine could not get it, as a sentence."""


class _Broken(Exception):
    """The link to the engine broke off; it may be tried again."""


@dataclass
class Progress:
    """How far a pull is, from what the engine tells of each layer."""

    layers: dict[str, tuple[int, int]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def take(self, event: Mapping[str, Any]) -> None:
        """Note what the engine said."""
        layer, status = str(event.get("id") or ""), str(event.get("status") or "")
        if not layer or status.startswith("Pulling from"):
            return
        self.layers.setdefault(layer, (0, 0))
        detail = event.get("progressDetail") or {}
        if status == "Downloading" and detail.get("total"):
            self.layers[layer] = int(detail.get("current") or 0), int(detail["total"])
        elif status in {"Download complete", *_DONE}:
            self.layers[layer] = (self.layers[layer][1],) * 2
        if status in _DONE:
            self.done.add(layer)

    def __str__(self) -> str:
        here, of = (sum(sizes) / 1e6 for sizes in zip(*self.layers.values(), strict=True))
        return f"{len(self.done)} of {len(self.layers)} layers, {here:.1f} of {of:.1f} MB"


class Listener(Protocol):
    """Who is told how far a pull is."""

    def say(self, sentence: str) -> None:
        """Hear what happened."""
        ...

    def progress(self, progress: Progress) -> None:
        """Hear how far it is, now and then."""
        ...


def pull(
    engine: Engine,
    reference: str,
    login: Mapping[str, str],
    *,
    listener: Listener,
    platform: str = "",
) -> None:
    """Have the engine get an image, of its own platform or another, and tell how far it is.

    Raises:
        PullFailed: it cannot.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            return _pull_once(engine, reference, login, listener, platform)
        except _Broken as error:
            if attempt == _TRIES:
                raise PullFailed(str(error)) from error
            listener.say(f"{error} Trying again.")
            time.sleep(_PAUSE_S)
    return None


def _pull_once(
    engine: Engine, reference: str, login: Mapping[str, str], listener: Listener, platform: str
) -> None:
    try:
        api = engine.patient_api
        # {} and not None: what this machine's own user may open is not for everybody
        events = api.pull(
            reference,
            stream=True,
            decode=True,
            auth_config=dict(login),
            platform=platform or None,
        )
        _follow(events, reference, listener)
        size = api.inspect_image(reference)["Size"]
    except APIError as error:
        raise PullFailed(_sentence(str(error.explanation or error), reference)) from error
    except (RequestException, DockerException, OSError) as error:
        raise _Broken(f"The connection to the engine at {engine.address} broke.") from error
    listener.say(f"The engine has {reference} now: {size / 1e6:.1f} MB.")


def _follow(events: Iterable[Mapping[str, Any]], reference: str, listener: Listener) -> None:
    progress, said_at = Progress(), 0.0
    for event in events:
        if event.get("error"):
            raise PullFailed(_sentence(str(event["error"]), reference))
        progress.take(event)
        if progress.layers and time.monotonic() - said_at >= _EVERY_S:
            said_at = time.monotonic()
            listener.progress(progress)
    if progress.layers:
        listener.progress(progress)


def _sentence(message: str, reference: str) -> str:
    """What an engine says of a pull that failed, with what to do."""
    if full := disk_full(message):
        return full
    told, registry = message.lower(), registry_of(reference)
    if any(words in told for words in _NO_IMAGE):
        return f"There is no image {reference} in {registry}: check its name and tag."
    if any(words in told for words in _NO_ACCESS):
        return (
            f"{registry} does not give {reference} away: there is none of that name, or it needs "
            f"a login for {registry}, which an admin of the workspace adds."
        )
    if any(words in told for words in _NO_WAY):
        return f"The engine cannot reach {registry} for {reference}: {message.strip().rstrip('.')}."
    return f"The engine cannot get {reference}: {message.strip().rstrip('.')}."


class _Log:
    """Says it on standard output, which is the log; progress moves in one line of it."""

    def __init__(self) -> None:
        self._is_open = False

    def say(self, sentence: str) -> None:
        """As promised by `Listener`."""
        print(f"\n{sentence}" if self._is_open else sentence, flush=True)  # noqa: T201
        self._is_open = False

    def progress(self, progress: Progress) -> None:
        """As promised by `Listener`."""
        print(f"\r{progress}", end="", flush=True)  # noqa: T201
        self._is_open = True


def main(path: str) -> int:
    """Do what the order says: the exit code."""
    order = json.loads(Path(path).read_text())
    reference = order["reference"]
    login = json.loads(os.environ.get(REGISTRY_LOGIN) or "{}")
    log = _Log()
    log.say(f"The engine gets the image {reference} from {registry_of(reference)}")
    platform = order["engine"].get("platform", "")
    try:
        pull(engine_from(order["engine"]), reference, login, listener=log, platform=platform)
    except PullFailed as error:
        log.say(str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
