"""The one question that runs ask: how far is this environment on this target?"""

from __future__ import annotations

from compute.models import ComputeTarget
from compute.session import Session
from environments.models import Build, EnvironmentVersion
from environments.services import ensure, images
from environments.services.ensure import EnvironmentState
from environments.spec import USER_MANAGED


def build_ensure(
    *,
    version: EnvironmentVersion,
    target: ComputeTarget,
    session: Session,
    waited_for: Build | None = None,
    anew: str = "",
) -> EnvironmentState:
    """How far the environment is on the target; what is missing has been set going.

    However many ask at once, one build is made for a key on a target. A build that failed
    is the verdict only for those who waited for that very one (`waited_for`); whoever
    comes later gets a new one. What is built is looked at each time, never assumed. With
    `anew`, a sentence that says why, it is built although it is ready.

    Raises:
        TargetUnreachable: the link broke; ask again.
    """
    is_image = session.place.images is not None and version.spec["kind"] != USER_MANAGED
    answer = images.image_ensure if is_image else ensure.folder_ensure
    return answer(version=version, target=target, session=session, waited_for=waited_for, anew=anew)
