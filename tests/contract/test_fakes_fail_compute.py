"""A transport or launcher that breaks one promise fails exactly the test of that promise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from compute.launchers.base import Launcher
from compute.launchers.process import ProcessLauncher
from compute.session import Session
from compute.transports.base import TargetUnreachable, Transport
from compute.transports.local import LocalTransport, own_python
from tests import doubles
from tests.compute.places import place_under
from tests.contract.launcher import LauncherContract
from tests.contract.transport import TransportContract

SPOILED = (AssertionError, TargetUnreachable, ValueError, pytest.fail.Exception)


@pytest.mark.parametrize(
    ("fake", "promise"),
    [
        (doubles.LossyTransport, "test_bytes_come_back_as_they_were_sent"),
        (doubles.ShellTransport, "test_words_arrive_as_they_are"),
        (doubles.MuteTransport, "test_an_early_end_is_told_with_the_last_line_of_standard_error"),
        (doubles.PatientTransport, "test_silence_ends_a_read_in_time"),
    ],
)
def test_a_transport_that_breaks_a_promise_fails_its_suite(
    fake: Callable[[Transport], Transport], promise: str
) -> None:
    broken = getattr(TransportContract(), promise)
    broken(LocalTransport(), own_python())
    with pytest.raises(SPOILED):
        broken(fake(LocalTransport()), own_python())


def test_a_transport_that_leaves_channels_open_fails_its_suite() -> None:
    leaky = doubles.LeakyTransport(LocalTransport())
    try:
        with pytest.raises(SPOILED):
            TransportContract().test_nothing_can_be_read_or_written_after_close(leaky, own_python())
    finally:
        leaky.drop()


def test_a_transport_that_calls_the_impossible_unreachable_fails_its_suite(
    tmp_path: Path,
) -> None:
    vague = doubles.VagueTransport(LocalTransport())
    with pytest.raises(SPOILED):
        TransportContract().test_a_command_that_does_not_exist_is_refused_not_retried(
            vague, tmp_path
        )


@pytest.mark.parametrize(
    ("fake", "promise"),
    [
        (doubles.DeadLauncher, "test_alive_until_the_end_and_not_after_it"),
        (doubles.SlowLauncher, "test_stop_does_not_wait_for_the_end"),
        (doubles.LyingLauncher, "test_alive_until_the_end_and_not_after_it"),
        (doubles.ForgetfulLauncher, "test_launching_again_starts_nothing"),
        (doubles.TalkativeLauncher, "test_no_secret_stands_in_a_handle"),
        (doubles.HastyLauncher, "test_settle_leaves_the_living_alone"),
        (doubles.StrictLauncher, "test_stopping_what_has_ended_succeeds"),
    ],
)
def test_a_launcher_that_breaks_a_promise_fails_its_suite(
    fake: Callable[[Launcher], Launcher], promise: str, tmp_path: Path
) -> None:
    with place_under(tmp_path) as place, Session(place) as session, pytest.raises(SPOILED):
        getattr(LauncherContract(), promise)(fake(ProcessLauncher(session)), tmp_path)
