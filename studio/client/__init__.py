"""The Python client and the `runyard` command: standard library only."""

from studio.client.run_context import Run

__all__ = ["Run"]
