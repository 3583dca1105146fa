"""The Python of a target that an environment is made with."""

from __future__ import annotations

from dataclasses import replace

from compute.models import ComputeTarget
from compute.session import Session
from environments.fit import no_python
from environments.interpreter import Interpreter, interpreter_from_facts
from environments.models import EnvironmentVersion
from environments.pythons import python_fits, python_may_fit, pythons_found, pythons_named


class NoPython(Exception):
    """The target has none of the wanted version; the text says which it has and what to do."""


def interpreter_for(
    *, version: EnvironmentVersion, target: ComputeTarget, session: Session
) -> Interpreter:
    """The one that the target's runner uses, unless another version is wanted: then the newest.

    Raises:
        NoPython: there is none that fits.
        TargetUnreachable: the link broke; ask again.
    """
    own = interpreter_from_facts(session.facts)
    wanted = version.spec.get("python", "")
    if not wanted or python_fits(wanted, own.version):
        return own
    found = pythons_found(session.facts) or []
    for candidate in found:
        if python_may_fit(wanted, candidate.minor_version):
            python = session.interpreter(candidate.path)
            if python.is_usable and python_fits(wanted, python.version):
                return replace(own, path=python.path, version=python.version)
    raise NoPython(no_python(str(version), wanted, target.name, pythons_named(found)))
