"""Secrets at rest: encrypted with the instance's key, never shown again."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


@lru_cache(maxsize=1)
def _fernet(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"vault:{key}".encode()).digest()))


def encrypt(text: str) -> str:
    """The text in a form that only this instance can read."""
    return _fernet(settings.SECRET_KEY).encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """The text that was encrypted here.

    Raises:
        ValueError: it was encrypted with another key.
    """
    try:
        return _fernet(settings.SECRET_KEY).decrypt(text.encode()).decode()
    except InvalidToken as error:
        message = "a stored secret was encrypted with another key: restore RUNYARD_SECRET_KEY"
        raise ValueError(message) from error
