"""The life of one build: launched under a lease, followed by the monitor, moved in one place.

    queued -> running -> ready | failed | canceled

A worker lives as long as the launch, never as long as the build.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from uv import find_uv_bin

from compute.launchers.base import Handle, LaunchSpec
from compute.models import ComputeTarget
from compute.place import Place
from compute.services import studio_place, target_place
from compute.session import RunnerRefused, Session, session_for
from compute.transports.base import TargetRefused, TargetUnreachable
from compute.transports.loader import runner_argv
from environments.buildlog import build_error
from environments.indexes import uv_variables
from environments.lock import registry_variables
from environments.models import Build, BuiltEnvironment
from environments.selectors import index_list, version_smoke
from environments.spec import CONDA
from studio.lib.holder import holder_token
from studio.lib.push import hint_monitor, push
from studio.lib.queue import enqueue
from studio.lib.vault import decrypt, encrypt
from studio.models import Role, User
from studio.selectors import require_role
from studio.services import instance_key

log = logging.getLogger(__name__)

ENDED = frozenset({Build.Status.READY, Build.Status.FAILED, Build.Status.CANCELED})
_BEFORE = {
    Build.Status.RUNNING: (Build.Status.QUEUED,),
    Build.Status.READY: (Build.Status.RUNNING,),
    Build.Status.FAILED: (Build.Status.QUEUED, Build.Status.RUNNING),
    Build.Status.CANCELED: (Build.Status.QUEUED, Build.Status.RUNNING),
}
_LEASE = timedelta(seconds=60)
"""Longer than a launch may take; after it another worker may launch again."""
_PATIENCE = timedelta(seconds=3)
"""A hint to stop is given this long before the sweep repeats it."""
_TIME_LIMIT_S = 7200
_GRACE_S = 5
_UNLEASED = Q(lease_until=None) | Q(lease_until__lt=Now())

AGAIN = "The next run builds it again."
FROM_OUTSIDE = {
    "host_shutdown": (
        "It was told to end from outside Runyard: somebody stopped it, or the target or its engine "
        f"was going down. {AGAIN}"
    ),
    "host_restarted": f"The target or its engine stopped or restarted meanwhile. {AGAIN}",
}
"""What is said of a build that something else than Runyard ended, by the reason in its record."""


def build_folder(build: Build) -> str:
    """The name of its folder on the target."""
    return f"{instance_key()}-build-{build.pk}"


def is_local(target: ComputeTarget) -> bool:
    """Whether what runs there has the studio's own rights and can use the studio's own uv."""
    return target.kind == "local"


@dataclass(frozen=True)
class Work:
    """What a build is to do, as plain data."""

    argv: Sequence[str]
    order: Mapping[str, Any] | None = None
    """For the runner's own `build`, as PROTOCOL.md words build.json."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    hidden: Sequence[str] = field(default=(), repr=False)
    """Values that its log may not show."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else its spec says."""
    image: str = ""
    """What it runs in, and that image's Python which keeps it, where a place has images."""
    python: str = ""


def runner_work(session: Session, order: Mapping[str, Any], *, python: str = "") -> Work:
    """The runner's own `build` of such an order, by the Python that it runs under everywhere."""
    facts = session.facts
    runner = f"{facts['root']}/runner/{session.runner_sha}"
    argv = runner_argv(python or facts["python"], runner, "build", ".")
    return Work(argv=argv, order=order)


def folder_work(build: Build, session: Session, *, python: str, path: str) -> Work:
    """Making a virtual environment in its folder on the target."""
    order: dict[str, Any] = {
        "path": path,
        "key": build.key,
        "cache": f"{session.facts['root']}/uv-cache",
    }
    if build.version.spec["kind"] == CONDA:
        return runner_work(session, {**order, "conda": build.version.spec["conda"], "tool": python})
    order |= {
        "python": python,
        "uv": find_uv_bin() if is_local(build.target) else session.facts["uv"],
        "requirements": build.lock.text if build.lock else "",
        "fresh": build.generation > 0,
        "smoke": version_smoke(build.version),
    }
    sources = package_sources(build, has_our_uv=is_local(build.target))
    return sourced(runner_work(session, {**order, **sources.order}), sources)


@dataclass(frozen=True)
class Sources:
    """Where the packages of a build come from; lives only as long as the launch."""

    variables: Mapping[str, str] = field(repr=False)
    hidden: Sequence[str] = field(default=(), repr=False)
    authority: str = ""

    @property
    def order(self) -> dict[str, str]:
        """What the runner's own `build` needs to know of it."""
        return {"authority": self.authority} if self.authority else {}


def package_sources(build: Build, *, has_our_uv: bool) -> Sources:
    """The workspace's indexes; without any the studio's own, where its uv is used."""
    indexes, authority = index_list(workspace=build.version.environment.workspace)
    studio = registry_variables()
    if not indexes:
        return Sources(studio if has_our_uv else {})
    hidden = sorted({index.password for index in indexes if index.password})
    return Sources(uv_variables(indexes, studio), hidden, authority)


