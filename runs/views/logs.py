"""What a run and its log files say."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render

from runs.selectors.files import run_streams
from runs.selectors.live import run_log_view
from runs.selectors.runs import run_get
from runs.views.logparts import log_part, log_tail
from runs.views.run import run_frame
from runs.views.streams import log_download, log_piece
from studio.pages import PageRequest, page

MAIN = "run.log"
PIECE_BYTES = 4 * 1024 * 1024


@page
def log(request: PageRequest, run_id: int) -> HttpResponse:
    """The end of a log, live while it grows; with `from`, a part of it that stands still."""
    run = run_get(user=request.user, ref=str(run_id))
    stream = request.GET.get("stream") or MAIN
    view = run_log_view(run, stream)
    first = asked_line(request)
    context = run_frame(request, run, "log") | {
        "stream": stream,
        "streams": run_streams(run=run),
        "part": log_part(view.key, first=first) if first else log_tail(view.key),
        "is_part": bool(first),
        "log_name": f"run/{run.pk}",
    }
    return render(request, "runs/run_log.html", context)


@page
def raw(request: PageRequest, run_id: int) -> HttpResponseBase:
    """A log's bytes: all of them as a download, or from `offset` on."""
    run = run_get(user=request.user, ref=str(run_id))
    stream = request.GET.get("stream") or MAIN
    view = run_log_view(run, stream)
    return raw_log(request, view.key, name=f"run-{run.pk}-{stream.replace('/', '-')}")


def raw_log(request: PageRequest, key: str, *, name: str) -> HttpResponseBase:
    """The log under a key, whole or in part, as the request asks."""
    offset = request.GET.get("offset", "")
    if not offset.isdigit():
        return log_download(key, name=name)
    limit = request.GET.get("limit", "")
    wanted = int(limit) if limit.isdigit() else PIECE_BYTES
    return log_piece(key, offset=int(offset), limit=min(wanted, PIECE_BYTES))


def asked_line(request: PageRequest) -> int:
    """The line from which on the log is to be shown; 0 for its end."""
    text = request.GET.get("from", "")
    return int(text) if text.isdigit() and len(text) < 16 else 0
