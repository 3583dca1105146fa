"""Names of images, as the docker command reads them."""

from __future__ import annotations

import re

DOCKER_HUB = "docker.io"
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?")


def registry_of(reference: str) -> str:
    """The host from which an image comes, with its port: docker.io when the name has none."""
    first, slash, _ = reference.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return first.lower() if is_host else DOCKER_HUB


def is_registry(host: str) -> bool:
    """Whether that can be the host of a registry, like registry.example.org:5000."""
    return _HOST.fullmatch(host) is not None
