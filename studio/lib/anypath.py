"""Addresses that end in the path of a file of a user: whatever its name is, a line break too."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import PathConverter

_NAME = "anypath"


class AnyPath(PathConverter):
    """Any text at all: Django's own `path` knows no line breaks."""

    regex = "(?s:.+)"


register_converter(AnyPath, _NAME)

PAGE_PATH = f"<{_NAME}:path>"
"""The end of an address of a page."""


def api_path(name: str) -> str:
    """The end of an address of the API, of which `name` is the argument."""
    return f"{{{_NAME}:{name}}}"
