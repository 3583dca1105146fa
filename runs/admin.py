"""The product in the admin console: what the engine writes can be read there, not changed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from runs.models import (
    Artifact,
    Attempt,
    Blob,
    Experiment,
    GpuLoan,
    Run,
    RunEvent,
    Snapshot,
    Source,
)


class ReadOnly(admin.ModelAdmin[Model]):
    """Records that only the engine writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Run)
class RunAdmin(ReadOnly):
    list_display = ("id", "name", "experiment", "target", "status", "end_reason", "created_at")
    list_filter = ("status", "end_reason", "target")
    search_fields = ("name", "uid", "error")
    list_select_related = ("experiment", "target")
    exclude = ("secret_variables",)


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    list_display = ("id", "run", "number", "end_reason", "started_at", "ended_at")
    list_select_related = ("run",)


@admin.register(GpuLoan)
class GpuLoanAdmin(ReadOnly):
    list_display = ("target", "gpu", "run", "lent_at", "returned_at")
    list_filter = ("target",)
    list_select_related = ("target", "run")


@admin.register(RunEvent)
class RunEventAdmin(ReadOnly):
    list_display = ("at", "run", "kind", "old_status", "new_status", "text")
    list_filter = ("kind",)
    list_select_related = ("run",)


@admin.register(Snapshot)
class SnapshotAdmin(ReadOnly):
    list_display = ("digest", "workspace", "file_count", "size_bytes", "created_at")


@admin.register(Artifact)
class ArtifactAdmin(ReadOnly):
    list_display = ("path", "run", "size_bytes", "created_at")
    search_fields = ("path",)
    list_select_related = ("run",)


@admin.register(Blob)
class BlobAdmin(ReadOnly):
    list_display = ("sha", "workspace", "size_bytes", "pinned_until")


admin.site.register(Experiment)
admin.site.register(Source)
