"""Encrypting everything anew, in steps that each leave all of it readable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.apps import apps
from django.db import transaction
from django.db.models import Model

from studio.lib.cipherfields import CipherField, CipherMapField
from studio.lib.vault import renewed
from studio.services.audit import audit

_AT_ONCE = 100
"""Rows a transaction: nobody waits long for the database."""


@dataclass
class Rotation:
    """What was done."""

    renewed: int = 0
    """So many values were for an earlier key."""
    unreadable: dict[str, list[int]] = field(default_factory=dict)
    """Rows with a value that none of the keys reads, by the model's name."""


def cipher_columns() -> Iterator[tuple[type[Model], list[str]]]:
    """Every model that holds ciphertext, with the names of its fields that do."""
    for model in apps.get_models():
        names = [
            each.name
            for each in model._meta.concrete_fields
            if isinstance(each, CipherField | CipherMapField)
        ]
        if names:
            yield model, names


def secrets_rotate(*, keys: Sequence[str]) -> Rotation:
    """Encrypt everything with the first of the keys; the others read what is there.

    May be ended at any point and begun again: what is done stays done.
    """
    done = Rotation()
    for model, names in cipher_columns():
        last = 0
        while (reached := _batch(model, names, last, keys, done)) is not None:
            last = reached
    if done.renewed:
        audit(user=None, workspace=None, action="secrets.rotate", subject=f"{done.renewed} values")
    return done


@transaction.atomic
def _batch(
    model: type[Model], names: list[str], after: int, keys: Sequence[str], done: Rotation
) -> int | None:
    """Renew some rows under a lock: the number of the last one; None when there were no more."""
    found = model._base_manager.select_for_update().filter(pk__gt=after).order_by("pk")
    rows = list(found.only("pk", *names)[:_AT_ONCE])
    changed = [row for row in rows if _renew(row, names, keys, done)]
    if changed:
        model._base_manager.bulk_update(changed, names)
    return rows[-1].pk if rows else None


def _renew(row: Model, names: list[str], keys: Sequence[str], done: Rotation) -> bool:
    before = done.renewed
    for name in names:
        value = getattr(row, name)
        try:
            if isinstance(value, dict):
                new: object = {k: _one(text, keys, done) for k, text in value.items()}
            else:
                new = _one(value, keys, done) if value else value
        except ValueError:
            done.unreadable.setdefault(row._meta.label, []).append(row.pk)
            continue
        setattr(row, name, new)
    return done.renewed > before


def _one(text: str, keys: Sequence[str], done: Rotation) -> str:
    new = renewed(text, keys=keys)
    done.renewed += new != text
    return new
