"""What every test may ask for.

People: `alice` owns the instance, `bob` contributes to the workspace `main`, `vera` only looks
at it, `charlie` is a stranger with a workspace of his own.
Things: `workspace` (main), `target` (this machine, its root in the test's folder), `data_dir`
(every test has a fresh one), `redis_server` (a real one, empty; without it the channel layer
lives in memory and hints to the queue are lost).
"""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.contract")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell starts what runs in its background so, and all that tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep tests that share a studio on one worker."""
    from tests import scheduler

    return scheduler.make(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while there is none; what was collected stays, and is never looked at.

    Each search of the whole heap walked thousands of tests and modules, a quarter second each.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000, *gc.get_threshold()[1:])  # little of what pages make is cyclic
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Refuse a skipped test where everything should be installed."""
    report = yield
    if not hasattr(report, "wasxfail"):  # an expected failure is reported as a skip too
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse a skipped module likewise."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped although CI=true: {report.longrepr}"


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None) -> bool:
    """Whether the database of the tests is there already: a copy of one that was migrated.

    Only a file is copied; a PostgreSQL server is migrated by each worker.
    """
    from django.db import connection

    from tests.studio_process import migrated

    if connection.vendor != "sqlite":
        return False
    shutil.copy(migrated() / "db.sqlite3", connection.settings_dict["TEST"]["NAME"])
    return True


@pytest.fixture(scope="session", autouse=True)
def flush_of_rows() -> Iterator[None]:
    """What a test left in the tables is removed after it, but not what migrations put there.

    The rows that name models and permissions are the same for all tests, and making them anew
    took ten times as long as removing the others.
    """
    from django.core.management.commands import flush

    def of_rows(style: Any, connection: Any, **options: Any) -> list[str]:
        names = connection.introspection.django_table_names
        tables = set(names(only_existing=True, include_views=False))
        tables -= {"auth_permission", "django_content_type"}
        return list(connection.ops.sql_flush(style, sorted(tables), **options))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(flush, "sql_flush", of_rows)
        patched.setattr(flush, "emit_post_migrate_signal", lambda *_: None)
        yield


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings: Any) -> Path:
    """A data directory for this test alone."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    settings.DATA_DIR = folder
    return folder


@pytest.fixture(autouse=True)
def queue_health() -> Any:
    """The health of the queue as it is now: what was remembered a moment ago is forgotten."""
    from studio.lib import queue

    def now() -> Any:
        queue._health.cache_clear()
        return queue.queue_health()

    queue._health.cache_clear()
    return now


@pytest.fixture
def alice(db: None) -> Any:
    """The owner of the instance."""
    from studio.services import user_bootstrap

    return user_bootstrap()


@pytest.fixture
def workspace(alice: Any) -> Any:
    """The first workspace."""
    from studio.models import Workspace

    return Workspace.objects.get(slug="main")


@pytest.fixture
def bob(workspace: Any) -> Any:
    """Contributes to the workspace."""
    from tests.factories import make_user

    return make_user("bob", workspace=workspace)


@pytest.fixture
def vera(workspace: Any) -> Any:
    """May only look at the workspace."""
    from tests.factories import make_user

    return make_user("vera", workspace=workspace, role="viewer")


@pytest.fixture
def charlie(workspace: Any) -> Any:
    """A stranger: admin of another workspace, and of nothing here."""
    from tests.factories import make_user, make_workspace

    return make_user("charlie", workspace=make_workspace("elsewhere"), role="admin")


@pytest.fixture
def target(alice: Any, workspace: Any, tmp_path: Path) -> Any:
    """This machine, with a root of its own."""
    from compute.services import target_create

    return target_create(
        user=alice,
        workspace=workspace,
        name="local",
        kind="local",
        config={"root": str(tmp_path / "target")},
        slots=2,
        open_to_members=True,
    )


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The studio's embedded Redis as a real process: its URL."""
    from redis import Redis, RedisError

    from studio.lib.embedded import embedded_socket
    from studio.up.redis import server_command
    from tests.waiting import eventually

    folder = tmp_path_factory.mktemp("redis")
    socket = embedded_socket(folder)
    argv = server_command(folder)

    def answers(url: str) -> bool:
        with contextlib.suppress(RedisError, OSError), Redis.from_url(url) as redis:
            return bool(redis.ping())
        return False

    with (folder / "redis.log").open("wb") as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        eventually(lambda: answers(f"unix://{socket}"), what="Redis answers")
        yield f"unix://{socket}"
    finally:
        process.terminate()
        process.wait(timeout=10)
        shutil.rmtree(socket.parent, ignore_errors=True)


@pytest.fixture
def redis_server(redis_process: str, settings: Any) -> Iterator[str]:
    """An empty Redis behind the queue, the channel layer and the hints: its URL."""
    from redis import Redis

    from studio.lib import push

    with Redis.from_url(redis_process) as redis:
        redis.flushall()
    settings.REDIS_URL = redis_process
    settings.RQ_QUEUES = {"default": {"URL": redis_process, "DEFAULT_TIMEOUT": 60}}
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [redis_process], "prefix": push.LAYER_PREFIX},
        }
    }
    push._redis.cache_clear()
    yield redis_process
    push._redis().close()
    push._redis.cache_clear()
