"""Where a followed run is shown.

Terminal    the log's exact bytes on standard output, all else on standard error
Text        everything as text on `sys.stdout`: notebooks have no bytes there
Nothing     only what goes wrong with the connection, on standard error
"""

from __future__ import annotations

import codecs
import sys

from studio.client.options import say


class Terminal:
    """The log's exact bytes on standard output, all else on standard error."""

    shows_log = True

    def __init__(self) -> None:
        self._line_is_open = False

    def log(self, data: bytes) -> None:
        """The next bytes of the run's log."""
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def build(self, data: bytes) -> None:
        """The next bytes of its build's log."""
        sys.stderr.buffer.write(data)
        sys.stderr.buffer.flush()
        self._line_is_open = not data.endswith(b"\n")

    def waits(self, text: str) -> None:
        """Why the run waits."""
        self.tell(text)

    def tell(self, text: str) -> None:
        """Something that is no part of a log."""
        say(f"\n{text}" if self._line_is_open else text)
        self._line_is_open = False


class Text:
    """Everything as text on `sys.stdout`: notebooks have no bytes there."""

    shows_log = True

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._line_is_open = False

    def log(self, data: bytes) -> None:
        """The next bytes of the run's log."""
        text = self._decode(data)
        if text:
            self._write(text)

    build = log

    def waits(self, text: str) -> None:
        """Why the run waits."""
        self.tell(text)

    def tell(self, text: str) -> None:
        """Something that is no part of a log, on a line of its own."""
        self._write(f"\n{text}\n" if self._line_is_open else f"{text}\n")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
        self._line_is_open = not text.endswith("\n")


class Nothing:
    """Only what goes wrong with the connection, on standard error."""

    shows_log = False

    def log(self, data: bytes) -> None:
        """Leave the log alone."""

    build = log

    def waits(self, text: str) -> None:
        """Leave the reason alone."""

    def tell(self, text: str) -> None:
        """Something that is no part of a log."""
        say(text)
