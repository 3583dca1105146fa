"""What is kept of a secret that somebody else holds."""

from __future__ import annotations

import hashlib


def digest_of(secret: str) -> str:
    """The SHA-256 by which a long random secret is found again and cannot be read."""
    return hashlib.sha256(secret.encode()).hexdigest()
