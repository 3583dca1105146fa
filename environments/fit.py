"""Whether a target can have an environment at all, from what is known of the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from environments.pythons import python_may_fit, pythons_found, pythons_named
from environments.spec import CONDA, IN_DOCKER


def misfit(
    spec: Mapping[str, Any], *, called: str, target: str, kind: str, facts: Mapping[str, Any]
) -> str:
    """Why the environment `called` so cannot be had on a target, with what to do; "" if it can.

    `facts` are what the target last told of itself: what it never told is not held against it.
    """
    if spec["kind"] in IN_DOCKER and kind != "docker":
        return (
            f"The environment {called} is an image, and {target} has no Docker: choose a Docker "
            "target."
        )
    if kind == "docker":
        return ""  # which Python and what else is there its image tells
    if spec["kind"] == CONDA and facts and not facts.get("conda"):
        return (
            f"The environment {called} needs conda, and {target} has neither micromamba nor conda: "
            "install one there, or choose a target that has it."
        )
    wanted, found = spec.get("python", ""), pythons_found(facts)
    if not wanted or not found:
        return ""
    if any(python_may_fit(wanted, python.minor_version) for python in found):
        return ""
    return no_python(called, wanted, target, pythons_named(found))


def no_python(called: str, wanted: str, target: str, named: str) -> str:
    """The sentence for a version that a target does not have; `named` are those that it has."""
    how = f" (uv python install {wanted}, where its network allows that)" * wanted[0].isdigit()
    return (
        f"The environment {called} wants Python {wanted}, and {target} has {named or 'none'}: "
        f"install it there{how}, choose another target, or define the environment for a version "
        "that is there."
    )
