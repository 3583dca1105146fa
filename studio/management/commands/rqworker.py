"""`manage.py rqworker`: works on the queue, keeping its connections to targets warm."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django_rq.management.commands.rqworker import Command as RqWorker

from studio.migrated import require_migrated

_TTL_S = 30
"""How long a worker that was killed still counts as one, but for a minute that rq adds."""


class Command(RqWorker):
    """A worker that does not fork: steps are short, and open sessions to targets are kept."""

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """As rq's, with defaults of ours."""
        super().add_arguments(parser)  # type: ignore[no-untyped-call]  # django-rq is not typed
        parser.set_defaults(worker_class="studio.lib.worker.SteadyWorker", worker_ttl=_TTL_S)

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse an outdated database, then work."""
        require_migrated()
        super().handle(*args or ("default",), **options)  # type: ignore[no-untyped-call]
