"""A studio with a past: 1,000 earlier runs, a 200-file git source, the example's environment."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.studio_process import TOP, Studio

EARLIER_RUNS = 1_000
FILES = 200


@dataclass(frozen=True)
class Row:
    """One line of the table, in the unit that `what` names."""

    what: str
    ours: float
    bare: float | None
    bound: str


class Rig:
    """Everything that the cases share; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.studio = Studio(folder / "data", port=port, link_root=folder)
        self.source = folder / "source"

    def __enter__(self) -> Rig:
        self.studio.__enter__()
        self.studio.api("/targets/local", {"slots": 4}, method="PATCH")
        self._make_source()
        self._make_history()
        warm = self.studio.submit(self.source, "--environment", "scikit-learn", "hello.py")
        ended = self.studio.finished(warm, timeout_s=300)
        assert ended["status"] == "completed", ended
        return self

    def __exit__(self, *error: object) -> None:
        self.studio.__exit__(*error)

    def python(self) -> str:
        """The interpreter of the example's environment, for bare runs."""
        return str(next((self.studio.data_dir / "targets" / "local" / "envs").glob("*/bin/python")))

    def command_line(self) -> tuple[list[str], dict[str, str]]:
        """How a person starts the command, and in which environment."""
        env = {
            **self.studio.env,
            "RUNYARD_URL": self.studio.record.url,
            "RUNYARD_TOKEN": self.studio.token,
        }
        return [str(Path(sys.prefix) / "bin" / "runyard")], env

    def _make_source(self) -> None:
        for number in range(FILES - 4):
            path = self.source / f"package_{number % 20}" / f"module_{number}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"VALUE = {number}\n" * 40)
        (self.source / "hello.py").write_text('print("hello")\n')
        (self.source / "burst.py").write_text(
            'import sys\nline = "x" * 99 + "\\n"\nfor i in range(1_000_000):\n'
            "    sys.stdout.write(line)\n"
        )
        (self.source / "ticks.py").write_text(
            "import sys, time\nfor i in range(100):\n"
            '    sys.stdout.write(f"{time.time():.6f}" + (";" if i % 2 else "\\n"))\n'
            "    sys.stdout.flush()\n    time.sleep(0.05)\n"
        )
        (self.source / "ticks.sh").write_text("#!/bin/sh\npython ticks.py\n")
        git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org"]
        for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "source"]):
            subprocess.run([*git, *words], cwd=self.source, check=True)

    def _make_history(self) -> None:
        first = self.studio.submit(self.source, "--environment", "minimal", "hello.py")
        self.studio.finished(first, timeout_s=120)
        subprocess.run(
            [sys.executable, "-c", HISTORY, str(first), str(EARLIER_RUNS)],
            cwd=TOP,
            check=True,
            env={**os.environ, **self.studio.env, "DJANGO_SETTINGS_MODULE": "studio.settings"},
        )


HISTORY = """
import sys, django, secrets
django.setup()
from runs.models import Attempt, Run
first = Run.objects.get(pk=int(sys.argv[1]))
runs = []
for number in range(int(sys.argv[2])):
    run = Run.objects.get(pk=first.pk)
    run.pk, run.uid, run.name = None, secrets.token_hex(6), f"earlier {number}"
    runs.append(run)
Run.objects.bulk_create(runs)
Attempt.objects.bulk_create(Attempt(run=run, number=1, folder=f"none-{run.uid}") for run in runs)
"""
