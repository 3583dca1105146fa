"""Metrics on their way from the file of an attempt into the database."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from compute.models import ComputeTarget
from runs.metrics import CHUNK_POINTS, unpack
from runs.models import Attempt, Run
from runs.services.metrics import metrics_ingest
from runs.states import Status
from runs.stores import log_store
from tests.compute.records import make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(target: ComputeTarget) -> Callable[..., Run]:
    """Writes (name, value) lines to the metrics of one run, and has them ingested."""
    run = make_run(target, status=Status.RUNNING)
    attempt = Attempt.objects.create(run=run, number=1, folder="t")
    key = f"run/{run.pk}/1/metrics.jsonl"

    def write(*points: tuple[str, float | str]) -> Run:
        lines = [json.dumps({"n": name, "v": value, "t": 1.5}) + "\n" for name, value in points]
        log_store().append(key, log_store().size(key), "".join(lines).encode())
        metrics_ingest(attempt_id=attempt.pk)
        return run

    return write


def test_a_thousand_names_take_a_few_statements(
    log: Callable[..., Run], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(60):  # it was five for each of them
        run = log(*((f"m{n}", n) for n in range(1200)))
    assert run.series.count() == 1200
    with django_assert_max_num_queries(60):
        log(*((f"m{n}", 5) for n in range(1200)))
    assert set(run.series.values_list("count", "last")) == {(2, 5.0)}


def test_series_grow_piece_by_piece_across_chunks(log: Callable[..., Run]) -> None:
    for start, end in ((0, 3), (3, CHUNK_POINTS), (CHUNK_POINTS, 2 * CHUNK_POINTS + 2)):
        run = log(("word", "a"), *(("loss", n) for n in range(start, end)), ("other", 1.0))
    loss = run.series.get(name="loss")
    chunks = [unpack(bytes(chunk.points)) for chunk in loss.chunks.all()]
    assert [len(points) for points in chunks] == [CHUNK_POINTS, CHUNK_POINTS, 2]
    values = [value for points in chunks for _, _, value in points]
    assert values == [float(n) for n in range(2 * CHUNK_POINTS + 2)]
    assert (loss.count, loss.minimum, loss.maximum) == (len(values), 0, len(values) - 1)
    assert len(unpack(bytes(run.series.get(name="other").chunks.get().points))) == 3
    word = run.series.get(name="word")
    assert (word.count, word.text, word.chunks.count()) == (0, "a", 0)
