"""The one websocket of a page: who may listen, and that each byte of a log arrives once."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer

from compute.models import ComputeTarget
from environments.services import build_cancel
from runs.consumers import LiveConsumer
from runs.models import Attempt, Run
from runs.services.move import run_move
from runs.states import EndReason, Status
from runs.stores import log_store
from runs.tails import LogTail
from studio.models import User
from studio.same_origin import SameOrigin
from tests.compute.records import make_build, make_run

pytestmark = pytest.mark.django_db(transaction=True)


class Socket:
    """The browser's end of a websocket, without a network."""

    def __init__(self, application: Any, **scope: Any) -> None:
        scope = {"type": "websocket", "path": "/ws/", "headers": [], "subprotocols": []} | scope
        self._end = ApplicationCommunicator(application, scope)

    async def connect(self) -> bool:
        """Whether we are let in."""
        await self._end.send_input({"type": "websocket.connect"})
        answer = await self._end.receive_output(5)
        return bool(answer["type"] == "websocket.accept")

    async def send(self, text: str) -> None:
        """One message."""
        await self._end.send_input({"type": "websocket.receive", "text": text})

    async def receive(self) -> str | bytes:
        """The next message."""
        answer = await self._end.receive_output(5)
        assert answer["type"] == "websocket.send", answer
        return answer["bytes"] if answer.get("bytes") is not None else answer["text"]

    async def disconnect(self) -> None:
        """Close the page."""
        await self._end.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._end.wait(5)


Talk = Callable[[Socket], Awaitable[Any]]


@pytest.fixture
def run(target: ComputeTarget) -> Run:
    """A running run whose log has a first line."""
    run = make_run(target, status=Status.RUNNING)
    Attempt.objects.create(run=run, number=1, folder=f"x-run-{run.pk}-1")
    log_store().append(f"run/{run.pk}/1/run.log", 0, b"first\n")
    return run


def talk(user: Any, conversation: Talk) -> Any:
    """Hold a conversation over a socket of this user."""

    async def whole() -> Any:
        socket = Socket(LiveConsumer.as_asgi(), user=user)
        if not await socket.connect():
            return None
        try:
            return await conversation(socket)
        finally:
            await socket.disconnect()

    return asyncio.run(whole())


async def say(socket: Socket, **message: Any) -> None:
    """One wish."""
    await socket.send(json.dumps(message))


async def hear(socket: Socket) -> Any:
    """The next message, decoded."""
    return json.loads(await socket.receive())


def told(message: Any) -> tuple[int, list[str], bool]:
    """What a message says of a log: from which line on, which lines, and whether that is all."""
    assert message["type"] == "log"
    rows = re.findall(r'<span class="l[^>]*>(.*?)\n</span>', message["html"], flags=re.DOTALL)
    return message["from"], rows, message["sealed"]


def first_answer(**wish: Any) -> Talk:
    """Say one thing and hear one answer."""

    async def conversation(socket: Socket) -> Any:
        await say(socket, **wish)
        return await hear(socket)

    return conversation


@pytest.mark.parametrize("who", ["alice", "bob", "vera"])
def test_members_hear_of_their_runs(who: str, request: Any, run: Run) -> None:
    user: User = request.getfixturevalue(who)
    answer = talk(user, first_answer(follow=f"run/{run.pk}"))
    assert (answer["type"], answer["id"], answer["status"]) == ("run", run.pk, "running")
    assert told(talk(user, first_answer(log=f"run/{run.pk}"))) == (1, ["first"], False)


@pytest.mark.parametrize("wish", ["follow", "log"])
def test_a_stranger_hears_nothing(charlie: User, run: Run, wish: str) -> None:
    answer = talk(charlie, first_answer(**{wish: f"run/{run.pk}"}))
    assert answer["type"] == "refused"
    assert str(run.pk) in answer["sentence"]


@pytest.mark.parametrize("wish", ["workspace", "environments"])
def test_a_stranger_cannot_listen_to_a_workspace(charlie: User, run: Run, wish: str) -> None:
    answer = talk(charlie, first_answer(**{wish: run.workspace.slug}))
    assert answer["type"] == "refused"


def test_a_list_of_builds_hears_that_one_moved(
    vera: User, alice: User, run: Run, redis_server: str
) -> None:
    build = make_build(run.target)

    async def moves(socket: Socket) -> Any:
        await say(socket, environments=run.workspace.slug)
        await say(socket, follow="run/0")  # refused: by then the first wish is heard
        assert (await hear(socket))["type"] == "refused"
        await asyncio.to_thread(build_cancel, user=alice, build=build)
        return await hear(socket)

    assert talk(vera, moves) == {"type": "environments-changed"}


def test_nobody_is_not_let_in(run: Run) -> None:
    from django.contrib.auth.models import AnonymousUser

    assert talk(AnonymousUser(), first_answer(follow=f"run/{run.pk}")) is None


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", "[" * 100_000, "7", '{"follow": 7}', '{"follow": "run/x"}',
     '{"log": null}'],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_is_not_understood_is_said(alice: User, text: str) -> None:
    async def conversation(socket: Socket) -> Any:
        await socket.send(text)
        return await hear(socket)

    assert talk(alice, conversation)["type"] == "refused"


