"""The ground that everything stands on: the queue door, pushes, secrets, settings, refusals."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.layers import channel_layers
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from studio.lib import push as push_module
from studio.lib import vault
from studio.lib.env import env_number, env_paths, env_text
from studio.lib.push import hint_monitor, listen_hints, push
from studio.lib.queue import JOBS, QueueHealth, enqueue
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.lib.rows import only
from studio.lib.secret_key import key_from_file
from studio.models import User, Workspace
from tests.factories import make_workspace
from tests.waiting import eventually

Health = Callable[[], QueueHealth]


def test_the_only_row_is_read_without_an_order(alice: User) -> None:
    make_workspace("second")
    with CaptureQueriesContext(connection) as captured:
        assert only(Workspace.objects.order_by("name").filter(slug="second")) is not None
        assert only(Workspace.objects.filter(slug="third")) is None
    assert len(captured) == 2
    assert [query["sql"] for query in captured if "ORDER BY" in query["sql"]] == []


class TestQueue:
    @pytest.mark.parametrize("name", sorted(JOBS))
    def test_every_job_can_be_found(self, name: str) -> None:
        module, _, function = name.rpartition(".")
        assert callable(getattr(import_module(module), function))

    def test_an_unknown_job_is_a_mistake_of_ours(self) -> None:
        with pytest.raises(ValueError, match="not among the known jobs"):
            enqueue("os.remove", "x")

    @pytest.mark.django_db(transaction=True)
    def test_a_job_waits_until_the_commit(self, redis_server: str, queue_health: Health) -> None:
        with transaction.atomic():
            enqueue("runs.jobs.dispatch", 1)
            assert queue_health().queued == 0
        health = queue_health()
        assert (health.reachable, health.workers, health.queued) == (True, 0, 1)

    @pytest.mark.django_db(transaction=True)
    def test_what_is_rolled_back_is_never_queued(
        self, redis_server: str, queue_health: Health
    ) -> None:
        with transaction.atomic():
            enqueue("runs.jobs.dispatch", 1)
            transaction.set_rollback(True)
        assert queue_health().queued == 0

    @pytest.mark.django_db(transaction=True)
    def test_without_redis_the_hint_is_lost_and_said_to_be(
        self, caplog: pytest.LogCaptureFixture, queue_health: Health
    ) -> None:
        enqueue("runs.jobs.dispatch", 1)
        assert "was lost" in caplog.text
        assert not queue_health().reachable


class TestPush:
    @pytest.mark.django_db(transaction=True)
    def test_a_push_reaches_a_listener_of_the_layer(self, redis_server: str) -> None:
        """The publisher speaks to Redis itself, the listener through the layer: one form."""

        async def listen(ready: Callable[[], None]) -> dict[str, Any]:
            layer = channel_layers["default"]
            channel = await layer.new_channel()
            await layer.group_add("run.1", channel)
            ready()
            message: dict[str, Any] = await layer.receive(channel)
            await layer.flush()
            return message

        assert _heard(listen, lambda: push("run.1", {"type": "run.changed"})) == {
            "type": "run.changed"
        }

    @pytest.mark.django_db(transaction=True)
    def test_the_layer_reaches_a_listener_of_the_layer(self, redis_server: str) -> None:
        """A consumer that answers through the layer is heard as well as a push."""

        async def exchange(ready: Callable[[], None]) -> dict[str, Any]:
            layer = channel_layers["default"]
            channel = await layer.new_channel()
            await layer.group_add("run.2", channel)
            await layer.group_send("run.2", {"type": "log.grew", "size": 3})
            ready()
            message: dict[str, Any] = await layer.receive(channel)
            await layer.flush()
            return message

        assert _heard(exchange, lambda: None) == {"type": "log.grew", "size": 3}

    @pytest.mark.django_db(transaction=True)
    def test_a_hint_reaches_the_monitor(self, redis_server: str) -> None:
        heard: list[str] = []
        hints = listen_hints()
        listener = threading.Thread(target=lambda: heard.append(next(hints)), daemon=True)
        listener.start()

        def was_heard() -> bool:
            hint_monitor("run 1")
            return bool(heard)

        eventually(was_heard, what="the hint is heard")
        listener.join(timeout=5)
        assert heard == ["run 1"]

    @pytest.mark.django_db(transaction=True)
    def test_without_redis_a_hint_is_lost_and_said_to_be(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        push_module._redis.cache_clear()
        hint_monitor("run 1")
        assert "a hint to the monitor was lost" in caplog.text


def _heard(listen: Callable[[Callable[[], None]], Any], say: Callable[[], None]) -> dict[str, Any]:
    """What a listener in a thread and an event loop of its own hears of what is said here."""
    subscribed, heard = threading.Event(), []
    thread = threading.Thread(
        target=lambda: heard.append(async_to_sync(listen)(subscribed.set)), daemon=True
    )
    thread.start()
    assert subscribed.wait(10), "the listener did not subscribe"
    say()
    thread.join(timeout=10)
    assert heard, "nothing was heard"
    return dict(heard[0])


class TestVault:
    def test_a_secret_comes_back(self) -> None:
        kept = vault.encrypt("pässword")
        assert "pässword" not in kept
        assert vault.decrypt(kept) == "pässword"

    def test_another_key_cannot_read_it(self, settings: Any) -> None:
        kept = vault.encrypt("password")
        settings.SECRET_KEY = "another key"
        with pytest.raises(ValueError, match="restore RUNYARD_SECRET_KEY"):
            vault.decrypt(kept)


class TestEnvironment:
    def test_an_empty_variable_counts_as_unset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("X", " ")
        assert env_text("X", "default") == "default"
        assert env_number("X", 7, least=1, most=9) == 7
        assert env_paths("X") == []

    @pytest.mark.parametrize("text", ["0", "10", "-1", "seven", "1.5", "\u0667"])
    def test_a_number_out_of_bounds_is_named(
        self, text: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("X", text)
        with pytest.raises(ImproperlyConfigured, match=r"X='.*': give a whole number from 1 to 9"):
            env_number("X", 7, least=1, most=9)

    def test_paths_are_resolved(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        monkeypatch.setenv("X", f"{tmp_path}/link:{tmp_path}")
        assert env_paths("X") == [tmp_path / "real", tmp_path]

    def test_a_relative_path_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("X", "here")
        with pytest.raises(ImproperlyConfigured, match="absolute paths only"):
            env_paths("X")


class TestSecretKey:
    def test_it_is_made_once_for_its_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "data" / "secret.key"
        key = key_from_file(path)
        assert len(key) >= 50
        assert key_from_file(path) == key
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert [file.name for file in path.parent.iterdir()] == ["secret.key"]

    def test_all_who_start_at_once_agree(self, tmp_path: Path) -> None:
        keys: list[str] = []
        gate = threading.Barrier(8)

        def start() -> None:
            gate.wait()
            keys.append(key_from_file(tmp_path / "secret.key"))

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(keys) == 8
        assert len(set(keys)) == 1

    def test_a_key_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "secret.key"
        path.write_text("key")
        path.chmod(0o644)
        with pytest.raises(ImproperlyConfigured, match="chmod 600"):
            key_from_file(path)

    def test_an_empty_key_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "secret.key"
        path.touch(mode=0o600)
        with pytest.raises(ImproperlyConfigured, match="is empty"):
            key_from_file(path)


def test_a_refusal_carries_a_sentence_a_field_and_a_code() -> None:
    refused = Refused("No.", field="name")
    assert (str(refused), refused.sentence, refused.field, refused.code) == (
        "No.",
        "No.",
        "name",
        "refused",
    )
    assert isinstance(NotFound("x"), Refused)
    assert (NotFound("x").code, Forbidden("x").code) == ("not_found", "forbidden")
