"""`manage.py up`: the whole studio with one command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from studio.models import User
from studio.services import login_link_create
from studio.up.record import Record, read_record
from studio.up.redis import NoRedis
from studio.up.studio import LOOPBACK, AlreadyUp, NotUp, run_studio

_DETACH_S = 120.0


class Command(BaseCommand):
    """Start web, workers, monitor and an embedded Redis, and keep them alive."""

    help = "Start the whole studio and keep it alive; Ctrl-C stops it, running runs go on."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Only whether to stay in the foreground; all else comes from the environment."""
        parser.add_argument("--detach", action="store_true", help="return once it serves")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until told to stop."""
        data_dir: Path = settings.DATA_DIR
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(
                f"The data directory {data_dir} cannot be made ({error.strerror}): set "
                "RUNYARD_DATA_DIR to a folder that you may write to."
            ) from error
        if options["detach"]:
            self._detach(data_dir)
            return
        try:
            run_studio(
                data_dir, host=settings.HOST, wanted_port=settings.PORT,
                say=self._say, ready=self._ready,
            )
        except (AlreadyUp, NotUp, NoRedis, OSError) as error:
            raise CommandError(str(error)) from error

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _ready(self, record: Record) -> None:
        if os.environ.get("RUNYARD_DETACHED"):
            return
        self._say(f"\nRunyard is up:  {self._address(record)}\n")
        self._say("Ctrl-C stops the studio; running runs go on.")

    def _address(self, record: Record) -> str:
        """The page, with a one-time sign-in link when only this machine can open it."""
        if settings.HOST not in LOOPBACK:
            return f"{record.url}   ('manage.py login_link' makes a sign-in link)"
        owner = User.objects.filter(is_superuser=True).order_by("pk").first()
        return f"{record.url}login/{login_link_create(user=owner)}/" if owner else record.url

    def _detach(self, data_dir: Path) -> None:
        """Start `up` in a session of its own and wait until it serves."""
        log = data_dir / "up" / "up.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, sys.argv[0], "up"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env={**os.environ, "RUNYARD_DETACHED": "1"},
            )
        deadline = time.monotonic() + _DETACH_S
        while process.poll() is None and time.monotonic() < deadline:
            record = read_record(data_dir)
            if record is not None and record.ready and record.supervisor.pid == process.pid:
                self._say(f"Runyard is up:  {self._address(record)}")
                return
            time.sleep(0.05)
        raise CommandError(log.read_text().strip() or f"The studio did not come up: see {log}")
