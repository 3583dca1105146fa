"""Kinds of targets over REST: what each needs to be told."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router, Schema

from compute.backends import KINDS, Backend
from studio.api_types import REFUSALS

router = Router(tags=["targets"])


class SettingOut(Schema):
    """One setting of a kind, as `config` of a target has it."""

    name: str
    label: str
    help: str
    is_required: bool


class KindOut(Schema):
    """A kind of target; `owner_only` says why only the instance owner registers one, if so."""

    kind: str
    label: str
    summary: str
    owner_only: str
    settings: list[SettingOut]


def _out(backend: Backend) -> KindOut:
    return KindOut(
        kind=backend.kind,
        label=backend.label,
        summary=backend.summary,
        owner_only=backend.owner_only,
        settings=[
            SettingOut(
                name=field.name,
                label=field.label,
                help=field.help,
                is_required=field.is_required,
            )
            for field in backend.fields
        ],
    )


@router.get("", response={200: list[KindOut], **REFUSALS}, summary="List kinds of targets")
def kinds(request: HttpRequest) -> list[KindOut]:
    """Every kind of target that can be registered, and its settings."""
    return [_out(backend) for backend in KINDS.values()]
