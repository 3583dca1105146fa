"""What a run printed: by range, followed, or with everything that happens to the run."""

from __future__ import annotations

from collections.abc import AsyncIterator

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from ninja import Field, Query, Router, Schema

from runs.api.follow import Follower
from runs.api.runs import run_of
from runs.api.schemas import run_page_url
from runs.selectors.files import run_streams
from runs.selectors.live import run_log_view
from runs.stores import log_store
from studio.api_auth import caller, caller_token
from studio.api_types import REFUSALS, Text
from studio.lib.downloads import ranged_response

router = Router(tags=["logs"])


class StreamOut(Schema):
    """One log of a run."""

    name: str
    size: int


class LogQuery(Schema):
    """Which part of which log."""

    stream: Text = "run.log"
    offset: int = Field(0, ge=0)
    limit: int | None = Field(None, ge=0)
    follow: bool = False


class FollowQuery(Schema):
    """From where to go on."""

    stream: Text = "run.log"
    offset: int = Field(0, ge=0)
    build: int | None = None
    build_offset: int = Field(0, ge=0)


@router.get("/{ref}/streams", response={200: list[StreamOut], **REFUSALS}, summary="List logs")
def streams(request: HttpRequest, ref: Text) -> list[StreamOut]:
    """What the command printed (`run.log`), and the files that it wrote to `logs/`."""
    return [StreamOut(name=s.name, size=s.size) for s in run_streams(run=run_of(request, ref))]


@router.get("/{ref}/log", response=REFUSALS, summary="Read a log")
def log(request: HttpRequest, ref: Text, query: Query[LogQuery]) -> HttpResponseBase:
    """The exact bytes from `offset` on, at most `limit`; a Range header works too.

    With `follow` the answer goes on until the run is over. The headers `Runyard-Log-Size`
    and `Runyard-Log-Sealed` say how much is stored, and whether that is all.
    """
    run = run_of(request, ref)
    key = run_log_view(run, query.stream).key
    store = log_store()
    sealed, size = store.sealed(key) is not None, store.size(key)
    if query.follow:
        follower = Follower(
            user=caller(request),
            run_id=run.pk,
            url=run_page_url(request, run.pk),
            token=caller_token(request),
            stream=query.stream,
            offset=query.offset,
        )
        response: HttpResponseBase = _live(follower.log_bytes())
    else:
        start = min(query.offset, size)
        count = size - start if query.limit is None else min(query.limit, size - start)
        response = ranged_response(
            request, lambda offset, n: store.read(key, start + offset, n), count
        )
    response["Runyard-Log-Size"] = str(size)
    response["Runyard-Log-Sealed"] = str(int(sealed))
    return response


@router.get("/{ref}/follow", response=REFUSALS, summary="Follow a run")
def follow(request: HttpRequest, ref: Text, query: Query[FollowQuery]) -> StreamingHttpResponse:
    """Each change of the run, its build's log and its own log, as they happen, to its end.

    Items are one line of JSON each: `{"t": "run", …}` at first and on each change,
    `{"t": "build", "build", "offset", "bytes"}` and `{"t": "log", "offset", "bytes"}` with so
    many bytes behind them, `{"t": "ping"}` every 10 s, `{"t": "end", …}` last.
    """
    run = run_of(request, ref)
    run_log_view(run, query.stream)  # refuses a name that cannot be one
    follower = Follower(
        user=caller(request),
        run_id=run.pk,
        url=run_page_url(request, run.pk),
        token=caller_token(request),
        **query.dict(),
    )
    return _live(_encoded(follower))


async def _encoded(follower: Follower) -> AsyncIterator[bytes]:
    async for item in follower.items():
        yield item.encoded()


def _live(stream: AsyncIterator[bytes]) -> StreamingHttpResponse:
    """An answer that nothing on the way may hold back or keep."""
    return StreamingHttpResponse(
        stream,
        content_type="application/octet-stream",
        headers={
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
            "X-Content-Type-Options": "nosniff",
        },
    )
