"""What a run and its log files say."""

from __future__ import annotations

from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from runs.models import Run
from runs.selectors.files import run_streams
from runs.selectors.live import run_log_view
from runs.selectors.runs import run_bare, run_get
from runs.states import Status
from runs.stores import log_store
from runs.views.loganswers import (
    cluster_response,
    marks_response,
    search_response,
    states_response,
    tail_response,
)
from runs.views.logparts import DRAWN, LogPlace, log_context
from runs.views.run import run_frame
from studio.lib.downloads import attachment, ranged_response
from studio.lib.numbers import whole_number
from studio.lib.refusal import NotFound
from studio.pages import PageRequest, page

MAIN = "run.log"
PIECE_BYTES = 4 * 1024 * 1024


@page
def log(request: PageRequest, run_id: int) -> HttpResponse:
    """The end of a log, live while it grows, or the lines around the one that was asked for."""
    run = run_get(user=request.user, ref=str(run_id))
    place = _place(request, run)
    context = run_frame(request, run, "log") | {
        "streams": run_streams(run=run),
        "log_url": place.page_url,
        "is_live": not run.is_final,
    }
    context |= log_context(request, place, is_failed=run.status == Status.FAILED)
    return render(request, "runs/run_log.html", context)


@page
def raw(request: PageRequest, run_id: int) -> HttpResponseBase:
    """A log's bytes: all of them as a download, or from `offset` on."""
    place = _asked(request, run_id)
    return raw_log(request, place.key, name=f"run-{run_id}-{place.stream.replace('/', '-')}")


@page
def cluster(request: PageRequest, run_id: int, number: int) -> HttpResponse:
    """200 of its lines."""
    return cluster_response(request, _asked(request, run_id), number)


@page
def tail(request: PageRequest, run_id: int) -> HttpResponse:
    """Its end."""
    return tail_response(request, _asked(request, run_id))


@page
def search(request: PageRequest, run_id: int) -> HttpResponse:
    """Which of its lines match."""
    return search_response(request, _asked(request, run_id))


@page
def marks(request: PageRequest, run_id: int) -> HttpResponse:
    """What stands out in it."""
    return marks_response(_asked(request, run_id))


@page
def states(request: PageRequest, run_id: int, line: int) -> HttpResponse:
    """What a progress bar in it went through."""
    return states_response(request, _asked(request, run_id), line)


def _asked(request: PageRequest, run_id: int) -> LogPlace:
    """The log that the address of a part of it names."""
    return _place(request, run_bare(user=request.user, number=run_id))


def _place(request: HttpRequest, run: Run) -> LogPlace:
    """The log of a run that the address names."""
    stream = _asked_stream(request, run)
    view = run_log_view(run, stream)
    url = reverse("runs:log", args=[run.pk])
    return LogPlace(
        key=view.key,
        times=view.times,
        name=f"run/{run.pk}",
        stream=stream,
        url=url,
        page_url=url,
        query="" if stream == MAIN else f"stream={quote(stream, safe='')}",
        version=f"{view.attempt}.{DRAWN}",
    )


def _asked_stream(request: HttpRequest, run: Run) -> str:
    stream = request.GET.get("stream") or MAIN
    if stream != MAIN and stream not in {other.name for other in run_streams(run=run)}:
        raise NotFound(f"Run {run.pk} has no log '{stream}'.")
    return stream


def raw_log(request: PageRequest, key: str, *, name: str) -> HttpResponseBase:
    """The log under a key as a download, or a piece of it when the request names an `offset`."""
    store = log_store()
    sealed, size = store.sealed(key) is not None, store.size(key)
    start, count = 0, size
    offset = whole_number(request.GET.get("offset", ""))
    if offset is not None:
        start = min(offset, size)
        limit = whole_number(request.GET.get("limit", ""))
        count = min(PIECE_BYTES if limit is None else limit, PIECE_BYTES, size - start)
    response = ranged_response(request, lambda o, n: store.read(key, start + o, n), count)
    response["Content-Disposition"] = attachment(name)
    response["Runyard-Log-Size"] = str(size)
    response["Runyard-Log-Sealed"] = str(int(sealed))
    response["Cache-Control"] = "no-store"
    return response
