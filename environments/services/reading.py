"""What a definition would make, told before it is saved."""

from __future__ import annotations

from dataclasses import dataclass

from compute.selectors import target_list
from environments.fit import misfit
from environments.models import Environment
from environments.selectors import version_number
from environments.services.environments import definition_read
from environments.spec import Definition, Spec, spec_digest, spec_notes
from studio.lib.refusal import Refused
from studio.models import User, Workspace


@dataclass(frozen=True)
class Reading:
    """A definition as the studio understands it."""

    spec: Spec
    notes: list[str]
    """What of it is not used, or needs something of its target."""
    outcome: str
    """Which version saving it makes, if any; "" as long as it has no name."""
    fits: list[str]
    """Targets that can have it, by name."""
    misfits: list[str]
    """Sentences about those that cannot."""

    @property
    def packages(self) -> list[str] | None:
        """What a Python index is asked for, a line each; None: nothing is."""
        text = self.spec.get("requirements")
        return None if text is None else str(text).splitlines()


def environment_read(
    *, user: User, workspace: Workspace, name: str, definition: Definition, based_on: str = ""
) -> Reading:
    """What a definition means and where it can be used; nothing is written.

    Raises:
        Refused: it cannot be used; the field names the part of it.
    """
    spec, _ = definition_read(workspace=workspace, based_on=based_on, definition=definition)
    verdicts = {
        target.name: misfit(
            spec,
            called=name or "this",
            target=target.name,
            kind=target.kind,
            facts=target.facts,
        )
        for target in target_list(workspace=workspace, user=user)
    }
    return Reading(
        spec=spec,
        notes=spec_notes(spec),
        outcome=_outcome(workspace, name, spec) if name else "",
        fits=[target for target, problem in verdicts.items() if not problem],
        misfits=[problem for problem in verdicts.values() if problem],
    )


def _outcome(workspace: Workspace, name: str, spec: Spec) -> str:
    environment = Environment.objects.filter(workspace=workspace, name=name).first()
    if environment is None:
        return f"It becomes {name}:1."
    if environment.origin == Environment.Origin.CURATED or environment.archived_at:
        why = "archived" if environment.archived_at else "curated"
        raise Refused(f"The environment {name} is {why}: choose another name.", field="name")
    newest = environment.versions.filter(archived_at=None).first()
    if newest is not None and newest.spec_digest == spec_digest(spec):
        return f"{newest} says the same: saving changes nothing."
    return f"It becomes {name}:{version_number(environment=environment)}."
