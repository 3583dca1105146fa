"""What a page says once about what was just done, with the way back when there is one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest


def toast(
    request: HttpRequest,
    sentence: str,
    *,
    undo_url: str = "",
    fields: Iterable[tuple[str, str | int]] = (),
) -> None:
    """Say a sentence on the next page; with `undo_url`, a button beside it posts `fields` there."""
    undo = {"url": undo_url, "fields": list(fields)} if undo_url else None
    messages.success(request, sentence, extra_tags=json.dumps(undo) if undo else "")


def undo_of(message: Message) -> dict[str, Any] | None:
    """Where the undo button of a message posts to, and what: {"url", "fields": [(name, value)]}."""
    tags = message.extra_tags or ""
    return json.loads(tags) if tags.startswith("{") else None
