"""What a run and its log files say."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import content_disposition_header

from runs.models import Run
from runs.selectors.files import Stream, run_streams
from runs.selectors.live import run_log_view
from runs.selectors.runs import run_get
from runs.stores import log_store
from runs.views.logparts import log_part, log_tail
from runs.views.run import run_frame
from studio.lib.downloads import ranged_response
from studio.lib.refusal import NotFound
from studio.pages import PageRequest, page

MAIN = "run.log"
PIECE_BYTES = 4 * 1024 * 1024


@page
def log(request: PageRequest, run_id: int) -> HttpResponse:
    """The end of a log, live while it grows; with `from`, a part of it that stands still."""
    run = run_get(user=request.user, ref=str(run_id))
    streams = run_streams(run=run)
    stream = _asked_stream(request, run, streams)
    key = run_log_view(run, stream).key
    first = asked_line(request)
    log_url = reverse("runs:log", args=[run.pk])
    query = "" if stream == MAIN else f"stream={quote(stream, safe='')}"
    context = run_frame(request, run, "log") | {
        "stream": stream,
        "log_url": log_url,
        "page_url": f"{log_url}?{query}&" if query else f"{log_url}?",
        "raw_url": f"{reverse('runs:log_raw', args=[run.pk])}{'?' if query else ''}{query}",
        "streams": streams,
        "part": log_part(key, first=first) if first else log_tail(key),
        "is_part": bool(first),
        "is_live": not run.is_final,
        "log_name": f"run/{run.pk}",
    }
    return render(request, "runs/run_log.html", context)


@page
def raw(request: PageRequest, run_id: int) -> HttpResponseBase:
    """A log's bytes: all of them as a download, or from `offset` on."""
    run = run_get(user=request.user, ref=str(run_id))
    stream = _asked_stream(request, run, run_streams(run=run))
    key = run_log_view(run, stream).key
    return raw_log(request, key, name=f"run-{run.pk}-{stream.replace('/', '-')}")


def _asked_stream(request: PageRequest, run: Run, known: Iterable[Stream]) -> str:
    stream = request.GET.get("stream") or MAIN
    if stream != MAIN and stream not in {other.name for other in known}:
        raise NotFound(f"Run {run.pk} has no log '{stream}'.")
    return stream


def raw_log(request: PageRequest, key: str, *, name: str) -> HttpResponseBase:
    """The log under a key as a download, or a piece of it when the request names an `offset`."""
    store = log_store()
    sealed, size = store.sealed(key) is not None, store.size(key)
    start, count = 0, size
    asked = request.GET.get("offset", "")
    if asked.isdigit():
        start = min(int(asked), size)
        limit = request.GET.get("limit", "")
        count = min(int(limit) if limit.isdigit() else PIECE_BYTES, PIECE_BYTES, size - start)
    response = ranged_response(request, lambda o, n: store.read(key, start + o, n), count)
    disposition = content_disposition_header(as_attachment=True, filename=name)
    response["Content-Disposition"] = disposition or "attachment"
    response["Runyard-Log-Size"] = str(size)
    response["Runyard-Log-Sealed"] = str(int(sealed))
    response["Cache-Control"] = "no-store"
    return response


def asked_line(request: PageRequest) -> int:
    """The line from which on the log is to be shown; 0 for its end."""
    text = request.GET.get("from", "")
    return int(text) if text.isdigit() and len(text) < 16 else 0
