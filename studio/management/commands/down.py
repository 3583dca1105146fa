"""`manage.py down`: stop the studio of this data directory."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from studio.up.stop import stop_studio


class Command(BaseCommand):
    """Stop the studio; running runs go on."""

    help = "Stop the studio of this data directory; running runs go on."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Stop it, or say that there was none."""
        stopped = stop_studio(settings.DATA_DIR)
        self.stdout.write("Runyard is down." if stopped else "No studio was running here.")
