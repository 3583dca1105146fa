"""Lists and facts as plain text: nothing is cut off."""

from __future__ import annotations

from collections.abc import Sequence

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as what stands in them."""
    lines = [[word.upper() for word in header], *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def facts(pairs: Sequence[tuple[str, object]]) -> str:
    """One fact a line; a fact that is empty has no line."""
    told = [(name, _text(value)) for name, value in pairs if value not in (None, "", [], {})]
    width = max((len(name) for name, _ in told), default=0)
    indent = "\n" + " " * (width + 2)
    return "\n".join(f"{name:<{width}}  {value.replace(chr(10), indent)}" for name, value in told)


def moment(text: str | None) -> str:
    """A time of the studio, in the zone of the terminal."""
    if not text:
        return ""
    from datetime import datetime

    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def length(run: dict[str, Any]) -> str:
    """How long the command of a run went on; empty while it goes on or when it never began."""
    if not run["started_at"] or not run["ended_at"]:
        return ""
    from datetime import datetime

    began, ended = (datetime.fromisoformat(run[name]) for name in ("started_at", "ended_at"))
    seconds = (ended - began).total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def _text(value: object) -> str:
    return "" if value is None else str(value)
