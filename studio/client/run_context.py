"""What a training script says to the run that it is part of.

Stands alone and runs under the Python of any environment, from 3.6 on: it is sent along
with every run.
"""

import json
import os
import sys
import time


class Run:
    """The run that this process belongs to; outside of Runyard, the terminal stands in for it."""

    def __init__(self, metrics_path: str = "") -> None:
        self._metrics_path = metrics_path
        self._has_warned = False

    @classmethod
    def get_context(cls) -> "Run":
        """The current run; a script that asks for it also works where there is none."""
        return cls(os.environ.get("RUNYARD_METRICS", ""))

    @property
    def id(self) -> str:
        """The run's number in the studio, as text; "" outside of a run."""
        return os.environ.get("RUNYARD_RUN", "")

    def log(self, name: str, value: object, step: object = None) -> None:
        """Note one value of a metric, a number or a text; `step` places it on the x axis.

        Threads and processes may log at the same time. A disk that is full costs the value
        and a warning, never the training.
        """
        point = {"n": str(name), "v": _plain(value), "s": _plain(step), "t": time.time()}
        if self._metrics_path:
            self._append(json.dumps(point).encode("ascii") + b"\n")
        else:
            at = "" if step is None else f" (step {step})"
            print(f"runyard: {name} = {value}{at}", flush=True)  # noqa: T201

    def _append(self, line: bytes) -> None:
        """One write in append mode is one whole line, whoever else writes."""
        try:
            file = os.open(self._metrics_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(file, line)
            finally:
                os.close(file)
        except OSError as error:
            if not self._has_warned:
                self._has_warned = True
                print(f"runyard: metrics cannot be written: {error}", file=sys.stderr)  # noqa: T201


def _plain(value: object) -> object:
    """A number or a text: arrays and tensors of one element give their number."""
    if value is None or isinstance(value, (int, float, str)):
        return value
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(value)
