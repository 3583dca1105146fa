"""A run ends and whoever submitted it hears of it: once for certain, in the end, and signed."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from runs.models import Delivery, Notices, Run, RunEvent
from runs.selectors.notices import deliveries_due
from runs.services import deliver
from runs.services.deliver import PAUSES, delivery_send
from runs.services.move import run_move
from runs.services.notices import notices_secret_renew, notices_test, notices_update
from runs.states import EndReason, Status
from studio.lib.refusal import Refused
from studio.lib.vault import decrypt
from studio.models import AuditEvent, Membership, User
from tests.api.conftest import MakeRun
from tests.notices.receiver import Box, Receiver, posting, receiving
from tests.waiting import eventually

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_NETWORKS = [ipaddress.ip_network("127.0.0.1")]
    settings.PUBLIC_URL = "https://runs.example.org"
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def box(settings: Any) -> Iterator[Box]:
    with posting() as (box, port):
        settings.SENDS_EMAIL = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        yield box


@pytest.fixture
def secret(receiver: Receiver, bob: User) -> str:
    """The key of bob's webhook."""
    return notices_update(user=bob, only_failures=False, email="", webhook_url=receiver.url)


def end(run: Run, reason: EndReason = EndReason.EXITED_NONZERO, **fields: Any) -> None:
    """Let a run end as the engine does."""
    for to in (Status.PREPARING, Status.STARTING, Status.RUNNING, Status.FINALIZING):
        assert run_move(run_id=run.pk, to=to)
    final = Status.COMPLETED if reason is EndReason.EXITED_ZERO else Status.FAILED
    assert run_move(run_id=run.pk, to=final, reason=reason, **fields)


def send_all() -> None:
    """What a worker does with the hints."""
    for delivery in Delivery.objects.filter(next_at__lte=timezone.now()).order_by("pk"):
        delivery_send(delivery_id=delivery.pk)


def make_due() -> None:
    """Let the pauses pass."""
    Delivery.objects.exclude(next_at=None).update(next_at=timezone.now() - timedelta(minutes=1))


def told(run: Run) -> list[str]:
    return list(RunEvent.objects.filter(run=run, kind="notice").values_list("text", flat=True))


