"""Taking one stream of a task into the log store: in order, masked, each byte once."""

from __future__ import annotations

from collections.abc import Iterable

from runs.logs import LogStore, WrongOffset
from runs.masking import Masker


class Rewind(Exception):
    """The sender is ahead of us: it should go on from `offset`."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"go on from {offset}")
        self.offset = offset


class Intake:
    """The receiving end of one stream; what is stored already is where it starts."""

    def __init__(self, store: LogStore, key: str, secrets: Iterable[str] = ()) -> None:
        self._store, self._key = store, key
        self._values = [value.encode() for value in secrets]
        self._restart()

    def _restart(self) -> None:
        self.stored = self._expected = self._store.size(self._key)
        self._masker = Masker(self._values) if self._values else None

    def take(self, offset: int, data: bytes) -> int:
        """Store a piece: the length of the stream in the store afterwards.

        Bytes that may still be the beginning of a secret wait for the next piece.

        Raises:
            Rewind: bytes between ours and these are missing.
        """
        if offset > self._expected:
            self._restart()
            raise Rewind(self.stored)
        fresh = data[self._expected - offset :]
        self._expected += len(fresh)
        self._append(self._masker.feed(fresh) if self._masker else fresh)
        return self.stored

    def finish(self) -> int:
        """Store what was held back: the final length."""
        if self._masker is not None:
            self._append(self._masker.flush())
        return self.stored

    def _append(self, safe: bytes) -> None:
        if not safe:
            return
        try:
            self._store.append(self._key, self.stored, safe)
        except WrongOffset as error:
            self._restart()
            raise Rewind(self.stored) from error
        self.stored += len(safe)
