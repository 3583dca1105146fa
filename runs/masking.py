"""quick"""
from __future__ import annotations
from collections.abc import Iterable
class Masker:
    def __init__(self, values: Iterable[bytes]) -> None:
        self.masked = 0
        self._values = [v for v in set(values) if len(v) >= 4]
        self._pending = b""
    def feed(self, data: bytes) -> bytes:
        return self._go(self._pending + data, last=False)
    def flush(self) -> bytes:
        return self._go(self._pending, last=True)
    def _go(self, raw: bytes, *, last: bool) -> bytes:
        spans = []
        for v in self._values:
            at = raw.find(v)
            while at >= 0:
                spans.append((at, at + len(v)))
                at = raw.find(v, at + 1)
        cut = len(raw)
        if not last:
            for v in self._values:
                for n in range(min(len(v) - 1, len(raw)), 0, -1):
                    if raw.endswith(v[:n]):
                        cut = min(cut, len(raw) - n)
                        break
            moved = True
            while moved:
                moved = False
                for a, b in spans:
                    if a < cut < b:
                        cut, moved = a, True
        out = bytearray(raw[:cut])
        end = -1
        for a, b in sorted(spans):
            if b <= cut:
                out[a:b] = b"*" * (b - a)
                if a > end:
                    self.masked += 1
                end = max(end, b)
        self._pending = raw[cut:]
        return bytes(out)
