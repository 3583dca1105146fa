"""Addresses of lists of runs."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlencode

from django.urls import reverse

from runs.query import term_text


def list_url(query: str = "", **more: object) -> str:
    """The list of the runs that a query asks for; `more` is what else stands in the address."""
    words = {"q": query, **more}
    text = urlencode({name: value for name, value in words.items() if value})
    return reverse("runs:list") + (f"?{text}" if text else "")


@lru_cache(maxsize=4096)
def run_url(number: int) -> str:
    """The page of a run."""
    return reverse("runs:detail", args=[number])


@lru_cache(maxsize=1024)
def runs_url(field: str, value: str) -> str:
    """The list of the runs with this value of a field, whatever characters it has."""
    return list_url(term_text(field, value))


def tag_url(name: str, value: str = "") -> str:
    """The list of the runs that have this tag."""
    return runs_url("tag", f"{name}={value}" if value else name)
