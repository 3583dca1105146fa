"""The images that our builds made, as they lie on an engine: what they take, who uses them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from docker.errors import ImageNotFound

from compute.containers import ROOT, TASK, Site
from compute.image_names import BUILT, ENVIRONMENT

_VERIFY = f"""
import sys, time
sys.path.insert(0, sys.argv[1])
import runner
said_at = time.monotonic()
def tick():
    global said_at
    if time.monotonic() - said_at > {{every_s}}:
        said_at = time.monotonic()
        print("working", flush=True)
print(runner.damage_told(runner.damaged_files({ENVIRONMENT!r}, tick)) or "whole")
"""
"""Says that it works, for gigabytes take longer than an engine may be silent."""
_SAYS_S = 5


@dataclass(frozen=True)
class BuiltImage:
    """An image that we made for an environment."""

    key: str
    bytes: int
    """What goes with it: of its layers those that no other image of the engine has."""
    made_at: float
    used_by: list[str]
    """The tasks whose containers are made from it, dead or alive."""


@dataclass(frozen=True)
class BuiltStock:
    """All that one instance has made on an engine."""

    images: list[BuiltImage]
    bytes: int
    """What goes with all of them: a layer that several share counts once, and one that any
    other image stands on, like that of their base, not at all."""


def built_stock(site: Site) -> BuiltStock:
    """What the builds of this site have made.

    Use it inside `reached`. It takes one question for each image of the engine.
    """
    api = site.engine.api
    everything = api.images()
    layers = {image["Id"]: _layers(api, image["Id"]) for image in everything}
    ours = {image["Id"]: image for image in everything if _is_ours(image, site)}
    holders = Counter(layer for found in layers.values() for layer in found)
    kept = {layer for image, found in layers.items() if image not in ours for layer in found}
    users = _users(api.containers(all=True))
    images = [
        BuiltImage(
            key=key,
            bytes=sum(size for layer, size in layers[image].items() if holders[layer] == 1),
            made_at=float(found["Created"]),
            used_by=users.get(image, []),
        )
        for image, found in ours.items()
        for key in _keys(found)
    ]
    freed = {layer: size for image in ours for layer, size in layers[image].items()}
    return BuiltStock(images, sum(size for layer, size in freed.items() if layer not in kept))


def verify_words(site: Site, python: str, runner_sha: str) -> dict[str, Any]:
    """What a container needs that holds the files of its image's environment against their hashes.

    The times of files do not outlast the way into an image, so only their contents tell.
    """
    mount = site.part(f"runner/{runner_sha}", read_only=True)
    folder = f"{ROOT}/runner/{runner_sha}"
    return {
        "command": [python, "-I", "-S", "-c", _VERIFY.format(every_s=_SAYS_S), folder],
        "mounts": [mount],
    }


def _is_ours(image: Mapping[str, Any], site: Site) -> bool:
    labels = image.get("Labels") or {}
    return bool(_keys(image)) and site.labels("environment").items() <= labels.items()


def _keys(image: Mapping[str, Any]) -> list[str]:
    tags = image.get("RepoTags") or []
    return [tag.rpartition(":")[2] for tag in tags if tag.startswith(f"{BUILT}:")]


def _layers(api: Any, image: str) -> dict[str, int]:
    """The layers of an image by names that are the same wherever they and all below them are."""
    try:
        steps = api.history(image)
    except ImageNotFound:  # somebody removed it meanwhile
        return {}
    name, found = "", {}
    for step in reversed(steps):
        told = f"{name} {step['Created']} {step['CreatedBy']} {step['Size']}"
        name = hashlib.sha256(told.encode()).hexdigest()
        found[name] = int(step["Size"])
    return found


def _users(containers: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    users: dict[str, list[str]] = {}
    for found in containers:
        task = (found.get("Labels") or {}).get(TASK) or found["Names"][0].lstrip("/")
        users.setdefault(found["ImageID"], []).append(task)
    return users
