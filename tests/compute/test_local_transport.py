"""The local transport, held to the contract and to what only a child of this process can show."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from compute.transports.base import Transport
from compute.transports.local import LocalTransport, own_python
from tests.contract.transport import SOON_S, TransportContract, opened


class TestLocalTransport(TransportContract):
    @pytest.fixture
    def transport(self) -> Transport:
        return LocalTransport()

    @pytest.fixture
    def python(self) -> str:
        return own_python()


def _facts(code: str) -> dict[str, object]:
    """What a small script in a local channel prints as one JSON object."""
    script = (
        f"import json, os, sys\nfacts = json.dumps({code})\n"
        "print('%8d' % len(facts), end='')\nprint(facts, end='', flush=True)"
    )
    with opened(LocalTransport(), [own_python(), "-I", "-S", "-c", script]) as channel:
        length = int(channel.read_exact(8, timeout_s=SOON_S))
        found: dict[str, object] = json.loads(channel.read_exact(length, timeout_s=SOON_S))
        return found


def test_a_command_gets_no_file_descriptor_but_its_three_pipes() -> None:
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    try:
        # The fourth is the one through which the folder itself is listed.
        assert _facts("{'open': len(os.listdir('/proc/self/fd'))}") == {"open": 4}
    finally:
        os.close(read_end)
        os.close(write_end)


def test_a_command_leads_a_session_of_its_own() -> None:
    assert _facts("{'leads': os.getsid(0) == os.getpid()}") == {"leads": True}


def test_the_interpreter_is_the_one_under_the_virtual_environment() -> None:
    facts = _facts("{'prefix': sys.prefix, 'base': sys.base_prefix}")
    assert facts["prefix"] == facts["base"] == sys.base_prefix


def test_closed_channels_leave_no_file_descriptor() -> None:
    before = _open_files()
    for _ in range(5):
        with opened(LocalTransport(), [own_python(), "-c", "input()"]):
            pass
    assert _open_files() == before


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
