"""Getting the environment of a run ready on its target: one build for a key, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from django.db import IntegrityError, transaction

from compute.answers import EnvState
from compute.models import ComputeTarget
from compute.session import Session
from environments.buildkey import CONDA_STEPS, KeyParts, build_key, key_parts
from environments.fit import misfit
from environments.interpreter import Interpreter, interpreter_from_facts
from environments.lock import LockFailed
from environments.models import Build, BuiltEnvironment, Environment, EnvironmentVersion, Lock
from environments.services.builds import ENDED, build_launch, folder_work, is_local
from environments.services.interpreters import NoPython, interpreter_for
from environments.services.locks import lock_ensure
from environments.spec import CONDA, OWN_PYTHON, USER_MANAGED, Spec, spec_variables


@dataclass(frozen=True)
class Ready:
    """It can be used now: its folder, its Python, and the folder that goes before the PATH.

    Where it is an image, all of that lies in there, and runs are made from it.
    """

    path: str
    python: str
    bin: str
    variables: dict[str, str] = field(default_factory=dict)
    """What a command in it finds in its environment."""
    image: str = ""
    """The id of the image that it is, and the path of the Python in it that keeps runs."""
    keeper: str = ""


@dataclass(frozen=True)
class Building:
    """This build has to end first; it may still wait for a build slot."""

    build: Build


@dataclass(frozen=True)
class Failed:
    """It cannot be used; `build` is None when it did not even come to a build."""

    build: Build | None
    sentence: str


EnvironmentState = Ready | Building | Failed


def folder_ensure(
    *,
    version: EnvironmentVersion,
    target: ComputeTarget,
    session: Session,
    waited_for: Build | None = None,
    anew: str = "",
) -> EnvironmentState:
    """As `build_ensure`, where what is built is a folder on the target.

    Raises:
        TargetUnreachable: the link broke; ask again.
    """
    spec = version.spec
    facts = session.facts
    problem = misfit(spec, called=str(version), target=target.name, kind=target.kind, facts=facts)
    if problem:
        return Failed(None, problem)
    if spec["kind"] == USER_MANAGED:
        return _user_managed(version, target, session)
    try:
        interpreter, lock, parts = _plan(version, target, session)
    except NoPython as error:
        return Failed(None, str(error))
    except LockFailed as error:
        is_folders = version.environment.origin == Environment.Origin.FOLDER
        whose = "the folder's requirements.txt" if is_folders else str(version)
        return Failed(None, f"The packages of {whose} cannot be resolved. {error}")
    folder = f"{facts['root']}/envs"
    parts, found = _newest(target, parts, session, folder)
    if found.is_ready and not anew:
        return _folder(f"{folder}/{build_key(parts)}", spec)
    if waited_for is not None and _is_verdict(waited_for, parts):
        return Failed(waited_for, build_verdict(waited_for, found.why))
    cause = anew
    if found.was_ready:  # runs may be using it: it stays as it is, the next one is made beside
        cause = cause or _damage_note(target, parts, found.why)
        parts = next_generation(parts)
        if waited_for is not None and _is_verdict(waited_for, parts):
            return Failed(waited_for, build_verdict(waited_for, found.why))
    build = build_current(target=target, version=version, lock=lock, parts=parts, cause=cause)
    path = f"{folder}/{build.key}"
    work = folder_work(build, session, python=interpreter.path, path=path)
    build_launch(build=build, session=session, work=work)
    if build.status == Build.Status.FAILED:
        return Failed(build, build_verdict(build, found.why))
    return Building(build)


def _newest(
    target: ComputeTarget, parts: KeyParts, session: Session, folder: str
) -> tuple[KeyParts, EnvState]:
    """The newest generation that was ready once, or the first; and how it is now."""
    parts = newest_generation(target, parts)
    found = session.env_state(f"{folder}/{build_key(parts)}")
    if found.is_ready:
        known = BuiltEnvironment.objects.filter(target=target, key=build_key(parts))
        fault = known.values_list("fault", flat=True).first()
        if fault:  # stat cannot see it
            return parts, EnvState(is_ready=False, why=fault, was_ready=True)
    return parts, found


def newest_generation(target: ComputeTarget, parts: KeyParts) -> KeyParts:
    """The newest that was ready once on the target, or the first."""
    ready = Build.objects.filter(
        target=target, base_key=build_key(parts), status=Build.Status.READY
    )
    newest = ready.order_by("-generation").values_list("generation", flat=True).first()
    return parts.in_generation(newest or 0)


def next_generation(parts: KeyParts) -> KeyParts:
    """What is built anew beside what runs may be using."""
    return parts.in_generation(_generation(parts) + 1)


def _generation(parts: KeyParts) -> int:
    return int(parts.generation or 0)


def _is_verdict(waited_for: Build, parts: KeyParts) -> bool:
    """Whether a build that was waited for has ended, and is the one that these parts ask for."""
    return waited_for.status in ENDED and waited_for.key == build_key(parts)


def _damage_note(target: ComputeTarget, parts: KeyParts, fault: str) -> str:
    """Mark what lies there as unusable; why it has to be made again, as a sentence."""
    BuiltEnvironment.objects.update_or_create(
        target=target, key=build_key(parts), defaults={"fault": fault}
    )
    return f"What was built before cannot be used any more. {fault}"


def _plan(
    version: EnvironmentVersion, target: ComputeTarget, session: Session
) -> tuple[Interpreter, Lock | None, KeyParts]:
    """With which Python it is made, of which packages, and what makes it one of its own.

    Conda brings a Python and resolves while it installs, so there is no lock.
    """
    if version.spec["kind"] == CONDA:
        own = interpreter_from_facts(session.facts)
        tool = replace(own, path=str(session.facts["conda"]), version="")
        return tool, None, key_parts(version.spec["conda"], tool, steps=CONDA_STEPS)
    interpreter = interpreter_for(version=version, target=target, session=session)
    lock = lock_ensure(
        version=version,
        interpreter=interpreter,
        may_build=is_local(target),
        while_waiting=session.ping,
    )
    return interpreter, lock, key_parts(lock.text, interpreter)


def _folder(path: str, spec: Spec) -> Ready:
    """An environment that the studio made, with what its commands find in their environment."""
    folder = f"{path}/bin"
    own = {"CONDA_PREFIX" if spec["kind"] == CONDA else "VIRTUAL_ENV": path}
    return Ready(path, f"{folder}/python", folder, {**spec_variables(spec), **own})


def _user_managed(
    version: EnvironmentVersion, target: ComputeTarget, session: Session
) -> Ready | Failed:
    path = str(version.spec["interpreter_path"])
    if path == OWN_PYTHON:
        path = str(session.facts["python"])
    found = session.interpreter(path)
    if not found.is_usable:
        return Failed(
            None,
            f"The environment {version} cannot be used on {target.name}. {found.why} Install it "
            "there, or give the environment another path.",
        )
    folder = path.rpartition("/")[0]
    home = folder.rpartition("/")[0] or "/"
    return Ready(home, path, folder or "/", spec_variables(version.spec))


def build_verdict(build: Build, why_not_ready: str) -> str:
    """Why what an ended build was to make cannot be used."""
    about = f"Build {build.pk} of {build.version}"
    if build.status == Build.Status.CANCELED:
        return f"{about} was canceled."
    if build.status == Build.Status.READY:
        return f"{about} ended well, but what it made cannot be used. {why_not_ready}"
    return f"{about} failed. {build.error}"


def build_current(
    *,
    target: ComputeTarget,
    version: EnvironmentVersion,
    lock: Lock | None,
    parts: KeyParts,
    on_studio: bool = False,
    cause: str = "",
) -> Build:
    """The one build of this key that is under way; a new one when the last has ended."""
    current: dict[str, Any] = {"target": target, "key": build_key(parts), "is_current": True}
    builds = Build.objects.select_related("version__environment", "target", "lock")
    known = builds.filter(**current).first()
    if known is not None and known.status not in ENDED:
        return known
    try:
        with transaction.atomic():
            if known is not None:
                Build.objects.filter(pk=known.pk).update(is_current=False)
            # of its key, or of another target's on the same engine, there is none any more
            BuiltEnvironment.objects.filter(key=build_key(parts)).update(image="")
            return Build.objects.create(
                version=version,
                lock=lock,
                key_parts=parts.to_json(),
                base_key=build_key(parts.in_generation(0)),
                generation=_generation(parts),
                cause=cause,
                on_studio=on_studio,
                **current,
            )
    except IntegrityError:
        return builds.get(**current)
