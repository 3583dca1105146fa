"""The images that versions stand on: found once, then always the same, and brought there again."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, transaction

from compute.image_names import REGISTRY_LOGIN
from compute.models import ComputeTarget
from compute.references import registry_of
from compute.registries import registry_logins_used
from compute.selectors import registry_logins_for
from compute.services import studio_place
from compute.session import session_for
from environments.interpreter import Interpreter, interpreter_from_facts
from environments.models import BaseImage, Build, EnvironmentVersion
from environments.services.builds import Work, build_launch

if TYPE_CHECKING:
    from compute.images import EngineImages


class Unusable(Exception):
    """Why an environment cannot be used on a target, as a sentence."""


def base_pin(
    *, version: EnvironmentVersion, target: ComputeTarget, images: EngineImages, reference: str
) -> BaseImage | None:
    """The image that a name means to a version on a target; None while the engine lacks it.

    What it means is settled when the engine has it for the first time, and stays.

    Raises:
        TargetRefused: there is no Python in it that can keep a run.
        TargetUnreachable: the engine does not answer.
    """
    wanted = {"version": version, "target": target, "reference": reference}
    known = BaseImage.objects.filter(**wanted).first()
    if known is not None:
        return known
    image = images.find(reference)
    if not image:
        return None
    is_default = reference == images.default
    python = images.site.python if is_default else "python3"
    facts = images.examine(image, name=reference, python=python)
    found = {"image": image, "address": images.address(image), "facts": asdict(facts)}
    try:
        with transaction.atomic():
            return BaseImage.objects.create(**wanted, **found)
    except IntegrityError:
        return BaseImage.objects.get(**wanted)


def base_interpreter(base: BaseImage) -> Interpreter:
    """The Python in it."""
    return interpreter_from_facts(base.facts)


def base_forget_others(
    *, version: EnvironmentVersion, target: ComputeTarget, reference: str, image: str
) -> None:
    """What was made under this name before is not what is there now."""
    known = BaseImage.objects.filter(version=version, target=target, reference=reference)
    known.exclude(image=image).delete()


def pull_launch(*, build: Build, target: ComputeTarget, reference: str) -> None:
    """Set the engine of a target going to bring an image, unless it is."""
    if build.status != Build.Status.QUEUED:
        return
    host = registry_of(reference)
    login = registry_logins_for(workspace=target.workspace, hosts=[host]).get(host)
    secrets = {REGISTRY_LOGIN: json.dumps(login)} if login else {}
    order = {"reference": reference, "engine": engine_words(target)}
    with session_for(studio_place()) as session:
        work = beside_studio("compute.pulling", order, secrets=secrets)
        work = replace(work, hidden=[login["password"]] if login else [])
        build_launch(build=build, session=session, work=work)
    if build.status == Build.Status.RUNNING:
        registry_logins_used(workspace=target.workspace, hosts=[host])


def beside_studio(
    module: str,
    order: Mapping[str, Any],
    *,
    secrets: Mapping[str, str],
    files: Mapping[str, str] | None = None,
) -> Work:
    """One of our programs with its order in a file, under the studio's own Python."""
    return Work(
        argv=[sys.executable, "-m", module, "order/order.json"],
        secrets=secrets,
        more={
            "files": {"order/order.json": json.dumps(order), **(files or {})},
            "pythonpath": [str(settings.BASE_DIR)],
            "path": [os.environ.get("PATH", os.defpath)],
        },
    )


def engine_words(target: ComputeTarget) -> dict[str, str]:
    """How the engine of a target is reached, and the platform of its images; never a secret."""
    words = ("address", "tls", "platform")
    return {name: target.config[name] for name in words if name in target.config}
