"""What a run measured: charts, the table that says the same, and all points to take away."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import AsyncIterator
from typing import get_args

from channels.db import database_sync_to_async
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header

from runs.selectors.runs import run_bare, run_get, run_metrics
from runs.selectors.series import (
    MAX_NAMES,
    Axis,
    SeriesWish,
    run_origin,
    series_cuts,
    series_points,
    series_version,
)
from runs.series import Seen
from runs.views.run import panel_of, run_frame
from runs.views.window import asked_window, kept_answer
from studio.lib.refusal import Refused
from studio.pages import PageRequest, page

_Point = tuple[float, float, float]


@page
def metrics(request: PageRequest, run_id: int) -> HttpResponse:
    """Its charts and their table."""
    run = run_get(user=request.user, ref=str(run_id))
    context = run_frame(request, run, "metrics") | panel_of(run, "metrics")
    return render(request, "runs/run_metrics.html", context)


@page
def series(request: PageRequest, run_id: int) -> HttpResponse:
    """Series as charts show them; the answer is kept until there are more points."""
    run = run_bare(user=request.user, number=run_id)
    wish = _wish(request)
    version = f"{run_origin(run=run)} {series_version(run=run, names=wish.names)}"
    return kept_answer(
        request,
        version,
        lambda: {"origin": run_origin(run=run), "series": series_cuts(run=run, wish=wish)},
    )


def _wish(request: PageRequest) -> SeriesWish:
    names = request.GET.getlist("keys")
    if not 0 < len(names) <= MAX_NAMES:
        raise Refused(f"Name 1 to {MAX_NAMES} metrics in 'keys', not {len(names)}.", field="keys")
    axis = request.GET.get("x", "step")
    if axis not in get_args(Axis):
        known = ", ".join(get_args(Axis))
        raise Refused(f"'{axis}' is no axis: choose from {known}.", field="x")
    seen = [_seen(text) for text in request.GET.getlist("have")]
    if seen and len(seen) != len(names):
        raise Refused("Say 'have' for each of the 'keys', or for none.", field="have")
    return SeriesWish(names, axis, asked_window(request), seen)  # type: ignore[arg-type]  # it was just checked


def _seen(text: str) -> Seen:
    """What "count,width,first,last" says that a page has."""
    try:
        count, width, first, last = map(float, text.split(","))
    except ValueError:
        count = width = first = last = math.nan
    if not (count >= 1 and width >= 0 and math.isfinite(count + width + first + last)):
        sentence = f"'{text}' does not say what a chart has: count,width,first,last."
        raise Refused(sentence, field="have")
    return Seen(int(count), width, first, last)


@page
def export(request: PageRequest, run_id: int) -> HttpResponseBase:
    """Every point of the named metrics, or of all, as CSV or JSON: nothing is left out."""
    run = run_get(user=request.user, ref=str(run_id))
    known = run_metrics(run=run)
    names = request.GET.getlist("keys") or list(known)
    wanted = {name: known[name].pk for name in names if name in known}
    if len(wanted) < len(names):
        missing = next(name for name in names if name not in known)
        raise Refused(f"Run {run.pk} has no metric '{missing}'.", field="keys")
    is_json = request.GET.get("format") == "json"
    kind, stream = ("json", _json(wanted)) if is_json else ("csv", _csv(wanted))
    content_type = "application/json" if is_json else "text/csv; charset=utf-8"
    disposition = content_disposition_header(
        as_attachment=True, filename=f"run-{run.pk}-metrics.{kind}"
    )
    headers = {"Content-Disposition": disposition or "attachment", "Cache-Control": "no-store"}
    return StreamingHttpResponse(stream, content_type=content_type, headers=headers)


async def _csv(wanted: dict[str, int]) -> AsyncIterator[str]:
    yield "name,step,time,value\r\n"
    for name, pk in wanted.items():
        async for points in _pieces(pk):
            text = io.StringIO()
            csv.writer(text).writerows((name, *map(_plain, point)) for point in points)
            yield text.getvalue()


async def _json(wanted: dict[str, int]) -> AsyncIterator[str]:
    """{name: [[step, time, value]]}; values that are not finite are named."""
    before = "{"
    for name, pk in wanted.items():
        yield f"{before}{json.dumps(name)}:["
        comma = ""
        async for points in _pieces(pk):
            yield comma + ",".join(json.dumps([*map(_plain, point)]) for point in points)
            comma = ","
        yield "]"
        before = ","
    yield "}" if wanted else "{}"


async def _pieces(pk: int) -> AsyncIterator[list[_Point]]:
    """The points of a series, one chunk at a time."""
    read = database_sync_to_async(series_points, thread_sensitive=False)
    index = 0
    while (found := await read(series_id=pk, index=index)) is not None:
        yield found
        index += 1


def _plain(value: float) -> float | int | str:
    """Whole numbers without a point, and NaN and the infinities by name."""
    if not math.isfinite(value):
        return str(value)
    return int(value) if value == int(value) and abs(value) < 2**53 else value
