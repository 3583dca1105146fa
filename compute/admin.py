"""Compute targets in the admin console: read there, changed on their own pages, which check."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from compute.models import ComputeTarget, DataPath, NamedData


class ReadOnly(admin.ModelAdmin[Model]):
    """Records as they stand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ComputeTarget)
class ComputeTargetAdmin(ReadOnly):
    list_display = ("name", "workspace", "kind", "slots", "enabled", "health", "health_at")
    list_filter = ("kind", "health", "enabled")
    search_fields = ("name",)
    list_select_related = ("workspace",)


@admin.register(NamedData)
class NamedDataAdmin(ReadOnly):
    list_display = ("name", "workspace", "variable", "created_by", "created_at")
    search_fields = ("name", "description")
    list_select_related = ("workspace", "created_by")


@admin.register(DataPath)
class DataPathAdmin(ReadOnly):
    list_display = ("data", "target", "path", "kind", "complaint", "checked_at")
    list_filter = ("target",)
    search_fields = ("path",)
    list_select_related = ("data", "target")
