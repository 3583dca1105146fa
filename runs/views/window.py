"""What a chart asks for: a part of its axis, and how many columns it has; answers that are kept."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse

from runs.series import Window
from studio.lib.refusal import Refused
from studio.pages import PageRequest

_COLUMNS = (16, 8192)


def asked_window(request: PageRequest) -> Window:
    """What `from`, `to`, `px` and `log` say."""
    low, high = _COLUMNS
    return Window(
        columns=min(high, max(low, int(_number(request, "px", 1200)))),
        start=_number(request, "from", -math.inf),
        end=_number(request, "to", math.inf),
        is_log=request.GET.get("log") == "1",
    )


def _number(request: PageRequest, name: str, default: float) -> float:
    text = request.GET.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Refused(f"'{text}' is no number for '{name}'.", field=name)
    return value


def kept_answer(
    request: PageRequest, version: str, make: Callable[[], Mapping[str, Any]]
) -> HttpResponse:
    """JSON that a browser asks for again, and gets again only when the version is another."""
    asked = f"{request.get_full_path()} {version}"
    tag = f'W/"{hashlib.sha256(asked.encode()).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    body = json.dumps(make(), separators=(",", ":"), allow_nan=False).encode()
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding, Cookie"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        # digits of measurements: the lowest level is seven times as fast and hardly larger
        body = gzip.compress(body, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    return HttpResponse(body, content_type="application/json", headers=headers)
