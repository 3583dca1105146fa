"""`manage.py prune`: free what nothing refers to any more."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from runs.services.imports import imports_prune
from runs.services.retention import studio_prune


class Command(BaseCommand):
    """Clear old run folders on targets and contents that nothing uses."""

    help = "Clear old run folders on targets and contents that nothing uses, and show disk use."

    def handle(self, *args: Any, **options: Any) -> None:
        """Prune once and print what is left."""
        imports_prune()
        for name, size in asdict(studio_prune()).items():
            self.stdout.write(f"{name.removesuffix('_bytes'):>10} {size / 1e6:10.1f} MB")
