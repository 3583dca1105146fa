"""Sizes as the docker command writes them."""

from __future__ import annotations

import re


def size_bytes(text: str) -> int:
    """A size as the docker command reads it: 512m, 8g, 1.5G, or bytes.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)([kmgt]?)(?:i?b)?", text.strip().lower())
    if found is None:
        raise ValueError(text)
    return int(float(found[1]) * 1024 ** "_kmgt".index(found[2] or "_"))
