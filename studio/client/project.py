"""`.runyard/config.json`: which studio and workspace a project belongs to; never a token."""

from __future__ import annotations

import json
import os

from studio.client.errors import Refused

_PLACE = os.path.join(".runyard", "config.json")


def find_project(start: str = ".") -> tuple[str, str] | None:
    """(studio, workspace) of the nearest file, in this folder or one above; None without one.

    Raises:
        Refused: there is one, but it cannot be read.
    """
    folder = os.path.abspath(start)
    while True:
        path = os.path.join(folder, _PLACE)
        if os.path.isfile(path):
            return read_project(path)
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def read_project(path: str) -> tuple[str, str]:
    """(studio, workspace) as this file says; a workspace of "" is left to the studio.

    Raises:
        Refused: it cannot be read.
    """
    try:
        with open(path, encoding="utf-8") as file:
            said = json.load(file)
        return with_scheme(said["url"]), str(said.get("workspace") or "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{path} cannot be read: `runyard init` writes it anew.") from error


def write_project(folder: str, url: str, workspace: str) -> str:
    """Write the file of a project, whole or not at all: its path.

    Raises:
        Refused: it cannot be written there.
    """
    path = os.path.join(folder, _PLACE)
    fresh = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump({"url": url, "workspace": workspace}, file, indent=2)
            file.write("\n")
        os.replace(fresh, path)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}.") from error
    return path


def with_scheme(url: str) -> str:
    """The address as it is kept: with a scheme, without a slash at its end."""
    url = url.strip().rstrip("/")
    return url if "://" in url else f"http://{url}"
