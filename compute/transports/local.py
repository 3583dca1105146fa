"""Here: commands of this machine, with the rights of the studio's own user."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compute.launchers.process import ProcessLauncher
from compute.place import Place
from compute.transports.base import TargetRefused, TargetUnreachable
from compute.transports.pipes import PipeChannel

_CANNOT_START = frozenset(
    {errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOEXEC, errno.ENOTDIR, errno.ELOOP}
)


@dataclass(frozen=True)
class LocalTransport:
    """Starts commands on this machine, each in a session of its own.

    A signal to the studio's process group therefore never reaches them.
    """

    def popen(self, argv: Sequence[str]) -> PipeChannel:
        """As promised by `Transport`."""
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            sentence = f"{argv[0]} cannot be started on this machine: {error.strerror}."
            if error.errno in _CANNOT_START:
                raise TargetRefused(sentence) from error
            raise TargetUnreachable(sentence) from error
        return PipeChannel(process)


def own_python() -> str:
    """The real interpreter under whatever virtual environment the studio runs in.

    Runs must not see the studio's packages, so what is used is the base
    installation's binary, never the link in a virtual environment.
    """
    base: str = getattr(sys, "_base_executable", "") or sys.executable
    return os.path.realpath(base)


def make_place(config: Mapping[str, str], *, studio_blobs: str) -> Place:
    """This machine as a place to run; it shares the studio's blobs, so nothing is sent twice."""
    return Place(
        transport=LocalTransport(),
        root=config["root"],
        python=config.get("python") or own_python(),
        blobs=studio_blobs,
        launcher=ProcessLauncher,
    )