def sourced(work: Work, sources: Sources) -> Work:
    """The work with what it may need to fetch packages."""
    return replace(work, secrets=sources.variables, hidden=sources.hidden)


def build_place(build: Build) -> Place:
    """Where a build goes on: its target, or here where its target's engine is told what to do.

    Raises:
        TargetRefused: the target's kind is not known to this version.
    """
    return studio_place() if build.on_studio else target_place(target=build.target)


def build_launch(*, build: Build, session: Session, work: Work) -> None:
    """Start a queued build if its target has a free build slot; `build` then shows how it is.

    May be repeated by anybody at any time: the claim on the target decides.

    Raises:
        TargetUnreachable: nobody knows yet whether it started; launch again.
    """
    token = _slot_take(build)
    if token:
        try:
            handle = session.place.launcher(session).launch(
                LaunchSpec(
                    name=build_folder(build),
                    spec=_spec(build, work),
                    secrets=work.secrets,
                    mask=_hidden(build, work.hidden),
                    build=work.order,
                    image=work.image,
                    python=work.python,
                )
            )
            _started(build, handle)
        except TargetRefused as error:
            _not_launched(build, str(error))
        except RunnerRefused as error:
            if error.code != "timeout":  # then it may have started: the next launch finds out
                _not_launched(build, str(error))
        finally:
            Build.objects.filter(pk=build.pk, lease_token=token).update(lease_until=None)
    build.refresh_from_db(fields=["status", "error", "handle", "started_at"])


def _hidden(build: Build, values: Sequence[str]) -> list[str]:
    """Keep with the build, encrypted, what its log has to be held against to its end."""
    hidden = sorted({*build_hidden(build), *values})
    if hidden:
        kept = {str(number): encrypt(text) for number, text in enumerate(hidden)}
        Build.objects.filter(pk=build.pk).update(secret_values=kept)
    return hidden


def build_hidden(build: Build) -> list[str]:
    """Values that may not reach the build's log."""
    build.refresh_from_db(fields=["secret_values"])
    return [decrypt(text) for text in build.secret_values.values()]


def build_handle(build: Build) -> Handle:
    """What finds it again over there."""
    return build.handle or {"kind": build.target.kind, "name": build_folder(build)}


@transaction.atomic
def _slot_take(build: Build) -> str:
    """A lease on the launch, with one of the target's build slots; "" when there is none."""
    target = ComputeTarget.objects.select_for_update().get(pk=build.target_id)
    launching = Q(status=Build.Status.QUEUED, lease_until__gte=Now())
    others = Build.objects.filter(target=target).exclude(pk=build.pk)
    if others.filter(Q(status=Build.Status.RUNNING) | launching).count() >= target.build_slots:
        return ""
    token = holder_token()
    free = Build.objects.filter(
        _UNLEASED, pk=build.pk, status=Build.Status.QUEUED, cancel_requested_at=None
    )
    return token if free.update(lease_token=token, lease_until=Now() + _LEASE) else ""


@transaction.atomic
def _not_launched(build: Build, why: str) -> None:
    """It failed before it began; what was laid out for it over there is removed.

    Its lease ends with it: the worker that removes is there at once, and takes nobody's build.
    """
    _move(build.pk, Build.Status.FAILED, error=why, ended_at=timezone.now(), lease_until=None)
    enqueue("environments.jobs.store", build.pk)


@transaction.atomic
def _started(build: Build, handle: Handle) -> None:
    now = timezone.now()
    if _move(build.pk, Build.Status.RUNNING, handle=handle, started_at=now, lease_until=None):
        hint_monitor("studio" if build.on_studio else f"target {build.target_id}")
    if Build.objects.filter(pk=build.pk).exclude(cancel_requested_at=None).exists():
        enqueue("environments.jobs.stop", build.pk)


def _spec(build: Build, work: Work) -> dict[str, Any]:
    return {
        "protocol": 1,
        "task": build.task,
        "argv": list(work.argv),
        "cwd": ".",
        "time_limit_s": _TIME_LIMIT_S,
        "grace_s": _GRACE_S,
        "cookie": build_folder(build),
        **work.more,
    }


@transaction.atomic
def build_cancel(*, user: User, build: Build) -> None:
    """Ask for the end of a build; asking again, or after its end, changes nothing.

    One that was never launched ends at once; else its target is told.

    Raises:
        Forbidden: the user may not write here.
    """
    require_role(user, build.target.workspace, Role.CONTRIBUTOR)
    now = timezone.now()
    live = Build.objects.filter(pk=build.pk, cancel_requested_at=None).exclude(status__in=ENDED)
    if not live.update(cancel_requested_at=now):
        return
    if not _move(build.pk, Build.Status.CANCELED, ended_at=now, lease_token=""):
        enqueue("environments.jobs.stop", build.pk)