class TestWebhook:
    def test_it_says_what_happened_and_is_signed(
        self, receiver: Receiver, secret: str, make_run: MakeRun
    ) -> None:
        run = make_run(
            exit_code=1,
            variables={"PLAIN": "unseen"},
            secret_variables={"API_TOKEN": "unseen"},
            command=["python", "train.py", "unseen"],
        )
        run.series.create(name="r2", last=0.48, count=3)
        run.series.create(name="loss", last=float("inf"), count=1)
        end(run, error="ValueError: alpha is -1")
        send_all()
        (post,) = receiver.posts
        assert post.path == "/hook?key=mine"
        assert post.is_signed_with(secret)
        assert post.headers["content-type"] == "application/json"
        assert post.json["type"] == "run.ended"
        data = post.json["data"]
        run.refresh_from_db()
        assert {name: data[name] for name in ("run", "name", "status", "reason", "error")} == {
            "run": run.pk,
            "name": "train",
            "status": "failed",
            "reason": "exited_nonzero",
            "error": "ValueError: alpha is -1",
        }
        assert data["sentence"].startswith("The command ended with an exit code other than 0")
        assert data["url"] == f"https://runs.example.org/runs/{run.pk}/"
        assert data["metrics"] == {"r2": 0.48, "loss": "inf"}
        assert data["ended_at"] == run.ended_at.isoformat()  # type: ignore[union-attr]
        assert b"unseen" not in post.body
        delivery = Delivery.objects.get()
        assert (delivery.attempts, delivery.next_at) == (1, None)
        assert delivery.delivered_at is not None
        host = f"127.0.0.1:{receiver.port}"
        assert told(run) == [f"Webhook to bob: {host} answered 200."]
        assert post.headers["webhook-id"] == delivery.uid

    def test_it_is_repeated_after_500_under_the_same_id(
        self, receiver: Receiver, secret: str, make_run: MakeRun
    ) -> None:
        receiver.statuses = [500, 503, 204]
        run = make_run()
        end(run)
        for attempt in (1, 2):
            send_all()
            delivery = Delivery.objects.get()
            assert delivery.attempts == attempt
            assert delivery.next_at is not None
            wait = delivery.next_at - timezone.now()
            assert PAUSES[attempt - 1] - timedelta(seconds=5) < wait <= PAUSES[attempt - 1]
            send_all()  # it is not due
            assert len(receiver.posts) == attempt
            make_due()
        send_all()
        assert Delivery.objects.get().delivered_at is not None
        assert len({post.headers["webhook-id"] for post in receiver.posts}) == 1
        assert all(post.is_signed_with(secret) for post in receiver.posts)
        assert len(receiver.posts) == 3
        first, second, third = told(run)
        assert "answered 500. The next try is at" in first
        assert "answered 503. The next try is at" in second
        assert third.endswith("answered 204.")

    def test_it_is_repeated_after_a_refused_connection(
        self, receiver: Receiver, secret: str, bob: User, make_run: MakeRun
    ) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            closed = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
            assert notices_update(user=bob, only_failures=False, email="", webhook_url=closed) == ""
            run = make_run()
            end(run)
            send_all()
        assert "127.0.0.1 refused the connection." in told(run)[0]
        notices_update(user=bob, only_failures=False, email="", webhook_url=receiver.url)
        make_due()
        send_all()
        assert Delivery.objects.get().delivered_at is not None
        assert receiver.posts[0].is_signed_with(secret)  # another URL keeps the secret

    def test_a_redirect_is_not_followed(
        self, receiver: Receiver, secret: str, make_run: MakeRun
    ) -> None:
        receiver.statuses, receiver.headers = [302], {"Location": f"{receiver.url}&again"}
        end(make_run())
        send_all()
        assert len(receiver.posts) == 1
        assert "answered 302: redirects are not followed" in Delivery.objects.get().answer

    def test_what_is_not_public_gets_nothing(
        self, receiver: Receiver, secret: str, settings: Any, make_run: MakeRun
    ) -> None:
        settings.WEBHOOK_NETWORKS = []
        end(make_run())
        send_all()
        assert receiver.posts == []
        assert "Nothing was sent to 127.0.0.1" in Delivery.objects.get().answer

    def test_it_is_given_up_in_the_end(
        self, receiver: Receiver, secret: str, make_run: MakeRun
    ) -> None:
        receiver.statuses = [500]
        run = make_run()
        end(run)
        for _ in range(len(PAUSES) + 3):
            send_all()
            make_due()
        delivery = Delivery.objects.get()
        assert (delivery.attempts, delivery.next_at) == (len(PAUSES) + 1, None)
        assert delivery.delivered_at is None
        assert told(run)[-1].endswith("It was tried 9 times and is given up.")

    def test_a_failing_receiver_is_asked_for_one_of_many(
        self, receiver: Receiver, secret: str, make_run: MakeRun
    ) -> None:
        receiver.statuses = [500]
        for _ in range(5):
            end(make_run())
        send_all()
        assert len(receiver.posts) == 1
        receiver.statuses = [200]
        make_due()
        send_all()
        assert len(receiver.posts) == 6
        assert not Delivery.objects.filter(delivered_at=None).exists()

    def test_a_worker_that_died_amid_a_try_costs_a_minute(
        self, receiver: Receiver, secret: str, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        end(make_run())
        with monkeypatch.context() as dying:
            dying.setattr(deliver, "_arrived", lambda *_: (_ for _ in ()).throw(SystemExit))
            with pytest.raises(SystemExit):
                send_all()
        send_all()
        assert len(receiver.posts) == 1
        assert deliveries_due() == []
        make_due()
        assert deliveries_due() == [Delivery.objects.get().pk]
        send_all()
        assert len(receiver.posts) == 2
        assert Delivery.objects.get().delivered_at is not None

    @pytest.mark.django_db(transaction=True)
    def test_workers_at_the_same_time_send_it_once(
        self, receiver: Receiver, secret: str, make_run: MakeRun
    ) -> None:
        end(make_run())
        number = Delivery.objects.get().pk
        receiver.open.clear()

        def work(_: int) -> None:
            delivery_send(delivery_id=number)
            connection.close()

        with ThreadPoolExecutor(4) as workers:
            done = workers.map(work, range(8))
            eventually(lambda: receiver.posts, what="the post")
            receiver.open.set()
            list(done)
        assert len(receiver.posts) == 1
        assert Delivery.objects.get().attempts == 1

    def test_a_key_that_changed_is_named(
        self, receiver: Receiver, secret: str, make_run: MakeRun, settings: Any
    ) -> None:
        settings.SECRET_KEY = "another key that is longer than fifty characters, as it should be"
        end(make_run())
        send_all()
        assert "encrypted with another key: save it again" in Delivery.objects.get().answer

    def test_removing_it_ends_what_waits(
        self, receiver: Receiver, secret: str, bob: User, make_run: MakeRun
    ) -> None:
        end(make_run())
        notices_update(user=bob, only_failures=False, email="", remove_webhook=True)
        send_all()
        assert receiver.posts == []
        delivery = Delivery.objects.get()
        assert (delivery.next_at, delivery.answer) == (None, "The webhook was removed.")


class TestEmail:
    @pytest.fixture
    def asked(self, box: Box, bob: User) -> Box:
        notices_update(user=bob, only_failures=False, email="bob@example.org")
        return box

    def test_it_says_what_happened(self, asked: Box, make_run: MakeRun, settings: Any) -> None:
        settings.PUBLIC_URL = "https://runs.example.org"
        run = make_run(name="a\r\nBcc: all@example.org")
        run.series.create(name="r2", last=0.48, count=3)
        end(run, error="ValueError: no")
        send_all()
        (letter,) = asked.letters
        assert letter["To"] == "bob@example.org"
        assert letter["Subject"] == f"Run {run.pk} failed: a Bcc: all@example.org"
        assert letter["Bcc"] is None
        delivery = Delivery.objects.get()
        assert letter["Message-ID"] == f"<{delivery.uid}@runyard>"
        text = letter.get_payload(decode=True).decode()
        for part in ("exit code other than 0", "ValueError: no", "r2 = 0.48", f"/runs/{run.pk}/"):
            assert part in text
        assert delivery.delivered_at is not None
        assert told(run) == ["E-mail to bob: The mail server took it for bob@example.org."]

    def test_it_is_repeated_after_a_refusal_and_while_nobody_answers(
        self, asked: Box, make_run: MakeRun, settings: Any
    ) -> None:
        asked.refuses = True
        run = make_run()
        end(run)
        send_all()
        assert "The mail server refused it: SMTPRecipientsRefused." in told(run)[0]
        asked.refuses, port = False, settings.EMAIL_PORT
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            settings.EMAIL_PORT = nobody.getsockname()[1]
            make_due()
            send_all()
        assert "The mail server cannot be reached: Connection refused." in told(run)[1]
        settings.EMAIL_PORT = port
        make_due()
        send_all()
        assert len(asked.letters) == 1
        assert Delivery.objects.get().delivered_at is not None

    def test_without_a_server_nothing_is_written_down(
        self, bob: User, make_run: MakeRun, settings: Any
    ) -> None:
        settings.SENDS_EMAIL = False
        notices_update(user=bob, only_failures=False, email="bob@example.org")
        end(make_run())
        assert not Delivery.objects.exists()


class TestRows:
    def test_there_is_one_a_run_and_channel(
        self, receiver: Receiver, secret: str, box: Box, bob: User, make_run: MakeRun
    ) -> None:
        notices_update(user=bob, only_failures=False, email="bob@example.org")
        run = make_run()
        end(run)
        assert not run_move(run_id=run.pk, to=Status.FAILED, reason=EndReason.EXITED_NONZERO)
        assert sorted(run.deliveries.values_list("channel", flat=True)) == ["email", "webhook"]
        with pytest.raises(IntegrityError):
            Delivery.objects.create(user=bob, run=run, channel="webhook", uid="x")

    def test_only_failures(
        self, receiver: Receiver, secret: str, bob: User, make_run: MakeRun
    ) -> None:
        notices_update(user=bob, only_failures=True, email="")
        good, bad, canceled = make_run(), make_run(), make_run()
        end(good, EndReason.EXITED_ZERO)
        end(bad)
        run_move(run_id=canceled.pk, to=Status.CANCELED, reason=EndReason.CANCELED_BY_USER)
        assert [delivery.run for delivery in Delivery.objects.all()] == [bad]

    def test_only_who_submitted_it_and_still_belongs_here(
        self, receiver: Receiver, secret: str, bob: User, alice: User, make_run: MakeRun
    ) -> None:
        end(make_run(submitted_by=alice))
        end(make_run(submitted_by=None))
        Membership.objects.filter(user=bob).delete()
        end(make_run())
        Membership.objects.create(user=bob, workspace=make_run().workspace)
        User.objects.filter(pk=bob.pk).update(is_active=False)
        end(make_run())
        assert not Delivery.objects.exists()

    def test_a_run_that_is_deleted_takes_them_along(
        self, receiver: Receiver, secret: str, make_run: MakeRun
    ) -> None:
        run = make_run()
        end(run)
        number = Delivery.objects.get().pk
        run.delete()
        delivery_send(delivery_id=number)
        assert receiver.posts == []


class TestSettings:
    def test_nothing_of_the_webhook_lies_in_the_clear(
        self, receiver: Receiver, secret: str, bob: User
    ) -> None:
        row = Notices.objects.get(user=bob)
        assert decrypt(row.secret_key) == secret
        assert decrypt(row.secret_url) == receiver.url
        assert row.webhook_host == f"127.0.0.1:{receiver.port}"
        written = repr(list(Notices.objects.values())) + repr(list(AuditEvent.objects.values()))
        assert secret not in written
        assert "key=mine" not in written

    def test_a_new_secret_signs_from_then_on(
        self, receiver: Receiver, secret: str, bob: User, make_run: MakeRun
    ) -> None:
        renewed = notices_secret_renew(user=bob)
        assert renewed != secret
        end(make_run())
        send_all()
        assert receiver.posts[0].is_signed_with(renewed)
        assert not receiver.posts[0].is_signed_with(secret)

    def test_what_cannot_work_is_refused(self, bob: User) -> None:
        with pytest.raises(Refused, match="not a public address"):
            notices_update(
                user=bob, only_failures=False, email="", webhook_url="http://169.254.169.254/"
            )
        with pytest.raises(Refused, match="longer than 1,000"):
            notices_update(
                user=bob, only_failures=False, email="", webhook_url=f"https://x.org/{'a' * 1000}"
            )
        with pytest.raises(Refused, match="or its host than 255"):
            notices_update(
                user=bob, only_failures=False, email="", webhook_url=f"https://{'a' * 300}.org/"
            )
        with pytest.raises(Refused, match="'bob' is no e-mail address"):
            notices_update(user=bob, only_failures=False, email="bob")
        with pytest.raises(Refused, match="save its URL first"):
            notices_secret_renew(user=bob)
        with pytest.raises(Refused, match="nowhere to send a test"):
            notices_test(user=bob, channel="webhook")
        assert not Notices.objects.exists()

    def test_a_test_is_sent(self, receiver: Receiver, secret: str, bob: User) -> None:
        notices_test(user=bob, channel="webhook")
        with pytest.raises(Refused, match="sent just now"):
            notices_test(user=bob, channel="webhook")
        send_all()
        (post,) = receiver.posts
        assert post.json["type"] == "test"
        assert post.is_signed_with(secret)
        Delivery.objects.update(created_at=timezone.now() - timedelta(minutes=1))
        notices_test(user=bob, channel="webhook")
        assert Delivery.objects.count() == 1
