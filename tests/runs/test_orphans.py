"""What a killed process held is free again at once; what a living one holds stays its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from runs.models import Attempt
from runs.services.lease import attempt_lease
from runs.services.orphans import leases_release
from runs.states import Status
from studio.lib.holder import holder_is_gone, holder_token
from tests.compute.records import make_run
from tests.studio_process import TOP

TELL = "from studio.lib.holder import holder_token; print(holder_token(), flush=True); input()"


@pytest.fixture
def holder() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process and a token that names it."""
    process = subprocess.Popen(
        [sys.executable, "-c", TELL],
        cwd=TOP,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def test_a_holder_is_gone_when_its_process_is(holder: tuple[subprocess.Popen[str], str]) -> None:
    process, token = holder
    assert not holder_is_gone(token)
    process.kill()
    process.wait()
    assert holder_is_gone(token)


def test_a_later_process_of_the_same_number_is_another() -> None:
    token = holder_token()
    assert not holder_is_gone(token)
    assert holder_is_gone(f"{token[:14]}{int(token[14:24], 16) + 1:010x}{token[24:]}")


@pytest.mark.parametrize("token", ["", "0123456789abcdef", "f" * 32])
def test_who_cannot_be_seen_is_not_called_gone(token: str) -> None:
    assert not holder_is_gone(token)


def test_only_the_dead_lose_their_leases(
    target: Any, holder: tuple[subprocess.Popen[str], str]
) -> None:
    process, token = holder
    until = timezone.now() + timedelta(minutes=1)
    alive, orphan = (
        Attempt.objects.create(run=make_run(target, status=Status.STARTING)) for _ in range(2)
    )
    Attempt.objects.filter(pk=orphan.pk).update(lease_token=token, lease_until=until)
    ComputeTarget.objects.filter(pk=target.pk).update(monitor_token=token, monitor_until=until)
    with attempt_lease(attempt_id=alive.pk) as mine:
        leases_release()
        with attempt_lease(attempt_id=orphan.pk) as theirs:
            assert (bool(mine), theirs) == (True, None)
        process.kill()
        process.wait()
        leases_release()
        target.refresh_from_db()
        assert target.monitor_until is None
        with (
            attempt_lease(attempt_id=orphan.pk) as theirs,
            attempt_lease(attempt_id=alive.pk) as other,
        ):
            assert theirs
            assert other is None