def test_a_stream_cannot_lead_out_of_the_run(alice: User, run: Run) -> None:
    answer = talk(alice, first_answer(log=f"run/{run.pk}", stream="../../1/1/run.log"))
    assert answer["type"] == "refused"


def test_the_end_of_a_log_is_told_as_it_grows(alice: User, run: Run) -> None:
    key = f"run/{run.pk}/1/run.log"

    async def conversation(socket: Socket) -> Any:
        await say(socket, log=f"run/{run.pk}")
        heard = [await hear(socket)]
        await asyncio.to_thread(log_store().append, key, 6, b"second\nha")
        await get_channel_layer().group_send(
            f"run.{run.pk}", {"type": "log.grew", "key": key, "size": 15, "sealed": False}
        )
        heard.append(await hear(socket))
        await asyncio.to_thread(log_store().append, key, 15, b"lf")
        heard.append(await hear(socket))
        await asyncio.to_thread(log_store().seal, key, size=17, sha256=None, masked=0)
        heard.append(await hear(socket))
        return [told(message) for message in heard]

    assert talk(alice, conversation) == [
        (1, ["first"], False),
        (2, ["second", "ha"], False),
        (3, ["half"], False),
        (4, [], True),
    ]


def test_a_lost_hint_costs_a_moment_and_no_line(alice: User, run: Run) -> None:
    async def conversation(socket: Socket) -> Any:
        await say(socket, log=f"run/{run.pk}")
        await hear(socket)
        await asyncio.to_thread(log_store().append, f"run/{run.pk}/1/run.log", 6, b"quiet\n")
        return await hear(socket)

    assert told(talk(alice, conversation)) == (2, ["quiet"], False)


def test_many_followers_cost_one_drawing(
    alice: User, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, drawn = f"run/{run.pk}/1/run.log", []
    draw = LogTail._draw

    def counted(self: LogTail, lines: Any) -> None:
        drawn.append(lines.total)
        draw(self, lines)

    monkeypatch.setattr(LogTail, "_draw", counted)

    async def crowd() -> list[list[Any]]:
        sockets = [Socket(LiveConsumer.as_asgi(), user=alice) for _ in range(20)]
        for socket in sockets:
            assert await socket.connect()
            await say(socket, log=f"run/{run.pk}")
        heard = [[await hear(socket)] for socket in sockets]
        for n in range(3):
            size = log_store().size(key)
            await asyncio.to_thread(log_store().append, key, size, b"line %d\n" % n)
            for number, socket in enumerate(sockets):
                heard[number].append(await hear(socket))
        for socket in sockets:
            await socket.disconnect()
        return heard

    heard = asyncio.run(crowd())
    expected = [(1, ["first"], False), *((n + 2, [f"line {n}"], False) for n in range(3))]
    assert [[told(message) for message in each] for each in heard] == [expected] * 20
    assert drawn == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("origin", "passes"),
    [
        ("http://here:8765", True),
        ("http://elsewhere", False),
        ("http://here:9999", False),
        ("", False),
    ],
)
def test_only_our_own_pages_open_sockets(origin: str, passes: bool) -> None:
    async def accept(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    async def whole() -> bool:
        headers = [(b"host", b"here:8765")] + ([(b"origin", origin.encode())] if origin else [])
        return await Socket(SameOrigin(accept), headers=headers).connect()

    assert asyncio.run(whole()) is passes


def test_who_submitted_a_run_hears_that_it_ended(
    alice: User, bob: User, run: Run, redis_server: str
) -> None:
    Run.objects.filter(pk=run.pk).update(submitted_by=bob, status=Status.FINALIZING)

    async def ends(socket: Socket) -> Any:
        await say(socket, notices=True)
        await say(socket, follow=f"run/{run.pk + 1}")  # refused: by then the first wish is heard
        assert (await hear(socket))["type"] == "refused"
        await asyncio.to_thread(
            run_move, run_id=run.pk, to=Status.COMPLETED, reason=EndReason.EXITED_ZERO
        )
        return await hear(socket)

    assert talk(bob, ends) == {
        "type": "run-ended",
        "id": run.pk,
        "name": "train",
        "status": "completed",
        "sentence": "The command ended with exit code 0.",
    }


def test_nobody_else_hears_it(alice: User, bob: User, charlie: User, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(submitted_by=bob)
    layer = get_channel_layer()

    async def silent(socket: Socket) -> Any:
        await say(socket, notices=True)
        await say(socket, follow="run/0")
        assert (await hear(socket))["type"] == "refused"
        await layer.group_send(f"user.{bob.pk}", {"type": "run.ended", "run": run.pk})
        # even one that was sent astray tells a stranger nothing
        await layer.group_send(f"user.{charlie.pk}", {"type": "run.ended", "run": run.pk})
        await say(socket, follow="run/0")
        return await hear(socket)

    assert talk(charlie, silent)["type"] == "refused"
