"""What a run measured, and what happened to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from channels.db import database_sync_to_async
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Router, Schema

from runs.api.runs import run_of
from runs.api.schemas import last_value, number
from runs.metrics import unpack
from runs.models import MetricChunk, MetricSeries
from runs.selectors.files import run_samples
from runs.selectors.runs import run_events, run_metrics
from studio.api_types import REFUSALS, Text
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
    max: Number
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
            max=number(series.maximum),
            count=series.count,
        )
        for name, series in found.items()
    }


@router.get(
    "/{ref}/metrics/{path:name}", response={200: list[PointOut], **REFUSALS}, summary="List points"
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
    read = database_sync_to_async(_chunk, thread_sensitive=False)
    index, before = 0, "["
    while (found := await read(series.pk, index)) is not None:
        for start in range(0, len(found), _POINTS_A_PIECE):
            piece = found[start : start + _POINTS_A_PIECE]
            yield before + ",".join(map(_point, piece))
            before = ","
        index += 1
    yield "]" if before == "," else "[]"


def _chunk(series_id: int, index: int) -> list[tuple[float, float, float]] | None:
    found = MetricChunk.objects.filter(series_id=series_id, index=index).first()
    return None if found is None else list(unpack(bytes(found.points)))


def _point(point: tuple[float, float, float]) -> str:
    names = ("step", "time", "value")
    return json.dumps({n: number(v) for n, v in zip(names, point, strict=True)})


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
