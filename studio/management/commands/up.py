"""`manage.py up`: the whole studio with one command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.checks import ERROR, Tags, run_checks
from django.core.management.base import BaseCommand, CommandError, CommandParser

from studio.models import User
from studio.services import login_link_create
from studio.up.greeting import LOOPBACK, greeting
from studio.up.intact import NotIntact
from studio.up.ports import NoPort
from studio.up.record import Record, read_record
from studio.up.redis import NoRedis
from studio.up.studio import AlreadyUp, NotUp, run_studio

_DETACH_S = 120.0
_SILENT = 0


class Command(BaseCommand):
    """Start web, workers, monitor and an embedded Redis, and keep them alive."""

    help = "Start the whole studio and keep it alive; Ctrl-C stops it, running runs go on."
    requires_system_checks: list[str] = []  # those that matter here are made below

    def add_arguments(self, parser: CommandParser) -> None:
        """Only whether to stay in the foreground; all else comes from the environment."""
        parser.add_argument("--detach", action="store_true", help="return once it serves")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until told to stop."""
        self.silent = options["verbosity"] == _SILENT
        self._check_files()
        if options["detach"]:
            self._detach(settings.DATA_DIR)
            return
        try:
            run_studio(settings.DATA_DIR, say=self._say, ready=self._ready)
        except (AlreadyUp, CommandError, NotIntact, NotUp, NoPort, NoRedis, OSError) as error:
            self._refuse(str(error))

    def _check_files(self) -> None:
        for found in run_checks(tags=[Tags.files]):
            sentence = f"{found.msg} {found.hint or ''}".strip()
            if found.level >= ERROR:
                self._refuse(sentence)
            self._say(sentence)

    def _refuse(self, sentence: str) -> NoReturn:
        """End with nothing but the sentence: whoever starts a studio need not know Django."""
        self.stderr.write(sentence)
        sys.exit(1)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _ready(self, record: Record) -> None:
        if not self.silent:
            self._say(f"\n{_greeting(record)}\n")
            self._say("Ctrl-C stops the studio; running runs go on.")

    def _detach(self, data_dir: Path) -> None:
        """Start `up` in a session of its own and wait until it serves."""
        log = data_dir / "up" / "up.log"
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, str(settings.BASE_DIR / "manage.py"), "up", "--verbosity", "0"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + _DETACH_S
        while process.poll() is None and time.monotonic() < deadline:
            record = read_record(data_dir)
            if record is not None and record.ready and record.supervisor.pid == process.pid:
                self._say(_greeting(record))
                return
            time.sleep(0.05)
        self._refuse(log.read_text().strip() or f"The studio did not come up: see {log}")


def _greeting(record: Record) -> str:
    """Where the page is, with a one-time sign-in link when only this machine can open it."""
    owner = User.objects.filter(is_superuser=True).order_by("pk").first()
    path = f"login/{login_link_create(user=owner)}/" if owner and settings.HOST in LOOPBACK else ""
    return greeting(record.pages, host=settings.HOST, login_path=path, environ=os.environ)
