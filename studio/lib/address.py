"""Where people find this studio, for messages that are written without a request."""

from __future__ import annotations

import socket

from django.conf import settings


def studio_url(path: str) -> str:
    """The address of a page; without RUNYARD_PUBLIC_URL, that of the listening process."""
    if settings.PUBLIC_URL:
        return f"{settings.PUBLIC_URL}{path}"
    host = settings.HOST
    if host in {"0.0.0.0", "::"}:  # noqa: S104  (read, not bound)
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}{path}"
