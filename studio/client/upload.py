"""Bringing a folder to the studio: its list first, then only the contents that it lacks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator

from studio.client.errors import Refused
from studio.client.folder import FolderRefused, canonical, digest, scan
from studio.client.http import Connection, with_query

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

    from studio.client.folder import Entry, FileEntry
    from studio.client.gitreader import GitReader

PACK_BYTES = 32 << 20
"""How much travels in one request; a bigger file travels alone."""
_ROUNDS = 3
"""How often the studio may still lack something after it was sent."""


def submit_folder(
    studio: Connection, folder: str, body: dict[str, Any], git: GitReader
) -> dict[str, Any]:
    """Submit a run of this folder: the run as the studio made it.

    A script may be named as seen from the folder or from here. The request goes out at once,
    for mostly the studio knows these files already; only if it does not are they sent, and
    the request repeated.

    Raises:
        Refused: the folder or the request cannot be taken; nothing was submitted.
    """
    try:
        entries = scan(folder)
        if body.get("script"):
            body = {**body, "script": script_in(folder, body["script"])}
        body = {**body, "source": {"snapshot": digest(entries)}, "git": git.facts()}
        try:
            return dict(studio.json("POST", "/runs", body))
        except Refused as error:
            if error.code != "snapshot_missing":
                raise
        _send(studio, folder, entries, body.get("workspace"))
        return dict(studio.json("POST", "/runs", body))
    except FolderRefused as error:
        raise Refused(str(error)) from error


def script_in(folder: str, given: str) -> str:
    """The script's path in the folder, also when it was given as seen from here."""
    if os.path.exists(os.path.join(folder, given)) and not os.path.isabs(given):
        return os.path.normpath(given)
    inside = os.path.relpath(os.path.abspath(given), os.path.abspath(folder))
    return given if inside.startswith("..") or not os.path.exists(given) else inside


def _send(studio: Connection, folder: str, entries: list[Entry], workspace: str | None) -> None:
    """Make the studio know the folder: its list, then what it lacks of it."""
    path = with_query("/snapshots", workspace=workspace)
    manifest = canonical(entries)
    for _ in range(_ROUNDS):
        answer = studio.all_of(studio.request("POST", path, body=manifest))
        missing = set(json.loads(answer)["missing"])
        if not missing:
            return
        _send_blobs(studio, folder, _files(entries, missing), workspace)
    raise Refused(
        "The studio still lacks files that were sent to it: try again, and ask its admin to look "
        "into its log if this repeats."
    )


def _files(entries: Iterable[Entry], missing: set[str]) -> list[FileEntry]:
    """One file for each missing content."""
    files = {entry["sha"]: entry for entry in entries if "link" not in entry}
    return [entry for sha, entry in files.items() if sha in missing]


def _send_blobs(
    studio: Connection, folder: str, files: list[FileEntry], workspace: str | None
) -> None:
    from studio.client.pack import pack, pack_bytes
    from studio.client.progress import Progress

    with Progress("uploading", pack_bytes(files)) as progress:

        def counted(pieces: Iterable[bytes]) -> Iterator[bytes]:
            for piece in pieces:
                yield piece
                progress.add(len(piece))

        for group in _groups(files):
            response = studio.request(
                "POST",
                with_query("/blobs", workspace=workspace),
                body=counted(pack(folder, group)),
                length=pack_bytes(group),
                content_type="application/octet-stream",
            )
            studio.all_of(response)


def _groups(files: Iterable[FileEntry]) -> Iterator[list[FileEntry]]:
    """The files in packs of at most `PACK_BYTES`."""
    group: list[FileEntry] = []
    size = 0
    for entry in files:
        if group and size + entry["size"] > PACK_BYTES:
            yield group
            group, size = [], 0
        group.append(entry)
        size += entry["size"]
    if group:
        yield group
