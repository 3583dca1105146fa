"""From the metrics file of an attempt to series in the database, each point exactly once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, fields

from django.db import transaction
from django.utils import timezone

from runs.metrics import CHUNK_POINTS, Point, Summary, pack, parse
from runs.models import Attempt, MetricChunk, MetricSeries
from runs.services.move import run_changed
from runs.stores import log_store

_PIECE_BYTES = 1 << 20


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


@transaction.atomic
def _ingest_piece(attempt_id: int) -> tuple[int, int]:
    attempt = Attempt.objects.select_for_update().get(pk=attempt_id)
    start = attempt.metrics_offset
    data = log_store().read(f"{attempt.task}/metrics.jsonl", start, _PIECE_BYTES)
    whole = data[: data.rfind(b"\n") + 1]
    if not whole and len(data) == _PIECE_BYTES:
        whole = data  # a line longer than a piece is no metric: step over it
    if not whole:
        return 0, 0
    moved = Attempt.objects.filter(pk=attempt_id, metrics_offset=start).update(
        metrics_offset=start + len(whole)
    )
    if not moved:
        return 0, 0
    points = parse(whole).points
    by_name: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        by_name[point.name].append(point)
    for name, new in by_name.items():
        _extend(attempt.run_id, name, new)
    if points:
        run_changed(run_id=attempt.run_id)
    return len(whole), len(points)


def _extend(run_id: int, name: str, points: Sequence[Point]) -> None:
    """Fold new points into a series: its summary and its chunks."""
    series, _ = MetricSeries.objects.get_or_create(run_id=run_id, name=name)
    start = series.count
    known = Summary(**{part.name: getattr(series, part.name) for part in fields(Summary)})
    for part, value in asdict(known.fold(points)).items():
        setattr(series, part, value)
    _append_chunks(series, start, [p for p in points if isinstance(p.value, float)])
    series.updated_at = timezone.now()
    series.save()


def _append_chunks(series: MetricSeries, start: int, points: Sequence[Point]) -> None:
    at = start
    rest = list(points)
    while rest:
        index, filled = divmod(at, CHUNK_POINTS)
        taken, rest = rest[: CHUNK_POINTS - filled], rest[CHUNK_POINTS - filled :]
        packed = pack(taken, first_index=at)
        chunk, made = MetricChunk.objects.get_or_create(
            series=series, index=index, defaults={"points": packed}
        )
        if not made:
            chunk.points = bytes(chunk.points) + packed
            chunk.save(update_fields=["points"])
        at += len(taken)
