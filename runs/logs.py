"""The log store: growing files under opaque keys, appended by offset, sealed with a receipt.

    <root>/<key>             the bytes as they were written
    <root>/.lines/<key>      where its lines begin (runs.lines)
    <root>/.seals/<key>      its receipt; nothing is appended any more

The length of the file is the offset: nothing else says how far a log was stored.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from runs.lines import LineIndex

_OPEN_LOGS = 128
_PIECE_BYTES = 1 << 20
_NAME_BYTES = 255


class KeyRefused(ValueError):
    """A key that the store cannot keep a log under."""


class WrongOffset(Exception):
    """Bytes between the stored ones and the sent ones are missing: go on from `length`."""

    def __init__(self, length: int) -> None:
        super().__init__(f"{length} bytes are stored: go on from there")
        self.length = length


class Sealed(Exception):
    """The log is closed and takes nothing more."""


@dataclass(frozen=True)
class Receipt:
    """What was written on the target against what is stored here."""

    log_bytes: int | None
    """As the target counted; None when it could not be asked any more."""
    stored_bytes: int
    sha256_target: str | None
    """Of the masked bytes on the target."""
    sha256_stored: str
    masked: int
    """Places where a secret stood."""
    complete: bool
    gap: str
    """What is missing, as a sentence; empty when complete."""


class LogStore:
    """Logs that several processes append to and any number reads.

    Appending is idempotent: bytes that are stored already are skipped, so a sender that
    does not know how far it got may send again. Readers stop on `sealed`.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: OrderedDict[str, _OpenLog] = OrderedDict()
        self._opening = threading.Lock()

    def append(self, key: str, offset: int, data: bytes) -> int:
        """Store `data` as the bytes from `offset` on: the length of the log afterwards.

        Raises:
            WrongOffset: the log is shorter than `offset`; nothing was stored.
            Sealed: the log is closed and `data` goes beyond its end.
        """
        with self._locked(key) as log:
            length = log.length()
            if not 0 <= offset <= length:
                raise WrongOffset(length)
            fresh = memoryview(data)[length - offset :]
            if fresh and log.seal.exists():
                raise Sealed(f"The log {key} is sealed at {length} bytes.")
            while fresh:
                written = os.pwrite(log.descriptor, fresh, length)
                length, fresh = length + written, fresh[written:]
            return length

    def size(self, key: str) -> int:
        """How many bytes are stored; 0 for a log that nothing was said in."""
        try:
            return self._path(key).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def read(self, key: str, offset: int, n: int) -> bytes:
        """At most `n` bytes from `offset` on; fewer only at the end of the log."""
        try:
            with self._path(key).open("rb", buffering=0) as file:
                return os.pread(file.fileno(), n, offset)
        except (FileNotFoundError, NotADirectoryError):
            return b""

    def path(self, key: str) -> Path:
        """Where the bytes of a log lie, to be read and never written; it need not be there."""
        return self._path(key)

    def tail(self, key: str, lines: int, *, max_bytes: int = _PIECE_BYTES) -> bytes:
        """The last lines, but not more than the last `max_bytes`."""
        size = self.size(key)
        start = max(0, size - max_bytes)
        data = self.read(key, start, size - start)
        at = len(data)
        for _ in range(lines):
            at = data.rfind(b"\n", 0, max(0, at - 1)) + 1
            if at == 0:
                break
        return data[at:] if lines else b""

    def line_count(self, key: str) -> int:
        """How many lines are finished by a newline."""
        try:
            return self._lines(key).count()
        except FileNotFoundError:
            return 0

    def line_offset(self, key: str, line: int) -> tuple[int, str]:
        """Where line 1, 2, 3 … begins, and the SGR codes in force there ("1;31").

        Line `line_count + 1` is the unfinished one; any further is the end of the log.
        """
        try:
            return self._lines(key).find(line)
        except FileNotFoundError:
            return 0, ""

    def seal(self, key: str, *, size: int | None, sha256: str | None, masked: int = 0) -> Receipt:
        """Close a log for ever and compare it with what the target says it wrote.

        `size` and `sha256` are the target's, of the masked bytes; None when it could not
        be asked. The bytes and the receipt survive a power cut. Sealing again answers
        with the first receipt.
        """
        with self._locked(key) as log:
            known = _read_receipt(log.seal)
            if known is not None:
                return known
            os.fdatasync(log.descriptor)
            stored, seen = log.length(), _sha256(log.descriptor)
            gap = _gap(size, stored, same=sha256 == seen)
            receipt = Receipt(
                log_bytes=size, stored_bytes=stored, sha256_target=sha256, sha256_stored=seen,
                masked=masked, complete=not gap, gap=gap,
            )  # fmt: skip
            _write_receipt(log.seal, receipt)
            return receipt

    def sealed(self, key: str) -> Receipt | None:
        """The receipt of a closed log, None while more may come."""
        return _read_receipt(self._path(key, ".seals"))

    def keys(self, prefix: str) -> list[str]:
        """The logs at or below a prefix like "run/42", sorted."""
        root = str(self._root)
        files = _files(self._below(prefix))
        keys = [str(path)[len(root) + 1 :] for path in files]
        return sorted(key for key in keys if not key.startswith("."))

    def usage(self, prefix: str) -> int:
        """The bytes on disk at or below a prefix, indexes and receipts included."""
        trees = {self._below(prefix, tree) for tree in ("", ".lines", ".seals")}
        if not prefix:
            trees = {self._root}
        return sum(path.stat().st_size for tree in trees for path in _files(tree))

    def delete(self, prefix: str) -> None:
        """Forget every log at or below a prefix; what is not there is forgotten already."""
        if not prefix.strip("/"):
            raise KeyRefused("Only the logs below some prefix can be deleted, not all at once.")
        for tree in ("", ".lines", ".seals"):
            path = self._below(prefix, tree)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _lines(self, key: str) -> LineIndex:
        return LineIndex(self._path(key), self._path(key, ".lines"))

    def _path(self, key: str, tree: str = "") -> Path:
        parts = key.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts) or key.startswith("."):
            raise KeyRefused(f"{key!r} cannot name a log: it would leave its place in the store.")
        if any(len(os.fsencode(part)) > _NAME_BYTES for part in parts):
            raise KeyRefused(f"{key[:80]}… cannot name a log: a part of it is too long.")
        return self._root / tree / key

    def _below(self, prefix: str, tree: str = "") -> Path:
        prefix = prefix.removesuffix("/")
        return self._path(prefix, tree) if prefix else self._root / tree

    @contextmanager
    def _locked(self, key: str) -> Iterator[_OpenLog]:
        """The log for this thread of this process alone."""
        while True:
            log = self._opened(key)
            with log.turn:
                fcntl.flock(log.descriptor, fcntl.LOCK_EX)
                try:
                    if log.is_deleted():
                        self._forget(key, log)
                        continue
                    yield log
                    return
                finally:
                    fcntl.flock(log.descriptor, fcntl.LOCK_UN)

    def _opened(self, key: str) -> _OpenLog:
        with self._opening:
            log = self._open.get(key)
            if log is None:
                log = self._open[key] = _OpenLog(self._create(key), self._path(key, ".seals"))
                if len(self._open) > _OPEN_LOGS:
                    self._open.popitem(last=False)
            self._open.move_to_end(key)
            return log

    def _create(self, key: str) -> int:
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise KeyRefused(f"The log {key} cannot be kept: another log is in its way.") from error

    def _forget(self, key: str, log: _OpenLog) -> None:
        with self._opening:
            if self._open.get(key) is log:
                del self._open[key]


