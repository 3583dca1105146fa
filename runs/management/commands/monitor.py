"""`manage.py monitor`: watch live runs and builds until told to stop."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from runs.monitor import Monitor
from studio.migrated import require_migrated


class Command(BaseCommand):
    """Watch live runs and builds; several monitors share the work."""

    help = "Watch live runs and builds until told to stop."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or Ctrl-C."""
        require_migrated()
        monitor = Monitor()

        def end(_number: int, _frame: FrameType | None) -> None:
            monitor.stop()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        monitor.run()
