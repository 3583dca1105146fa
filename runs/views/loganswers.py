"""The parts of a log that its page asks for: clusters, its end, what matches, what stands out."""

from __future__ import annotations

import hashlib
import json
import threading
from array import array
from bisect import bisect_left
from collections import OrderedDict
from pathlib import Path

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import patch_vary_headers

from runs.landmarks import Group
from runs.logsearch import MOST_WORDS, BadPattern, Query, TooSlow, search
from runs.logtimes import LogTimes
from runs.stores import log_store
from runs.tails import message, numbered
from runs.views.logparts import LogPlace, asked_line
from runs.views.marks import landmarks_of
from studio.lib.refusal import NotFound, Refused

KEEP_S = 365 * 24 * 3600
HITS = 1000
"""So many numbers of matching lines, or states of a bar, are sent at once."""
MARKS_S = 5.0
_SEARCHES = 16


def cluster_response(request: HttpRequest, place: LogPlace, number: int) -> HttpResponse:
    """Lines 200k + 1 to 200k + 200 as HTML. A browser keeps final ones, the log never differs."""
    lines = place.lines()
    if number and number >= lines.cluster_count:
        raise NotFound(f"This log has {lines.total:,} lines so far.")
    cluster = lines.cluster(number)
    response = _tagged(request, "".join(cluster.elements), "text/html; charset=utf-8")
    is_kept = cluster.is_final and request.GET.get("v") == place.version
    response["Cache-Control"] = (
        f"private, max-age={KEEP_S}, immutable" if is_kept else "private, no-cache"
    )
    response["Runyard-Log-Lines"] = str(lines.total)
    response["Runyard-Log-Starts-In"] = str(cluster.starts_in)
    return response


def tail_response(request: HttpRequest, place: LogPlace) -> HttpResponse:
    """The end of the log as the page's socket tells it, for pages that have none."""
    lines = place.lines()
    elements = numbered(lines.tail())
    told = json.dumps(message(lines, elements, min(elements, default=1)))
    response = _tagged(request, told, "application/json")
    response["Cache-Control"] = "private, no-cache"
    return response


def search_response(request: HttpRequest, place: LogPlace) -> JsonResponse:
    """How many lines match, and the numbers of a thousand of them from line `from` on."""
    text = request.GET.get("q", "")
    query = Query(text, bool(request.GET.get("regex")), bool(request.GET.get("case")))
    try:
        found = _found(place.key, query)
    except Refused as error:
        return JsonResponse({"sentence": error.sentence}, status=422)
    skipped = bisect_left(found, asked_line(request, "from"))
    page = found[skipped : skipped + HITS].tolist()
    return JsonResponse({"count": len(found), "skipped": skipped, "lines": page})


def marks_response(place: LogPlace) -> JsonResponse:
    """Lines that tell of errors, and groups of lines: `[head, last, title, errors, seconds]`."""
    marks, is_whole = landmarks_of(place.key, patience_s=MARKS_S)
    times = place.lines().times
    return JsonResponse(
        {
            "lines": marks.lines,
            "is_whole": is_whole,
            "errors": marks.errors,
            "error_lines": marks.error_lines,
            "groups": [
                [group.head, group.last, group.title, group.errors, _seconds(group, times)]
                for group in marks.groups
            ],
            "group_count": marks.group_count,
            "start": times.start,
        }
    )


def states_response(request: HttpRequest, place: LogPlace, line: int) -> HttpResponse:
    """The single states of the progress bar in this line, a thousand of them from `from` on."""
    found = place.lines().states(line) if line else []
    start = asked_line(request, "from")
    shown = found[start : start + HITS]
    response = HttpResponse("".join(f'<span class="st">{html}\n</span>' for html in shown))
    response["Runyard-States"] = str(len(found))
    response["Cache-Control"] = "private, no-cache"
    return response


def _tagged(request: HttpRequest, content: str, content_type: str) -> HttpResponse:
    """With a strong tag of its content; nothing when the browser has it already."""
    tag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == tag:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(content, content_type=content_type)
    response["ETag"] = tag
    patch_vary_headers(response, ["Cookie"])
    return response


def _seconds(group: Group, times: LogTimes) -> float | None:
    if not group.last:
        return None
    begun, ended = times.at([group.offset])[0], times.at([group.end])[0]
    return round(ended - begun, 1) if begun is not None and ended is not None else None


_lock = threading.Lock()
_searches: OrderedDict[tuple[Path, int, Query], array[int]] = OrderedDict()


def _found(key: str, query: Query) -> array[int]:
    """The lines that match; what was just asked is not looked for again."""
    if len(query.text) > MOST_WORDS:
        raise Refused(f"What is looked for has more than {MOST_WORDS:,} characters: shorten it.")
    store = log_store()
    asked = store.path(key), store.size(key), query
    with _lock:
        if asked in _searches:
            _searches.move_to_end(asked)
            return _searches[asked]
    try:
        found = search(asked[0], query)
    except BadPattern as error:
        raise Refused(f"'{query.text}' is no regular expression: {error}.") from error
    except TooSlow as error:
        raise Refused(
            f"The search was stopped: '{query.text}' takes too long on this log. Try a simpler "
            "pattern."
        ) from error
    with _lock:
        _searches[asked] = found
        if len(_searches) > _SEARCHES:
            _searches.popitem(last=False)
    return found