def build_stop(*, build_id: int) -> None:
    """Tell the target of a build that shall end; an unreachable one hears it from a later sweep."""
    build = Build.objects.select_related("target").get(pk=build_id)
    if build.status in ENDED or build.cancel_requested_at is None:
        return
    try:
        with session_for(build_place(build)) as session:
            session.place.launcher(session).stop(
                build_handle(build), reason="canceled_by_user", grace_s=_GRACE_S
            )
    except (TargetUnreachable, TargetRefused):
        log.info("build %s: the wish to stop waits until the target is reachable", build_id)
        return
    if Build.objects.filter(_UNLEASED, pk=build_id).exists():
        _started(build, build_handle(build))  # its launcher died: what became of it is seen later


def builds_to_stop() -> list[int]:
    """Builds that were asked to end a while ago and have not."""
    asked = Build.objects.filter(cancel_requested_at__lt=timezone.now() - _PATIENCE)
    return list(asked.exclude(status__in=ENDED).values_list("pk", flat=True))


def build_finished(
    *, build: Build, exited: Mapping[str, Any] | None, receipt: Mapping[str, Any], log_tail: bytes
) -> None:
    """Take note of how a build ended; all bytes of its log are stored already.

    `exited` is the target's own record, None when nobody saw the end. May be repeated:
    the first call counts. Whatever waited for the build goes on; what it leaves over there that
    is of no use any more, or an image that is to be stored first, is asked of a worker.
    """
    build.refresh_from_db(fields=["cancel_requested_at"])
    status, error = _outcome(build, exited, log_tail)
    is_told_to_end = status == Build.Status.FAILED and _reason(exited) == "host_shutdown"
    if (status == Build.Status.READY or is_told_to_end) and leaves_container(build):
        running = Build.objects.filter(pk=build.pk, status=Build.Status.RUNNING)
        running.update(receipt=dict(receipt), error=error)  # for the engine knows who told it
        enqueue("environments.jobs.store", build.pk)
        return
    with transaction.atomic():
        _move(build.pk, status, error=error, receipt=dict(receipt), ended_at=timezone.now())
        enqueue("runs.jobs.dispatch", build.target_id)
        enqueue("environments.jobs.store", build.pk)
        if status == Build.Status.READY:
            _look_anew(build)


def leaves_container(build: Build) -> bool:
    """Whether what it makes is an image, which is stored when its container has ended."""
    return build.target.kind == "docker" and not build.on_studio


def build_stored(*, build: Build, error: str = "") -> None:
    """Take note that a build's image can be used now, or why it cannot."""
    to = Build.Status.FAILED if error else Build.Status.READY
    with transaction.atomic():
        _move(build.pk, to, error=error, ended_at=timezone.now())
        enqueue("runs.jobs.dispatch", build.target_id)
        if not error:
            _look_anew(build)


def _look_anew(build: Build) -> None:
    """What lies there was made a moment ago, and may take more room than there is."""
    earlier = BuiltEnvironment.objects.filter(target=build.target_id, key=build.key)
    earlier.update(fault="", verified_at=None)
    enqueue("environments.jobs.clean", build.target_id)


def _outcome(
    build: Build, exited: Mapping[str, Any] | None, log_tail: bytes
) -> tuple[Build.Status, str]:
    if exited is not None and (exited.get("status") or {}).get("exited") == 0:
        return Build.Status.READY, ""
    if build.cancel_requested_at is not None:
        return Build.Status.CANCELED, ""
    if exited is None:
        return Build.Status.FAILED, "Nobody saw how it ended: the next run builds it again."
    if exited.get("reason") == "timed_out":
        return Build.Status.FAILED, f"It took longer than {_TIME_LIMIT_S // 60} minutes."
    told = FROM_OUTSIDE.get(_reason(exited))
    said = exited.get("error") or told or build_error(log_tail) or "It said nothing of why."
    return Build.Status.FAILED, str(said)


def _reason(exited: Mapping[str, Any] | None) -> str:
    return str((exited or {}).get("reason") or "")


def _move(
    build_id: int, to: Build.Status, *, lease_token: str | None = None, **fields: Any
) -> bool:
    """Move a build if it is where the move is lawful, and tell whoever looks at it: whether it was.

    The only place that changes a build's status.
    """
    builds = Build.objects.filter(pk=build_id, status__in=_BEFORE[to])
    if to in ENDED:
        fields["secret_values"] = {}  # its log is stored: nothing is left to hide
        fields["held_up"] = ""
    if lease_token is not None:
        builds = builds.filter(lease_token=lease_token)
    if not builds.update(status=to, **fields):
        return False
    build_changed(build_id)
    return True


def build_changed(build_id: int) -> None:
    """Wake the pages that show this build, once the transaction commits."""
    push(f"build.{build_id}", {"type": "build.changed", "build": build_id})
    workspace = Build.objects.values_list("target__workspace", flat=True).get(pk=build_id)
    push(f"environments.{workspace}", {"type": "environments.changed"})
