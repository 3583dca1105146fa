"""An open page ends with the rights that it was opened with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from runs.consumers import NOT_ANY_MORE
from runs.models import Run
from runs.stores import log_store
from studio.models import Membership, User, Workspace
from studio.services import login_link_create, member_change, member_remove, password_set
from tests.live.test_socket import Socket, hear, run, say, talk, told

__all__ = ["run"]

pytestmark = pytest.mark.django_db(transaction=True)


async def closed(socket: Socket) -> int:
    """The code with which the studio closes; what it still had to say is passed over."""
    while True:
        answer = await socket._end.receive_output(5)
        if answer["type"] == "websocket.close":
            return int(answer["code"])


def closes_after(user: User, run: Run, change: Callable[[], Any]) -> Any:
    """Follow a log, let something happen, and answer the code with which the socket ends."""

    async def conversation(socket: Socket) -> Any:
        await say(socket, log=f"run/{run.pk}")
        assert told(await hear(socket)) == (1, ["first"], False)
        await sync_to_async(change)()
        return await closed(socket)

    return talk(user, conversation)


def test_a_member_who_is_removed_hears_nothing_more(
    alice: User, bob: User, workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.consumers.RIGHTS_S", 3600)  # it is the message that tells
    ends = closes_after(bob, run, lambda: member_remove(by=alice, workspace=workspace, name="bob"))
    assert ends == NOT_ANY_MORE

    async def again(socket: Socket) -> Any:
        await say(socket, log=f"run/{run.pk}")
        return await hear(socket)

    assert talk(bob, again)["type"] == "refused"


def test_a_lost_message_costs_a_moment(
    bob: User, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.consumers.RIGHTS_S", 0.1)
    ends = closes_after(bob, run, lambda: Membership.objects.filter(user=bob).delete())
    assert ends == NOT_ANY_MORE


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!another"}])
def test_so_does_a_lost_message_about_the_account(
    change: dict[str, Any], bob: User, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.consumers.RIGHTS_S", 0.1)
    ends = closes_after(bob, run, lambda: User.objects.filter(pk=bob.pk).update(**change))
    assert ends == NOT_ANY_MORE


def test_a_new_password_ends_sockets(bob: User, run: Run) -> None:
    def change() -> None:
        password_set(user=User.objects.get(pk=bob.pk), password="correct horse battery")

    assert closes_after(bob, run, change) == NOT_ANY_MORE


def test_so_does_signing_out(bob: User, run: Run) -> None:
    def leave() -> None:
        client = Client()
        client.post(f"/login/{login_link_create(user=bob)}/")
        assert client.post("/sign-out/").status_code == 302

    assert closes_after(bob, run, leave) == NOT_ANY_MORE


def test_what_changes_for_one_leaves_others_alone(
    alice: User, bob: User, vera: User, workspace: Workspace, run: Run
) -> None:
    async def conversation(socket: Socket) -> Any:
        await say(socket, log=f"run/{run.pk}")
        await hear(socket)
        await sync_to_async(member_change)(by=alice, workspace=workspace, name="bob", role="viewer")
        key = f"run/{run.pk}/1/run.log"
        await asyncio.to_thread(log_store().append, key, 6, b"second\n")
        return await hear(socket)

    assert told(talk(vera, conversation)) == (2, ["second"], False)
