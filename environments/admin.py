"""Environments in the admin console: versions are immutable, so everything is read there."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from environments.models import Build, Environment, EnvironmentVersion, Lock


class ReadOnly(admin.ModelAdmin[Model]):
    """Records that only services write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Environment)
class EnvironmentAdmin(ReadOnly):
    list_display = ("name", "workspace", "origin", "created_by", "created_at")
    list_filter = ("origin",)
    search_fields = ("name",)
    list_select_related = ("workspace", "created_by")


@admin.register(EnvironmentVersion)
class EnvironmentVersionAdmin(ReadOnly):
    list_display = ("environment", "number", "spec_digest", "created_by", "created_at")
    list_select_related = ("environment", "created_by")


@admin.register(Lock)
class LockAdmin(ReadOnly):
    list_display = ("version", "python_version", "platform", "created_at")
    list_select_related = ("version__environment",)


@admin.register(Build)
class BuildAdmin(ReadOnly):
    list_display = ("id", "version", "target", "status", "error", "created_at", "ended_at")
    list_filter = ("status", "target")
    list_select_related = ("version__environment", "target")
