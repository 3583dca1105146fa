"""Environments on targets where they are images: one image for a key, whoever asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from compute.image_names import BUILT, ENVIRONMENT
from compute.models import ComputeTarget
from compute.session import Session
from compute.transports.base import TargetRefused
from environments.buildkey import KeyParts, build_key, key_parts
from environments.lock import LockFailed
from environments.models import BaseImage, Build, EnvironmentVersion, Lock
from environments.pythons import python_fits
from environments.selectors import version_smoke
from environments.services.bases import (
    Unusable,
    base_forget_others,
    base_interpreter,
    base_pin,
    pull_launch,
)
from environments.services.builds import (
    ENDED,
    Work,
    build_launch,
    package_sources,
    runner_work,
    sourced,
)
from environments.services.dockerfiles import dockerfile_launch, dockerfile_parts
from environments.services.ensure import (
    Building,
    EnvironmentState,
    Failed,
    Ready,
    build_current,
    build_verdict,
    newest_generation,
    next_generation,
)
from environments.services.imageshelf import image_fault, image_used
from environments.services.locks import lock_ensure
from environments.spec import CONDA, DOCKERFILE, IMAGE, spec_variables

if TYPE_CHECKING:
    from compute.images import EngineImages

STEPS = "image 1"
OVER_STEPS = "image 1, over the packages of its base"
_PULL_STEPS = "pull 1"


def image_ensure(
    *,
    version: EnvironmentVersion,
    target: ComputeTarget,
    session: Session,
    waited_for: Build | None = None,
    anew: str = "",
) -> EnvironmentState:
    """As `build_ensure`, where what is built is an image of the target's engine.

    Raises:
        TargetUnreachable: the link broke; ask again.
    """
    images = session.place.images
    assert images is not None  # noqa: S101  (who calls this has looked)
    asked = _Asked(version, target, session, images, waited_for, anew)
    try:
        return asked.state()
    except (TargetRefused, Unusable) as error:
        sentence = f"The environment {version} cannot be used on {target.name}. {error}"
        return Failed(None, sentence)


class _Asked:
    """One question for an environment, and what belongs to it."""

    def __init__(
        self,
        version: EnvironmentVersion,
        target: ComputeTarget,
        session: Session,
        images: EngineImages,
        waited_for: Build | None,
        anew: str,
    ) -> None:
        self._version, self._target, self._session = version, target, session
        self._images, self._waited_for, self._anew = images, waited_for, anew
        self._reference = str(version.spec.get("image") or images.default)

    def state(self) -> EnvironmentState:
        """How far it is; what is missing has been set going."""
        if self._version.spec["kind"] == DOCKERFILE:
            return self._made()
        base = self._pin(self._reference)
        if base is None:
            return self._pulled(self._reference)
        if self._version.spec["kind"] == IMAGE:
            return self._own(base) if self._has(base) else self._pulled_again(base)
        return self._installed(base)

    def _made(self) -> EnvironmentState:
        """What its Dockerfile makes, under the name that its key gives it."""
        parts = newest_generation(self._target, dockerfile_parts(self._version))
        cause, name = "", f"{BUILT}:{build_key(parts)}"
        if image := self._images.find(name):
            cause = self._cause(parts, image)
            if cause:
                parts = next_generation(parts)
            elif base := self._made_as(name, image):
                return self._own(base)
        if verdict := self._verdict(parts, "There is no image of it."):
            return verdict
        build = self._current(parts, None, on_studio=True, cause=cause)
        labels = self._images.labels(build.key)
        dockerfile_launch(build=build, target=self._target, labels=labels)
        return self._going(build)

    def _made_as(self, name: str, image: str) -> BaseImage | None:
        """What a build made under this name, with its Python; None when it has just gone."""
        base_forget_others(version=self._version, target=self._target, reference=name, image=image)
        return self._pin(name)

    # -- the base

    def _pin(self, reference: str) -> BaseImage | None:
        return base_pin(
            version=self._version, target=self._target, images=self._images, reference=reference
        )

    def _has(self, base: BaseImage) -> bool:
        return bool(self._images.find(base.image))

    def _pulled_again(self, base: BaseImage) -> EnvironmentState:
        if not base.address:
            raise Unusable(
                f"Its image {base} is not on the engine any more, and no registry is known to have "
                "it: load it there again, or make another version of the environment."
            )
        return self._pulled(base.address)

    def _pulled(self, reference: str) -> EnvironmentState:
        """Wait for the engine to have the image."""
        parts = KeyParts(image=reference, steps=_PULL_STEPS)
        if verdict := self._verdict(parts, "The engine has no such image."):
            return verdict
        build = self._current(parts, None, on_studio=True)
        pull_launch(build=build, target=self._target, reference=reference)
        return self._going(build)

    # -- what is installed into it

    def _installed(self, base: BaseImage) -> EnvironmentState:
        lock = self._lock(base)
        steps = OVER_STEPS if self._version.spec.get("image") else STEPS
        parts = key_parts(lock.text, base_interpreter(base), image=base.image, steps=steps)
        parts, cause = newest_generation(self._target, parts), ""
        if image := self._images.built(build_key(parts)):
            cause = self._cause(parts, image)
            if not cause:
                return self._built(base, image)
            parts = next_generation(parts)
        if verdict := self._verdict(parts, "There is no image of it."):
            return verdict
        if not self._has(base):
            return self._pulled_again(base)
        build = self._current(parts, lock, cause=cause)
        build_launch(build=build, session=self._session, work=self._work(build, base))
        return self._going(build)

    def _lock(self, base: BaseImage) -> Lock:
        _check_python(self._version, base)
        try:
            return lock_ensure(
                version=self._version,
                interpreter=base_interpreter(base),
                may_build=False,
                while_waiting=self._session.ping,
            )
        except LockFailed as error:
            raise Unusable(f"Its packages cannot be resolved. {error}") from error

    def _work(self, build: Build, base: BaseImage) -> Work:
        python = base.facts["python"]
        order = {
            "path": ENVIRONMENT,
            "key": build.key,
            "python": python,
            "requirements": build.lock.text if build.lock else "",
            "fresh": build.generation > 0,
            "link_mode": "copy",  # from a volume into the image, whatever lies beneath
            "system_packages": bool(build.version.spec.get("image")),
            "smoke": version_smoke(build.version),
        }
        sources = package_sources(build, has_our_uv=True)
        work = runner_work(self._session, {**order, **sources.order}, python=python)
        return replace(sourced(work, sources), image=base.image, python=python)

    # -- what runs find

    def _own(self, base: BaseImage) -> Ready:
        """The image as it is, with its own Python."""
        python = str(base.facts["python"])
        folder = python.rpartition("/")[0]
        variables = {**base.facts["variables"], **spec_variables(self._version.spec)}
        prefix = folder.rpartition("/")[0] or "/"
        return Ready(prefix, python, folder or "/", variables, image=base.image, keeper=python)

    def _built(self, base: BaseImage, image: str) -> Ready:
        """What was installed into a base."""
        given = {**base.facts["variables"], **spec_variables(self._version.spec)}
        return Ready(
            ENVIRONMENT,
            f"{ENVIRONMENT}/bin/python",
            f"{ENVIRONMENT}/bin",
            {**given, "VIRTUAL_ENV": ENVIRONMENT},
            image=image,
            keeper=str(base.facts["python"]),
        )

    # -- builds

    def _cause(self, parts: KeyParts, image: str) -> str:
        """Why the image of a key is not given to a run, so that it is built anew; "" if it is."""
        target, key = self._target, build_key(parts)
        fault = image_fault(target=target, key=key, image=image)
        if fault or self._anew:
            return self._anew or f"What was built before cannot be used any more. {fault}"
        image_used(target=target, key=key, image=image)
        return ""

    def _verdict(self, parts: KeyParts, why: str) -> Failed | None:
        """The end of the very build that was waited for, if that is how it ended."""
        build = self._waited_for
        if build is not None and build.key == build_key(parts) and build.status in ENDED:
            return Failed(build, build_verdict(build, why))
        return None

    def _current(
        self, parts: KeyParts, lock: Lock | None, *, on_studio: bool = False, cause: str = ""
    ) -> Build:
        return build_current(
            target=self._target,
            version=self._version,
            lock=lock,
            parts=parts,
            on_studio=on_studio,
            cause=cause or self._anew,
        )

    @staticmethod
    def _going(build: Build) -> Building | Failed:
        if build.status == Build.Status.FAILED:
            return Failed(build, build_verdict(build, ""))
        return Building(build)


def _check_python(version: EnvironmentVersion, base: BaseImage) -> None:
    """Whether packages can be installed for the Python that is in there.

    Raises:
        Unusable: they cannot.
    """
    if version.spec["kind"] == CONDA:
        raise Unusable(
            "It is made by conda, which is not used inside of images: name an image that has the "
            "packages, or define the environment by requirements."
        )
    found, wanted = base_interpreter(base), version.spec.get("python")
    if wanted and not python_fits(wanted, found.version):
        raise Unusable(
            f"It needs Python {wanted}, and the image {base.reference} has {found.version}: name "
            f"an image with that Python{f', like python:{wanted}-slim' * wanted[0].isdigit()}."
        )
    if "musl" in found.platform:
        raise Unusable(
            f"The image {base.reference} is made on musl (Alpine), where packages cannot be "
            "installed: name one that is made on glibc, like python:3.12-slim."
        )
