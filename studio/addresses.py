"""Addresses of ours that are handed to people."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse


def login_url(request: HttpRequest, secret: str) -> str:
    """A sign-in link under the studio's public address, else under the one that was called."""
    base = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    return f"{base}{reverse('studio:login_link', args=[secret])}"
