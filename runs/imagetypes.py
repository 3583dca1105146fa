"""Which files are images that a page can show."""

from __future__ import annotations

HEAD_BYTES = 1024
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)


def image_type(name: str, head: bytes) -> str:
    """The type of an image, told by its first bytes; "" for everything else."""
    if name.lower().endswith(".svg"):
        return "image/svg+xml" if b"<svg" in head or head.lstrip().startswith(b"<?xml") else ""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), "")
