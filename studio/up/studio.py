"""The whole start: from a data directory to a page that answers."""

from __future__ import annotations

import gc
import http.client
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import django.db
from django.conf import settings
from django.core.management import execute_from_command_line
from redis import Redis, RedisError

from studio.lib.env import env_paths
from studio.up.greeting import LOOPBACK, page_urls
from studio.up.intact import require_intact
from studio.up.ports import listen, local_url
from studio.up.prepare import prepare_database, prepare_owner, prepare_static, prepare_token
from studio.up.process import Identity, identify
from studio.up.record import Record, lock_data_dir, read_record, write_record
from studio.up.redis import server_command
from studio.up.stop import end_leftovers
from studio.up.supervise import Supervisor

_ANSWER_S = 30.0
_GIVEN_REDIS_S = 5.0
_LOOK_S = 0.03
_WORKERS = 2
_GARBAGE = 20_000
"""So many objects a part may make before it looks for garbage among them."""
_SHARED = ("compute.transports.local", "environments.jobs", "runs.jobs", "runs.monitor")

Say = Callable[[str], None]


class AlreadyUp(Exception):
    """Another studio holds this data directory."""


class NotUp(Exception):
    """The studio did not come up; the sentence says which part, and where its log lies."""


def run_studio(data_dir: Path, *, say: Say, ready: Callable[[Record], None]) -> None:
    """Serve from `data_dir` until told to stop; running runs go on afterwards.

    `ready` is called once the first page answers.

    Raises:
        AlreadyUp: another studio serves from here.
        NotIntact, NoPort, NoRedis, NotUp: it cannot; the sentence says why.
    """
    lock = lock_data_dir(data_dir)
    if lock is None:
        record = read_record(data_dir)
        where = f" at {record.url}" if record else ""
        raise AlreadyUp(
            f"Runyard already serves {data_dir}{where}: open that page, or stop it with "
            "'manage.py down'."
        )
    with lock:
        require_intact(data_dir, _sqlite_file())
        end_leftovers(data_dir)
        _Start(data_dir, say, ready).run()


class _Stopped(Exception):
    """It was told to stop before it was up."""


