"""Words that every part of the API is written with."""

from __future__ import annotations

from typing import Annotated

from ninja import Schema
from pydantic import AfterValidator, ConfigDict


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("contains a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("contains half of a character")
    return text


Text = Annotated[str, AfterValidator(_storable)]
"""Text that a database can store."""


class In(Schema):
    """A body: a field that is not known is a mistake, not ignored."""

    model_config = ConfigDict(extra="forbid")


class ErrorOut(Schema):
    """Why not."""

    detail: str
    field: str | None
    code: str


REFUSALS = dict.fromkeys((401, 403, 404, 422))
"""What any route may answer instead; `studio.api_errors` describes its body once for all."""
