"""`manage.py rqworker`: works on the queue, keeping its connections to targets warm."""

from __future__ import annotations

from typing import Any

from django_rq.management.commands.rqworker import Command as RqWorker

from studio.migrated import require_migrated


class Command(RqWorker):  # type: ignore[misc]  # django-rq is not typed
    """A worker that does not fork: steps are short, and open sessions to targets are kept."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse an outdated database, then work."""
        require_migrated()
        options["worker_class"] = options["worker_class"] or "rq.SimpleWorker"
        super().handle(*args or ("default",), **options)
