"""Runs whose ends are told."""

from tests.api.conftest import digest, make_run  # noqa: F401
