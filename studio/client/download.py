"""`runyard download RUN [PATH]`: fetch what a run made, checked against its hashes."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence

from studio.client.errors import Refused
from studio.client.http import Connection, quote
from studio.client.login import connect
from studio.client.options import Parser, say
from studio.client.progress import Progress, size_text

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any


def run(argv: Sequence[str]) -> int:
    """Fetch one artifact, a folder of them, or all; files of ours are never overwritten."""
    parser = Parser("download", "Fetch the artifacts of a run.")
    parser.add_argument("run", metavar="RUN", help="a number, id prefix, name, or last")
    parser.add_argument("path", metavar="PATH", nargs="?", default="", help="one file or folder")
    parser.add_argument("-o", "--output", metavar="OUT", help="where to put it; - for stdout")
    asked = parser.parse(argv)
    studio = connect()
    number = studio.json("GET", f"/runs/{quote(asked.run, '')}")["id"]
    artifacts = studio.json("GET", f"/runs/{number}/artifacts")
    wanted, single = _choose(artifacts, asked.path.strip("/"), number)
    if asked.output == "-":
        if not single:
            raise Refused("Only one file can go to standard output: name it by its PATH.")
        for data in studio.pieces_of(studio.request("GET", artifact_path(number, wanted[0]))):
            sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return 0
    places = _places(wanted, asked.output, number, single=single)
    with Progress("downloading", sum(item["size"] for item in wanted)) as progress:
        for item, place in zip(wanted, places, strict=True):
            fetch(studio, artifact_path(number, item), item, place, progress)
    fetched = [{**item, "saved_as": place} for item, place in zip(wanted, places, strict=True)]
    lines = [f"{item['saved_as']}  {size_text(item['size'])}" for item in fetched]
    if not wanted:
        say(f"run {number} has made no artifacts.")
    parser.answer(asked, fetched, "\n".join(lines))
    return 0


def _choose(
    artifacts: list[dict[str, Any]], path: str, number: int
) -> tuple[list[dict[str, Any]], bool]:
    """The artifacts that `path` means, and whether that is one file by its own name."""
    exact = [item for item in artifacts if item["path"] == path]
    if exact:
        return exact, True
    below = [item for item in artifacts if not path or item["path"].startswith(f"{path}/")]
    if path and not below:
        known = ", ".join(item["path"] for item in artifacts[:5]) or "none yet"
        raise Refused(f"Run {number} has no artifact '{path}': it has {known}.")
    return below, False


def _places(
    wanted: list[dict[str, Any]], output: str | None, number: int, *, single: bool
) -> list[str]:
    if single:
        name = os.path.basename(wanted[0]["path"])
        if output is None:
            return [name]
        return [os.path.join(output, name) if os.path.isdir(output) else output]
    folder = output or f"run-{number}"
    return [os.path.join(folder, inside(item["path"])) for item in wanted]


def inside(path: str) -> str:
    """The path, if it stays below the folder it is put in, whatever the studio says."""
    if path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise Refused(f"The studio names a file '{path}', which would leave the folder.")
    return path


def artifact_path(number: int, item: dict[str, Any]) -> str:
    """Where the studio has an artifact."""
    return f"/runs/{number}/artifacts/{quote(item['path'])}"


def fetch(
    studio: Connection,
    path: str,
    item: dict[str, Any],
    place: str,
    progress: Progress,
    *,
    replace: bool = False,
) -> None:
    """Put what the studio has at `path` at `place`, whole or not at all.

    Raises:
        Refused: it arrived damaged, cannot be written, or something else lies there that
            may not be replaced.
    """
    if os.path.lexists(place) and not replace:
        if os.path.isfile(place) and _sha_of(place) == item["sha"]:
            progress.add(item["size"])
            return
        raise Refused(f"'{place}' exists and is something else: name another place with -o.")
    try:
        _write(studio, path, item, place, progress)
    except OSError as error:
        raise Refused(f"'{place}' cannot be written: {error.strerror}.") from error


def _write(
    studio: Connection, path: str, item: dict[str, Any], place: str, progress: Progress
) -> None:
    os.makedirs(os.path.dirname(place) or ".", exist_ok=True)
    fresh, digest = f"{place}.part", hashlib.sha256()
    try:
        with open(fresh, "wb") as file:
            for data in studio.pieces_of(studio.request("GET", path)):
                file.write(data)
                digest.update(data)
                progress.add(len(data))
        if item.get("sha") not in {None, digest.hexdigest()}:  # a log that grows has none
            raise Refused(f"{item['path']} arrived damaged: its hash differs. Try again.")
        os.replace(fresh, place)
    finally:
        if os.path.exists(fresh):
            os.remove(fresh)


def _sha_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
