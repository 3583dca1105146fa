"""`manage.py status`: what runs here."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from runs.models import Run
from runs.states import LIVE
from studio.up.process import is_alive
from studio.up.record import read_record


class Command(BaseCommand):
    """Show the studio's processes and how many runs are live; exit 1 when it is down."""

    help = "Show the studio's processes and its live runs."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """For people or for programs."""
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        record = read_record(settings.DATA_DIR)
        up = record is not None and is_alive(record.supervisor)
        shown = {
            "up": up,
            "url": record.url if record and up else None,
            "processes": {
                name: {"pid": who.pid, "alive": is_alive(who)}
                for name, who in (record.children if record else {}).items()
            },
            "live_runs": Run.objects.filter(status__in=LIVE).count() if up else None,
        }
        if options["json"]:
            self.stdout.write(json.dumps(shown))
        else:
            self._print(shown)
        if not up:
            sys.exit(1)

    def _print(self, shown: dict[str, Any]) -> None:
        if not shown["up"]:
            self.stdout.write("Runyard is down: start it with 'make up'.")
            return
        self.stdout.write(f"Runyard is up at {shown['url']} with {shown['live_runs']} live runs.")
        for name, process in shown["processes"].items():
            state = "alive" if process["alive"] else "dead"
            self.stdout.write(f"  {name:<10} {process['pid']:>8} {state}")
