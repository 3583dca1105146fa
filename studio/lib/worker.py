"""The worker of the background queue."""

from __future__ import annotations

from typing import Any

from django.db import close_old_connections
from rq import SimpleWorker
from rq.worker_registration import register


class SteadyWorker(SimpleWorker):
    """Does not fork, so connections to targets stay warm, and is known again after a wipe.

    rq registers a worker once, at its birth. A Redis that was emptied or started anew would
    say for ever that nobody works, so each sign of life registers it again.
    """

    def execute_job(self, *args: Any, **kwargs: Any) -> None:
        """Work on one job, with no connection that a database broke off during the one before."""
        close_old_connections()
        super().execute_job(*args, **kwargs)

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        """Say that this worker lives, also to a Redis that never heard of it."""
        super().heartbeat(*args, **kwargs)
        if not self.connection.sismember(self.redis_workers_keys, self.key):
            self.connection.hset(self.key, mapping=self.serialize())
            register(self)