class _Start:
    """One start of the studio, and its life."""

    def __init__(self, data_dir: Path, say: Say, ready: Callable[[Record], None]) -> None:
        self.data_dir, self.say, self.ready = data_dir, say, ready
        self.listener = listen(settings.HOST, settings.PORT)
        self.port: int = self.listener.getsockname()[1]
        if self.port != settings.PORT:
            say(f"Port {settings.PORT} is taken: using {self.port}.")
        me = identify(os.getpid())
        assert me is not None  # noqa: S101  (we are alive)
        self.record = Record(
            url=local_url(settings.HOST, self.port),
            pages=page_urls(settings.HOST, self.port, settings.PUBLIC_URL),
            data_dir=str(data_dir),
            supervisor=me,
        )
        self.supervisor = Supervisor(
            folder=settings.BASE_DIR,
            log_dir=data_dir / "up",
            env=self._env(),
            on_change=self._note_children,
            say=say,
        )

    def run(self) -> None:
        """Start everything, tell that it is ready, and keep it so until it is time to stop."""
        self.supervisor.obey_signals()
        write_record(self.data_dir, self.record)
        try:
            self._bring_up()
            self.supervisor.watch()
        except _Stopped:
            return
        finally:
            self.supervisor.end()
            self.listener.close()

    def _bring_up(self) -> None:
        given = bool(os.environ.get("REDIS_URL"))
        if not given:
            self.supervisor.add("redis", server_command(self.data_dir))
        self._wait_for("redis", _redis_answers, within_s=_GIVEN_REDIS_S if given else _ANSWER_S)
        self._prepare()
        _preload()
        self._start_web()
        self._wait_for("web", self._page_answers)
        self._start_background()
        self.record = replace(self.record, ready=True)
        self.ready(self.record)  # first: whoever reads the record finds the address said
        write_record(self.data_dir, self.record)
        django.db.connections.close_all()

    def _prepare(self) -> None:
        """Everything that the other processes rely on when they start."""
        prepare_static()
        try:
            copy = prepare_database(self.data_dir)
            if copy is not None:
                self.say(f"The database was copied to {copy} before it was migrated.")
            prepare_token(self.data_dir, prepare_owner(), self.record.url)
        except django.db.Error as error:
            said = " ".join(str(error).split()).rstrip(".?!")
            raise NotUp(
                f"The database cannot be used: {said}. {self._database_advice()}"
            ) from error
        finally:
            django.db.connections.close_all()  # none may be carried over a fork

    def _database_advice(self) -> str:
        file = _sqlite_file()
        if file is None:
            return "Check DATABASE_URL, and that the server runs."
        return f"It is {file}; copies from before migrations lie in {self.data_dir / 'backups'}."

    def _start_web(self) -> None:
        handle = self.listener.fileno()
        argv = [sys.executable, "-m", "studio.up.web", str(handle)]
        self.supervisor.add("web", argv, keep=[handle], work=partial(_serve, handle))

    def _start_background(self) -> None:
        """Only once the first page answers: it would come later if these were in its way."""
        self._add_command("monitor", "monitor")
        for number in range(1, _WORKERS + 1):
            self._add_command(f"worker-{number}", "rqworker", "--verbosity", "0")

    def _add_command(self, name: str, *words: str) -> None:
        argv = [str(settings.BASE_DIR / "manage.py"), *words]
        work = partial(execute_from_command_line, argv)
        self.supervisor.add(name, [sys.executable, *argv], work=work)

    def _env(self) -> Mapping[str, str]:
        """What the children need to know; those that are forked have our settings."""
        known = {
            "DJANGO_SETTINGS_MODULE": "studio.settings",
            "RUNYARD_DATA_DIR": str(self.data_dir),
            "RUNYARD_HOST": settings.HOST,
            "RUNYARD_PORT": str(self.port),
        }
        if settings.HOST in LOOPBACK and "RUNYARD_LINK_ROOTS" not in os.environ:
            known["RUNYARD_LINK_ROOTS"] = str(Path.home())
        os.environ.update(known)
        settings.PORT = self.port  # what was read before all of this was known
        settings.LINK_ROOTS = env_paths("RUNYARD_LINK_ROOTS")
        return dict(os.environ)

    def _note_children(self, children: Mapping[str, Identity]) -> None:
        self.record = replace(self.record, children=children)
        write_record(self.data_dir, self.record)

    def _wait_for(
        self, name: str, answers: Callable[[], bool], *, within_s: float = _ANSWER_S
    ) -> None:
        deadline = time.monotonic() + within_s
        while not answers():
            if self.supervisor.stopping:
                raise _Stopped
            if time.monotonic() > deadline:
                raise NotUp(self._silence_of(name))
            self.supervisor.look()
            time.sleep(_LOOK_S)

    def _silence_of(self, name: str) -> str:
        if name not in (child.name for child in self.supervisor.children):
            return (
                f"The Redis at {urlsplit(settings.REDIS_URL).hostname} did not answer: check "
                "REDIS_URL, or unset it to use the embedded one."
            )
        log = self.supervisor.log_of(name)
        lines = log.read_text(errors="replace").strip().splitlines() or ["nothing"]
        return f"{name} did not answer in {_ANSWER_S:.0f} s; the last line of {log}: {lines[-1]}"

    def _page_answers(self) -> bool:
        """Whether a whole page comes, so that the first visitor finds everything loaded."""
        host = urlsplit(self.record.url).hostname or ""
        connection = http.client.HTTPConnection(host, self.port, timeout=1)
        try:
            connection.request("GET", "/sign-in/")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if status != http.client.OK:
            log = self.supervisor.log_of("web")
            raise NotUp(f"The first page answers {status}: {log} says why.")
        return True


def _preload() -> None:
    """Load what the parts are made of once, here: each of them is a copy that shares it.

    So all of them run the code that the studio was started with, also those that are started
    again when the checkout has changed. Pages are loaded by the web process alone.
    """
    for module in _SHARED:
        import_module(module)
    gc.freeze()  # the collector of a child would write to what it shares
    gc.set_threshold(_GARBAGE)


def _serve(handle: int) -> None:
    """The web process."""
    from studio.up.web import main  # noqa: PLC0415  (no other part needs what it imports)

    main(handle)


def _redis_answers() -> bool:
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=2) as redis:
            return bool(redis.ping())
    except (RedisError, OSError):
        return False


def _sqlite_file() -> Path | None:
    database = settings.DATABASES["default"]
    return Path(database["NAME"]) if database["ENGINE"].endswith("sqlite3") else None
