"""A moving line on the terminal while bytes travel."""

from __future__ import annotations

import sys
import time
from types import TracebackType

_EVERY_S = 0.1
_WIDTH = 24


def size_text(count: float) -> str:
    """A number of bytes as people read it."""
    for unit in ("bytes", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


class Progress:
    """Shows how far a transfer is, on standard error, and only to somebody who watches."""

    def __init__(self, label: str, total: int) -> None:
        self._label, self._total, self._done = label, total, 0
        self._shown = sys.stderr.isatty()
        self._began = time.monotonic()
        self._next = self._began

    def __enter__(self) -> Progress:
        return self

    def add(self, count: int) -> None:
        """So many more bytes have travelled."""
        self._done += count
        now = time.monotonic()
        if self._shown and now >= self._next:
            self._next = now + _EVERY_S
            self._draw(now)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._draw(time.monotonic())
            sys.stderr.write("\n")

    def _draw(self, now: float) -> None:
        share = min(1.0, self._done / self._total) if self._total else 1.0
        bar = "#" * round(share * _WIDTH)
        speed = size_text(self._done / max(now - self._began, 0.001))
        sys.stderr.write(
            f"\r\x1b[K{self._label} [{bar:<{_WIDTH}}] {share:4.0%}  "
            f"{size_text(self._done)} of {size_text(self._total)}, {speed}/s"
        )
        sys.stderr.flush()
