"""A place of its own for each test (`place`), and an open line to it (`session`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compute.place import Place
from compute.session import Session
from tests.compute.places import place_under


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with place_under(tmp_path) as place:
        yield place


@pytest.fixture
def session(place: Place) -> Iterator[Session]:
    with Session(place) as session:
        yield session
