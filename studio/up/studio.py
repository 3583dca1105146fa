"""The whole start: from a data directory to a page that answers."""

from __future__ import annotations

import http.client
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from redis import Redis, RedisError

from studio.lib.embedded import embedded_socket
from studio.up.ports import free_port
from studio.up.prepare import prepare_database, prepare_owner, prepare_static, prepare_token
from studio.up.process import end, identify, is_alive
from studio.up.record import Record, lock_data_dir, read_record, write_record
from studio.up.redis import server_command
from studio.up.supervise import Supervisor, child_env, studio_children

_ANSWER_S = 30.0
_LOOK_S = 0.03
_WORKERS = 2
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class AlreadyUp(Exception):
    """Another studio holds this data directory."""


class NotUp(Exception):
    """The studio did not come up; the sentence says which part, and where its log lies."""


def run_studio(
    data_dir: Path, *, host: str, wanted_port: int,
    say: Callable[[str], None], ready: Callable[[Record], None],
) -> None:
    """Serve from `data_dir` until told to stop; running runs go on afterwards.

    `ready` is called once the first page answers.

    Raises:
        AlreadyUp: another studio serves from here.
        NotUp: a part did not start.
    """
    lock = lock_data_dir(data_dir)
    if lock is None:
        record = read_record(data_dir)
        raise AlreadyUp(
            f"Runyard already serves {data_dir}"
            + (f" at {record.url}" if record else "")
            + ": open that page, or stop it with 'manage.py down'."
        )
    with lock:
        end_leftovers(data_dir)
        _serve(data_dir, host=host, wanted_port=wanted_port, say=say, ready=ready)


def end_leftovers(data_dir: Path) -> None:
    """End what a killed studio left behind: only what is provably ours."""
    record = read_record(data_dir)
    for who in (record.children if record else {}).values():
        end(who, patience_s=2)


def _serve(
    data_dir: Path, *, host: str, wanted_port: int,
    say: Callable[[str], None], ready: Callable[[Record], None],
) -> None:
    copy = prepare_database(data_dir)
    if copy is not None:
        say(f"The database was copied to {copy} before it was migrated.")
    port = free_port(host, wanted_port)
    if port != wanted_port:
        say(f"Port {wanted_port} is taken: using {port}.")
    me = identify(os.getpid())
    assert me is not None  # noqa: S101  (we are alive)
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104
    record = Record(url=f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/", supervisor=me)
    write_record(data_dir, record)

    def note(children: dict[str, object]) -> None:
        nonlocal record
        record = replace(record, children=children)  # type: ignore[arg-type]
        write_record(data_dir, record)

    supervisor = Supervisor(
        log_dir=data_dir / "up", env=_env(data_dir, host, port), on_change=note, say=say  # type: ignore[arg-type]
    )
    try:
        if not os.environ.get("REDIS_URL"):
            supervisor.add("redis", server_command(data_dir))
        for name, argv in studio_children(host=host, port=port, workers=_WORKERS).items():
            supervisor.add(name, argv)
        prepare_static()
        owner = prepare_owner()
        prepare_token(data_dir, owner, record.url)
        _wait_for(lambda: _redis_answers(data_dir), supervisor, "redis", data_dir)
        _wait_for(lambda: _page_answers(shown, port), supervisor, "web", data_dir)
        record = replace(record, ready=True)
        write_record(data_dir, record)
        ready(record)
        supervisor.watch()
    finally:
        supervisor.end()


def _env(data_dir: Path, host: str, port: int) -> dict[str, str]:
    extra = {"RUNYARD_DATA_DIR": str(data_dir), "RUNYARD_HOST": host, "RUNYARD_PORT": str(port)}
    if host in LOOPBACK and "RUNYARD_LINK_ROOTS" not in os.environ:
        extra["RUNYARD_LINK_ROOTS"] = str(Path.home())
    return child_env(**extra)


def _wait_for(
    answers: Callable[[], bool], supervisor: Supervisor, name: str, data_dir: Path
) -> None:
    deadline = time.monotonic() + _ANSWER_S
    while not answers():
        if time.monotonic() > deadline:
            raise NotUp(f"{name} did not answer in {_ANSWER_S:.0f} s: see {data_dir}/up/{name}.log")
        supervisor.look()
        time.sleep(_LOOK_S)


def _redis_answers(data_dir: Path) -> bool:
    url = os.environ.get("REDIS_URL") or f"unix://{embedded_socket(data_dir)}"
    try:
        with Redis.from_url(url) as redis:
            return bool(redis.ping())
    except (RedisError, OSError):
        return False


def _page_answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200  # noqa: PLR2004
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def stop_studio(data_dir: Path) -> bool:
    """End the studio that serves from `data_dir`; False when none does."""
    record = read_record(data_dir)
    if record is None:
        return False
    was_up = is_alive(record.supervisor)
    end(record.supervisor, patience_s=20)
    end_leftovers(data_dir)
    return was_up
