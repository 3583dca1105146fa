"""Runs on a target whose engine lacks the target's image: they wait while it is fetched."""

from __future__ import annotations

import pytest

from compute.models import ComputeTarget
from compute.transports.base import ImageMissing
from runs.models import Run
from runs.services.dispatch import target_dispatch
from tests.api.conftest import digest, make_run, run  # noqa: F401
from tests.runs.test_paused_targets import sentence, watched  # noqa: F401

IMAGE = "python:3.12"


@pytest.fixture
def lacking(target: ComputeTarget, monkeypatch: pytest.MonkeyPatch) -> ComputeTarget:
    """A target that answers, and has no image to execute in."""
    config = {"address": "unix:///run/docker.sock", "image": IMAGE}
    ComputeTarget.objects.filter(pk=target.pk).update(kind="docker", config=config)

    def refuse(place: object) -> None:
        raise ImageMissing(f"There is no image '{IMAGE}' on the engine.", IMAGE)

    monkeypatch.setattr("runs.services.dispatch.session_for", refuse)
    return target


def test_a_run_waits_while_the_image_is_fetched(lacking: ComputeTarget, run: Run) -> None:  # noqa: F811
    target_dispatch(target_id=lacking.pk)
    run.refresh_from_db()
    lacking.refresh_from_db()
    assert (run.status, lacking.is_fetching) == ("preparing", True)
    assert sentence(run) == f"The image {IMAGE} is being fetched for local: about to begin."


def test_a_run_fails_with_the_reason_when_it_cannot_be_had(
    lacking: ComputeTarget,
    run: Run,  # noqa: F811
) -> None:
    told = {"image": IMAGE, "error": f"There is no image {IMAGE} in docker.io."}
    ComputeTarget.objects.update(image_fetch=told)
    target_dispatch(target_id=lacking.pk)
    run.refresh_from_db()
    assert run.status == "failed"
    assert run.error == told["error"]
