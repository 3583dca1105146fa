"""Secrets at rest: encrypted with the instance's key, never shown again."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


@lru_cache(maxsize=8)
def _fernet(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"vault:{key}".encode()).digest()))


def _readers(keys: Sequence[str]) -> MultiFernet:
    return MultiFernet([_fernet(key) for key in keys])


def encrypt(text: str) -> str:
    """The text in a form that only this instance can read."""
    return _fernet(settings.SECRET_KEY).encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """The text that was encrypted here, with the present key or an earlier one that is kept.

    Raises:
        ValueError: it was encrypted with another key.
    """
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    try:
        return _readers(keys).decrypt(text.encode()).decode()
    except InvalidToken as error:
        message = "a stored secret was encrypted with another key: restore RUNYARD_SECRET_KEY"
        raise ValueError(message) from error


def renewed(text: str, *, keys: Sequence[str]) -> str:
    """The ciphertext for the first of the keys, whichever of them it was made with.

    What is for the first key already stays as it is, so doing it twice costs nothing.

    Raises:
        ValueError: none of the keys can read it.
    """
    try:
        _fernet(keys[0]).decrypt(text.encode())
    except InvalidToken:
        pass
    else:
        return text
    try:
        return _readers(keys).rotate(text.encode()).decode()
    except InvalidToken as error:
        message = "none of the keys can read it"
        raise ValueError(message) from error