class _OpenLog:
    """An open log file; it closes when nobody holds it any more."""

    def __init__(self, descriptor: int, seal: Path) -> None:
        self.descriptor = descriptor
        self.seal = seal
        # A file lock keeps other processes out; threads that share the descriptor need their own.
        self.turn = threading.Lock()

    def __del__(self) -> None:
        os.close(self.descriptor)

    def length(self) -> int:
        return os.fstat(self.descriptor).st_size

    def is_deleted(self) -> bool:
        return os.fstat(self.descriptor).st_nlink == 0


def _gap(log_bytes: int | None, stored: int, *, same: bool) -> str:
    if log_bytes is None:
        return f"The target could not say how long the log became; {stored:,} bytes are stored."
    if stored < log_bytes:
        return (
            f"The log ends early: {log_bytes - stored:,} of {log_bytes:,} bytes never arrived, "
            f"everything after byte {stored:,}."
        )
    if stored > log_bytes:
        return f"{stored:,} bytes are stored, {stored - log_bytes:,} more than the target wrote."
    return (
        "" if same else "The stored bytes are not those that the target wrote: the hashes differ."
    )


def _sha256(descriptor: int) -> str:
    seen, offset = hashlib.sha256(), 0
    while piece := os.pread(descriptor, _PIECE_BYTES, offset):
        seen.update(piece)
        offset += len(piece)
    return seen.hexdigest()


def _read_receipt(path: Path) -> Receipt | None:
    try:
        return Receipt(**json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _write_receipt(path: Path, receipt: Receipt) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name[:200]}.new")
    with temporary.open("w") as file:
        json.dump(asdict(receipt), file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (found for found in path.rglob("*") if found.is_file())
    elif path.is_file():
        yield path
