"""A notice arrives although its worker is killed in the middle: at least once, under one id."""

from __future__ import annotations

import re
import sqlite3
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.conftest import free_port, make_plain_environment
from tests.notices.receiver import Box, Receiver, posting, receiving
from tests.studio_process import Studio, migrate_once
from tests.waiting import eventually

pytestmark = pytest.mark.chaos


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def mail() -> Iterator[tuple[Box, int]]:
    with posting() as mail:
        yield mail


@pytest.fixture
def studio(tmp_path: Path, mail: tuple[Box, int]) -> Iterator[Studio]:
    """A studio that may post to this machine, and has a mail server."""
    migrate_once(tmp_path / "data")
    studio = Studio(tmp_path / "data", port=free_port(), link_root=tmp_path)
    studio.env |= {
        "RUNYARD_WEBHOOK_NETWORKS": "127.0.0.1",
        "RUNYARD_EMAIL_URL": f"smtp://127.0.0.1:{mail[1]}",
        "RUNYARD_EMAIL_FROM": "studio@example.org",
    }
    with studio:
        make_plain_environment(studio)
        yield studio


def ask(studio: Studio, **fields: str) -> str:
    """Save the form of the page as the owner: the secret of the webhook."""
    browser = studio._sign_in()
    address = f"{studio.record.url}notices/"
    with browser.open(address, timeout=30) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
    assert token
    form = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
    request = urllib.request.Request(address, data=form, headers={"Referer": address})
    with browser.open(request, timeout=30) as answer:
        secret = re.search(r"whsec_[A-Za-z0-9+/=]+", answer.read().decode())
    assert secret
    return secret[0]


def skip_the_pause(studio: Studio) -> None:
    """Let the time pass that a message of a dead worker stays untouched."""
    with sqlite3.connect(studio.data_dir / "db.sqlite3", timeout=20) as database:
        database.execute(
            "UPDATE runs_delivery SET next_at = '2026-01-01 00:00:00' WHERE next_at IS NOT NULL"
        )


def test_a_worker_killed_between_sending_and_writing_it_down(
    studio: Studio, scripts: Path, receiver: Receiver, mail: tuple[Box, int]
) -> None:
    secret = ask(studio, webhook_url=receiver.url, email="owner@example.org")
    receiver.open.clear()  # it hears, and does not answer
    run = studio.submit(scripts, "--environment", "here", "count.py", "3", "0")
    assert studio.finished(run)["status"] == "completed"
    eventually(lambda: receiver.posts, what="the post")
    for worker in ("worker-1", "worker-2"):
        studio.kill_part(worker)
    receiver.open.set()
    skip_the_pause(studio)
    eventually(lambda: len(receiver.posts) > 1, timeout_s=30, what="the post to be repeated")

    def told() -> list[str]:
        events = studio.api(f"/runs/{run}/events")
        return [event["text"] for event in events if event["kind"] == "notice"]

    eventually(lambda: len(told()) == 2, timeout_s=30, what="both to be written down")
    assert len({post.headers["webhook-id"] for post in receiver.posts}) == 1
    for post in receiver.posts:
        assert post.is_signed_with(secret)
        assert (post.json["data"]["run"], post.json["data"]["status"]) == (run, "completed")
        assert post.json["data"]["url"] == f"{studio.record.url}runs/{run}/"
    letters = mail[0].letters
    assert {letter["To"] for letter in letters} == {"owner@example.org"}
    assert {letter["From"] for letter in letters} == {"studio@example.org"}
    assert len({letter["Message-ID"] for letter in letters}) == 1
    assert sorted(told()) == [
        "E-mail to owner: The mail server took it for owner@example.org.",
        f"Webhook to owner: 127.0.0.1:{receiver.port} answered 200.",
    ]
    database = (studio.data_dir / "db.sqlite3").read_bytes()
    assert secret.encode() not in database
    assert b"key=mine" not in database
