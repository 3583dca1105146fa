"""An engine whose disk is full, told from one that does not answer."""

from __future__ import annotations

import pytest

from compute.engine import Engine, disk_full
from compute.pulling import _sentence
from compute.transports.base import TargetRefused, TargetUnreachable

WORDS = "failed to register layer: write /lib/x.so: no space left on device"


def test_it_is_a_refusal_with_its_sentence() -> None:
    said = Engine("unix:///x")._said(500, WORDS)
    assert isinstance(said, TargetRefused)
    assert str(said) == (
        "The disk of the Docker engine is full: free some space there and try again. "
        f"It says: {WORDS}."
    )
    assert _sentence(WORDS, "python:3.12") == str(said)


@pytest.mark.parametrize("words", ["server is busy", ""])
def test_other_trouble_of_an_engine_may_be_gone_soon(words: str) -> None:
    assert isinstance(Engine("unix:///x")._said(500, words), TargetUnreachable)
    assert disk_full(words) == ""
