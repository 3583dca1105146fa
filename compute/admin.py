"""Compute targets in the admin console: read there, changed on their own pages, which check."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from compute.models import ComputeTarget


@admin.register(ComputeTarget)
class ComputeTargetAdmin(admin.ModelAdmin[ComputeTarget]):
    """A target's record as it stands."""

    list_display = ("name", "workspace", "kind", "slots", "enabled", "health", "health_at")
    list_filter = ("kind", "health", "enabled")
    search_fields = ("name",)
    list_select_related = ("workspace",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
