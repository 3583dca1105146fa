"""What the studio was last told of a folder, so that only the difference has to be told."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress

from studio.client.folder import canonical
from studio.client.hashes import cache_file

TYPE_CHECKING = False  # see studio.client.folder
if TYPE_CHECKING:
    from collections.abc import Iterable

    from studio.client.folder import Entry


class LastSent:
    """The newest list of files of one folder that a studio has confirmed.

    Only ever a shortcut: a studio that does not know it is told everything.
    """

    def __init__(self, folder: str) -> None:
        self._path = cache_file("sent", os.path.realpath(folder))
        self._text = b""
        self._entries: dict[str, Entry] = {}
        with suppress(OSError, ValueError, KeyError, TypeError):
            with open(self._path, "rb") as file:
                self._text = file.read()
            self._entries = {entry["path"]: entry for entry in json.loads(self._text)}

    def difference(self, entries: Iterable[Entry]) -> bytes | None:
        """These entries as what differs from that list; None when there is no such list."""
        if not self._entries:
            return None
        now = {entry["path"]: entry for entry in entries}
        differing = {
            "base": hashlib.sha256(self._text).hexdigest(),
            "changed": [entry for path, entry in now.items() if self._entries.get(path) != entry],
            "removed": [path for path in self._entries if path not in now],
        }
        return json.dumps(differing, ensure_ascii=False).encode()

    def keep(self, entries: Iterable[Entry]) -> None:
        """Remember a list that the studio has confirmed."""
        fresh = f"{self._path}.{os.getpid()}-{id(self)}"
        with suppress(OSError):
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            with open(fresh, "wb") as file:
                file.write(canonical(entries))
            os.replace(fresh, self._path)
