"""From the metrics file of an attempt to series in the database, each point exactly once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from runs.metrics import CHUNK_POINTS, Point, Summary, pack, parse
from runs.models import Attempt, MetricChunk, MetricSeries
from runs.services.move import run_changed
from runs.stores import log_store

_PIECE_BYTES = 1 << 20
_NAMES_A_PIECE = 2000
_NAMES_AT_ONCE = 500
_SUMMARY = [part.name for part in fields(Summary)]


def metrics_ingest(*, attempt_id: int) -> int:
    """Read what the metrics file has gained since the last time: the number of new points.

    The cursor moves in the same transaction as the points, and only from where it was
    read, so two monitors that both try leave each point once.
    """
    total = 0
    while True:
        taken, points = _ingest_piece(attempt_id)
        total += points
        if not taken:
            return total


def _ingest_piece(attempt_id: int) -> tuple[int, int]:
    attempt = Attempt.objects.get(pk=attempt_id)
    start = attempt.metrics_offset
    data = log_store().read(f"{attempt.task}/metrics.jsonl", start, _PIECE_BYTES)
    whole = data[: data.rfind(b"\n") + 1]
    if not whole and len(data) == _PIECE_BYTES:
        whole = data  # a line longer than a piece is no metric: step over it
    if not whole:
        return 0, 0
    whole, points = _writable(whole)
    with transaction.atomic():
        moved = Attempt.objects.filter(pk=attempt_id, metrics_offset=start).update(
            metrics_offset=start + len(whole)
        )
        if not moved:
            return 0, 0
        names = list(points)
        for at in range(0, len(names), _NAMES_AT_ONCE):
            _extend(attempt.run_id, {n: points[n] for n in names[at : at + _NAMES_AT_ONCE]})
        if points:
            run_changed(run_id=attempt.run_id)
    return len(whole), sum(map(len, points.values()))


def _writable(lines: bytes) -> tuple[bytes, dict[str, list[Point]]]:
    """The first of these lines, as many as are written in a moment, and their points by name.

    A script may have a hundred thousand names, and while they are written nobody else writes.
    """
    while True:
        by_name: dict[str, list[Point]] = defaultdict(list)
        for point in parse(lines).points:
            by_name[point.name].append(point)
        half = lines.rfind(b"\n", 0, len(lines) // 2) + 1
        if len(by_name) <= _NAMES_A_PIECE or not half:
            return lines, by_name
        lines = lines[:half]


def _extend(run_id: int, points: Mapping[str, Sequence[Point]]) -> None:
    """Fold new points into series, their summaries and chunks, in as few statements as it takes."""
    rows = MetricSeries.objects.filter(run_id=run_id, name__in=points)
    last = MetricChunk.objects.filter(series__in=rows, index=F("series__count") / CHUNK_POINTS)
    begun = {chunk.series_id: bytes(chunk.points) for chunk in last}
    known = {series.name: series for series in rows}
    grown = [known.get(name) or MetricSeries(run_id=run_id, name=name) for name in points]
    starts = [series.count for series in grown]
    for series in grown:
        _fold(series, points[series.name])
    MetricSeries.objects.bulk_create(
        grown,
        update_conflicts=True,
        unique_fields=["run", "name"],
        update_fields=[*_SUMMARY, "updated_at"],
    )
    chunks = [
        chunk
        for series, start in zip(grown, starts, strict=True)
        for chunk in _chunks(series, start, points[series.name], begun.get(series.pk, b""))
    ]
    MetricChunk.objects.bulk_create(
        chunks,
        update_conflicts=True,
        unique_fields=["series", "index"],
        update_fields=["points"],
    )


def _fold(series: MetricSeries, points: Sequence[Point]) -> None:
    before = Summary(**{part: getattr(series, part) for part in _SUMMARY})
    for part, value in asdict(before.fold(points)).items():
        setattr(series, part, value)
    series.updated_at = timezone.now()


def _chunks(
    series: MetricSeries, start: int, points: Sequence[Point], begun: bytes
) -> Iterator[MetricChunk]:
    """The chunks that these points fill, the first of them after what `begun` has already."""
    rest = [point for point in points if isinstance(point.value, float)]
    at = start
    while rest:
        index, filled = divmod(at, CHUNK_POINTS)
        taken, rest = rest[: CHUNK_POINTS - filled], rest[CHUNK_POINTS - filled :]
        packed = pack(taken, first_index=at)
        yield MetricChunk(series=series, index=index, points=begun + packed if filled else packed)
        at += len(taken)
