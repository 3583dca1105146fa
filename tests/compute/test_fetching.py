"""Who fetches the image of a target, and whose word counts; `tests/docker` fetches real ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from compute.fetching import fetches_due, image_fetch
from compute.models import ComputeTarget
from compute.pulling import Progress, PullFailed

ADDRESS = "unix:///run/docker.sock"


@pytest.fixture
def waiting(target: ComputeTarget) -> ComputeTarget:
    """A target that waits for its image."""
    config = {"address": ADDRESS, "image": "old:1"}
    rows = ComputeTarget.objects.filter(pk=target.pk)
    rows.update(kind="docker", config=config, image_fetch={"image": "old:1"})
    target.refresh_from_db()
    return target


def test_one_worker_fetches_however_many_are_asked(
    waiting: ComputeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def pull(engine: Any, reference: str, login: Any, *, listener: Any, platform: str) -> None:
        asked.append(reference)
        listener.progress(Progress({"a": (1_000_000, 2_000_000)}))
        waiting.refresh_from_db()
        assert waiting.fetching == "0 of 1 layers, 1.0 of 2.0 MB"
        assert fetches_due() == []
        image_fetch(target_id=waiting.pk)
        raise PullFailed("It is not given away.")

    monkeypatch.setattr("compute.pulling.pull", pull)
    image_fetch(target_id=waiting.pk)
    waiting.refresh_from_db()
    assert asked == ["old:1"]
    assert (waiting.health, waiting.is_fetching) == ("faulty", False)
    assert waiting.health_reason == "It is not given away. Then test it again."


def test_what_became_of_an_image_that_nobody_wants_any_more_is_not_told(
    waiting: ComputeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pull(engine: Any, reference: str, login: Any, *, listener: Any, platform: str) -> None:
        config = {"address": ADDRESS, "image": "new:1"}
        wanted = {"image": "new:1"}
        ComputeTarget.objects.update(config=config, image_fetch=wanted, image_fetch_at=None)
        listener.progress(Progress({"a": (1, 2)}))
        raise PullFailed("It is not given away.")

    monkeypatch.setattr("compute.pulling.pull", pull)
    image_fetch(target_id=waiting.pk)
    waiting.refresh_from_db()
    assert (waiting.image_fetch, waiting.health) == ({"image": "new:1"}, "unknown")
    assert fetches_due() == [waiting.pk]


def test_a_worker_that_is_silent_for_a_minute_is_replaced(waiting: ComputeTarget) -> None:
    for seconds, due in ((30, []), (90, [waiting.pk])):
        ComputeTarget.objects.update(image_fetch_at=timezone.now() - timedelta(seconds=seconds))
        assert fetches_due() == due
