"""A log on a page: where its parts are, and the stretch that comes with the page itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

from runs.clusters import CLUSTER, Cluster, LogLines
from runs.stores import log_store
from runs.tails import numbered
from runs.views.marks import landmarks_of
from studio.lib.numbers import whole_number

DRAWN = 1
"""Goes up whenever a cluster is drawn in another way: browsers keep final ones for ever."""
PART_CLUSTERS = 10
TAIL_CLUSTERS = 5
"""Fewer at the end of a log, which is opened most: the browser fetches the others."""
PART_BYTES = 2 * 1024 * 1024
BEFORE = 2
"""So many clusters stand above the line that a page was opened at."""
LOOK_S = 0.25
"""So long a page waits for the first error of its log; a longer log is looked through later."""


@dataclass(frozen=True)
class LogPlace:
    """A log with its addresses. `url` is the folder of its parts; `query` says which stream."""

    key: str
    times: str
    name: str
    stream: str
    url: str
    page_url: str
    query: str = ""
    version: str = f"1.{DRAWN}"

    @property
    def raw_url(self) -> str:
        """Where its bytes are."""
        return f"{self.url}raw/{'?' if self.query else ''}{self.query}"

    @property
    def from_url(self) -> str:
        """Ends so that `from=7` or `line=7` can follow."""
        return f"{self.page_url}?{self.query}{'&' if self.query else ''}"

    def lines(self) -> LogLines:
        """What it shows now."""
        return LogLines(log_store(), self.key, self.times)


@dataclass(frozen=True)
class LogPart:
    """Lines `first` to `last` of `total`, in clusters that follow one another."""

    clusters: list[tuple[int, SafeString]]
    """The number and the HTML of each."""
    first: int
    last: int
    total: int
    size: int
    """Stored bytes of the whole log."""
    is_sealed: bool
    line: int = 0
    """The line that the page was opened at."""
    is_error: bool = False
    """Whether that is because it tells of an error."""

    @property
    def is_end(self) -> bool:
        """Whether nothing follows in the store."""
        return self.last >= self.total

    @property
    def earlier(self) -> int:
        """The first line of the part before this one; 0 when there is none."""
        return max(1, self.first - PART_CLUSTERS * CLUSTER) if self.first > 1 else 0

    @property
    def later(self) -> int:
        """The first line of the part after this one; 0 when there is none."""
        return 0 if self.is_end else self.last + 1


def log_tail(lines: LogLines) -> LogPart:
    """The last clusters of a log, up to its present end."""
    count = lines.cluster_count
    return _part(lines, range(count - 1, max(-1, count - 1 - TAIL_CLUSTERS), -1))


def log_end(lines: LogLines, *, rows: int) -> LogPart:
    """The last rows of a log and nothing more."""
    shown = list(numbered(lines.tail()).items())[-rows:]
    html = _safe([element for _, element in shown])
    clusters = [(lines.cluster_count - 1, html)] if shown else []
    first = shown[0][0] if shown else 1
    return LogPart(clusters, first, lines.total, lines.total, lines.size, lines.is_sealed)


def log_part(lines: LogLines, *, first: int, line: int = 0, is_error: bool = False) -> LogPart:
    """A part of a log from a line on, or around one; a line past the end means the tail."""
    if first > lines.total:
        return log_tail(lines)
    start = max(0, (first - 1) // CLUSTER - (BEFORE if line else 0))
    end = min(lines.cluster_count, start + PART_CLUSTERS)
    return _part(lines, range(start, end), line=line, is_error=is_error)


def log_first_error(place: LogPlace, lines: LogLines) -> LogPart:
    """The part with the first line that tells of an error; the end when none does."""
    marks, _ = landmarks_of(place.key, patience_s=LOOK_S)
    first = marks.first_error
    return log_part(lines, first=first, line=first, is_error=True) if first else log_tail(lines)


def _part(
    lines: LogLines, numbers: Iterable[int], *, line: int = 0, is_error: bool = False
) -> LogPart:
    """These clusters, in their order, as many of them as a page can hold."""
    clusters: list[Cluster] = []
    size = 0
    for number in numbers:
        cluster = lines.cluster(number)
        size += sum(len(row.html) for row in cluster.rows)
        if clusters and size > PART_BYTES:
            break
        clusters.append(cluster)
    clusters.sort(key=lambda cluster: cluster.number)
    return LogPart(
        [(cluster.number, _safe(cluster.elements)) for cluster in clusters],
        clusters[0].first if clusters else 1,
        clusters[-1].last if clusters else 0,
        lines.total,
        lines.size,
        lines.is_sealed,
        line,
        is_error,
    )


def _safe(elements: list[str]) -> SafeString:
    return mark_safe("".join(elements))  # noqa: S308  (rows escape what the log says)


def asked_line(request: HttpRequest, name: str) -> int:
    """The line that an address names by `from` or `line`; 0 for none."""
    return whole_number(request.GET.get(name, "")) or 0


def log_context(request: HttpRequest, place: LogPlace, *, is_failed: bool) -> dict[str, Any]:
    """What a page needs for its log: the part that was asked for, and where the rest is."""
    lines = place.lines()
    line, first = asked_line(request, "line"), asked_line(request, "from")
    if line:
        part = log_part(lines, first=line, line=line)
    elif first:
        part = log_part(lines, first=first)
    elif is_failed and "end" not in request.GET:
        part = log_first_error(place, lines)
    else:
        part = log_tail(lines)
    return {"place": place, "part": part, "is_part": bool(line or first), "is_failed": is_failed}
