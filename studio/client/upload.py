"""Bringing a folder to the studio: its list first, then only the contents that it lacks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator

from studio.client.errors import Refused
from studio.client.folder import FolderRefused, canonical, digest, scan
from studio.client.http import Connection, with_query
from studio.client.options import say

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

    from studio.client.folder import Entry, FileEntry
    from studio.client.gitreader import GitReader

PACK_BYTES = 32 << 20
"""How much travels in one request; a bigger file travels alone."""
_ROUNDS = 3
"""How often the studio may still lack something after it was sent."""


class Folder:
    """A folder as it is now: what would be sent of it, and what stays behind.

    Raises:
        Refused: it cannot be taken as it is.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.left_out: list[str] = []
        try:
            self.entries = scan(path, left_out=self.left_out)
        except FolderRefused as error:
            raise Refused(str(error)) from error

    @property
    def digest(self) -> str:
        """The name of its snapshot."""
        return digest(self.entries)


def submit_folder(
    studio: Connection, folder: str, body: dict[str, Any], git: GitReader, *, quiet: bool = True
) -> dict[str, Any]:
    """Submit a run of this folder: the run as the studio made it.

    A script may be named as seen from the folder or from here.

    Raises:
        Refused: as for `ask_with`.
    """
    files = Folder(folder)
    if body.get("script"):
        body = {**body, "script": script_in(folder, body["script"])}
    body = {**body, "source": {"snapshot": files.digest}, "git": git.facts()}
    where = body.get("workspace")
    return dict(ask_with(studio, files, "/runs", body, workspace=where, quiet=quiet))


def ask_with(
    studio: Connection,
    folder: Folder,
    path: str,
    body: dict[str, Any],
    *,
    workspace: str | None,
    quiet: bool,
) -> Any:
    """Ask something about the snapshot of a folder: the studio's answer.

    The request goes out at once, for mostly the studio knows these files already; only
    if it does not are they sent, and the request repeated.

    Raises:
        Refused: the folder or the request cannot be taken; nothing was done but sending.
    """
    try:
        return studio.json("POST", path, body)
    except Refused as error:
        if error.code != "snapshot_missing":
            raise
    try:
        _send(studio, folder, workspace, quiet=quiet)
    except FolderRefused as error:
        raise Refused(str(error)) from error
    return studio.json("POST", path, body)


def script_in(folder: str, given: str) -> str:
    """The script's path in the folder, also when it was given as seen from here."""
    if os.path.exists(os.path.join(folder, given)) and not os.path.isabs(given):
        return os.path.normpath(given)
    inside = os.path.relpath(os.path.abspath(given), os.path.abspath(folder))
    return given if inside.startswith("..") or not os.path.exists(given) else inside


def _send(studio: Connection, folder: Folder, workspace: str | None, *, quiet: bool) -> None:
    """Make the studio know the folder: its list, then what it lacks of it."""
    for attempt in range(_ROUNDS):
        missing = set(_told(studio, folder, workspace)["missing"])
        if not missing:
            return
        files = _files(folder.entries, missing)
        if not quiet and not attempt:
            from studio.client.survey import sending

            say(sending(files, folder))
        _send_blobs(studio, folder.path, files, workspace)
    raise Refused(
        "The studio still lacks files that were sent to it: try again, and ask its admin to look "
        "into its log if this repeats."
    )


def _told(studio: Connection, folder: Folder, workspace: str | None) -> Any:
    """What the studio answers to the list of files, told as briefly as it understands."""
    from studio.client.lastsent import LastSent

    path = with_query("/snapshots", workspace=workspace)
    last = LastSent(folder.path)
    difference = last.difference(folder.entries)
    answer = None
    if difference is not None:
        try:
            answer = studio.all_of(studio.request("POST", path, body=difference))
        except Refused as error:
            if error.code != "base_missing":
                raise
    if answer is None:
        answer = studio.all_of(studio.request("POST", path, body=canonical(folder.entries)))
    told = json.loads(answer)
    if not told["missing"]:
        last.keep(folder.entries)
    return told


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
