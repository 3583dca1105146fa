"""Compute targets in the admin console: read there, changed on their own pages, which check."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from compute.models import ComputeTarget, DataPath, HealthChange, NamedData, RegistryLogin
from compute.pauses import target_pause, target_resume
from studio.console import Records, act


@admin.register(ComputeTarget)
class ComputeTargetAdmin(Records[ComputeTarget]):
    """A target's record as it stands, and its tap."""

    list_display = ("name", "workspace", "kind", "slots", "enabled", "paused_at", "health",
                    "health_at")  # fmt: skip
    list_filter = ("kind", "health", "enabled", "workspace")
    search_fields = ("name", "health_reason")
    list_select_related = ("workspace",)
    exclude = ("monitor_token",)
    actions = ("drain", "undrain")

    @admin.action(description="Drain: start nothing new there, let go on what runs")
    def drain(self, request: HttpRequest, queryset: QuerySet[ComputeTarget]) -> None:
        user: Any = request.user
        act(
            request,
            queryset,
            lambda target: target_pause(user=user, target=target, drain=True),
            done="drained",
        )

    @admin.action(description="Undrain: start what waits for it")
    def undrain(self, request: HttpRequest, queryset: QuerySet[ComputeTarget]) -> None:
        user: Any = request.user
        act(
            request,
            queryset,
            lambda target: target_resume(user=user, target=target),
            done="undrained",
        )

    def view_on_site(self, obj: Any) -> str:
        return reverse("runs:target", args=[obj.name])


@admin.register(HealthChange)
class HealthChangeAdmin(Records[HealthChange]):
    list_display = ("target", "health", "reason", "at")
    list_filter = ("health", "target")
    search_fields = ("target__name", "reason")
    list_select_related = ("target",)


@admin.register(NamedData)
class NamedDataAdmin(Records[NamedData]):
    list_display = ("name", "workspace", "variable", "created_by", "created_at")
    list_filter = ("workspace",)
    search_fields = ("name", "description")
    list_select_related = ("workspace", "created_by")


@admin.register(DataPath)
class DataPathAdmin(Records[DataPath]):
    list_display = ("data", "target", "path", "kind", "complaint", "checked_at")
    list_filter = ("target",)
    search_fields = ("data__name", "path")
    list_select_related = ("data", "target")


@admin.register(RegistryLogin)
class RegistryLoginAdmin(Records[RegistryLogin]):
    list_display = ("host", "workspace", "username", "created_by", "last_used_at")
    list_filter = ("workspace",)
    search_fields = ("host", "username")
    list_select_related = ("workspace", "created_by")
    exclude = ("secret",)
