"""What a run measured, and what happened to it."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from channels.db import database_sync_to_async
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Field, Query, Router, Schema

from runs.api.runs import run_of
from runs.api.schemas import last_value, number
from runs.models import MetricSeries
from runs.selectors.files import run_samples
from runs.selectors.runs import run_events, run_metrics
from runs.selectors.series import (
    MAX_NAMES,
    Axis,
    SeriesWish,
    run_origin,
    series_cuts,
    series_points,
)
from runs.series import Window
from studio.api_types import REFUSALS, Text
from studio.lib.anypath import api_path
from studio.lib.refusal import NotFound

router = Router(tags=["metrics"])

_POINTS_A_PIECE = 1024

Number = float | str | None
"""A number, or NaN, inf and -inf by name."""


class SeriesOut(Schema):
    """The running summary of one series."""

    last: Number
    last_step: Number
    min: Number
    min_step: Number
    max: Number
    max_step: Number
    count: int


class PointOut(Schema):
    """One value of a series."""

    step: Number
    time: Number
    value: Number


class EventOut(Schema):
    """Something that happened to a run."""

    at: datetime
    kind: str
    old_status: str
    new_status: str
    text: str
    user: str | None


@router.get(
    "/{ref}/metrics", response={200: dict[str, SeriesOut], **REFUSALS}, summary="List metrics"
)
def metrics(request: HttpRequest, ref: Text) -> dict[str, SeriesOut]:
    """The summary of each series, by name."""
    found = run_metrics(run=run_of(request, ref))
    return {
        name: SeriesOut(
            last=last_value(series),
            last_step=number(series.last_step),
            min=number(series.minimum),
            min_step=number(series.minimum_step),
            max=number(series.maximum),
            max_step=number(series.maximum_step),
            count=series.count,
        )
        for name, series in found.items()
    }


@router.get(
    "/{ref}/metrics/" + api_path("name"),
    response={200: list[PointOut], **REFUSALS},
    summary="List points",
)
def points(request: HttpRequest, ref: Text, name: Text) -> StreamingHttpResponse:
    """Every point of a series, in the order in which they were logged."""
    run = run_of(request, ref)
    series = run_metrics(run=run).get(name)
    if series is None:
        known = ", ".join(run_metrics(run=run)) or "none yet"
        raise NotFound(f"Run {run.pk} has no metric '{name}': it has {known}.")
    return StreamingHttpResponse(_points(series), content_type="application/json")


async def _points(series: MetricSeries) -> AsyncIterator[str]:
    """The points as JSON, one chunk of the series at a time: millions never stand in memory."""
    read = database_sync_to_async(series_points, thread_sensitive=False)
    index, before = 0, "["
    while (found := await read(series_id=series.pk, index=index)) is not None:
        for start in range(0, len(found), _POINTS_A_PIECE):
            piece = found[start : start + _POINTS_A_PIECE]
            yield before + ",".join(map(_point, piece))
            before = ","
        index += 1
    yield "]" if before == "," else "[]"


def _point(point: tuple[float, float, float]) -> str:
    names = ("step", "time", "value")
    return json.dumps({n: number(v) for n, v in zip(names, point, strict=True)})


class SeriesQuery(Schema):
    """What of which series, over what: see the fields of the answer."""

    keys: list[Text] = Field(min_length=1, max_length=MAX_NAMES)
    x: Axis = "step"
    start: float | None = Field(None, alias="from", allow_inf_nan=False)
    end: float | None = Field(None, alias="to", allow_inf_nan=False)
    px: int = Field(1200, ge=16, le=8192)


class CutOut(Schema):
    """A series in at most `px` buckets, or each of its points when they are at most twice as many.

    All lists are of one length; null stands where there is no finite number.
    """

    count: int
    width: float
    """Of a bucket; 0: each point, of which `last` is the value, and no min, max and mean."""
    x: list[float]
    last: list[float | None]
    min: list[float | None] | None = None
    max: list[float | None] | None = None
    mean: list[float | None] | None = None
    odd: list[float]
    """Where values are not finite."""
    odd_count: int


class SeriesAnswer(Schema):
    """What a chart shows."""

    origin: float
    """The moment from which relative times are counted."""
    series: dict[str, CutOut]


@router.get("/{ref}/series", response={200: SeriesAnswer, **REFUSALS}, summary="Draw series")
def series(request: HttpRequest, ref: Text, query: Query[SeriesQuery]) -> dict[str, Any]:
    """Series as a chart of `px` columns shows them: the part of the axis between `from` and `to`,
    cut into buckets of fixed borders. For every point there is "List points".
    """
    run = run_of(request, ref)
    start = -math.inf if query.start is None else query.start
    end = math.inf if query.end is None else query.end
    window = Window(query.px, start, end)
    wish = SeriesWish(query.keys, query.x, window)
    return {"origin": run_origin(run=run), "series": series_cuts(run=run, wish=wish)}


@router.get("/{ref}/events", response={200: list[EventOut], **REFUSALS}, summary="List events")
def events(request: HttpRequest, ref: Text) -> list[EventOut]:
    """The run's history, oldest first."""
    return [
        EventOut(
            at=event.at,
            kind=event.kind,
            old_status=event.old_status,
            new_status=event.new_status,
            text=event.text,
            user=event.user.username if event.user else None,
        )
        for event in run_events(run=run_of(request, ref))
    ]


@router.get(
    "/{ref}/samples", response={200: list[dict[str, Any]], **REFUSALS}, summary="List samples"
)
def samples(request: HttpRequest, ref: Text) -> list[dict[str, Any]]:
    """Resource use of the run's processes over time."""
    return run_samples(run=run_of(request, ref))
