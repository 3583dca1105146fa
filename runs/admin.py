"""The product in the admin console: what the engine writes is read there, and asked to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse

from runs.models import (
    Artifact,
    Attempt,
    Blob,
    Delivery,
    Experiment,
    GitCredential,
    GitHost,
    GpuLoan,
    MetricChunk,
    MetricSeries,
    Notices,
    Run,
    RunEvent,
    RunParam,
    SavedView,
    Snapshot,
    Source,
    SourceImport,
    SourceSnapshot,
)
from runs.services.again import run_again, run_wake
from runs.services.cancel import run_archive, run_cancel
from runs.services.retention import run_purge
from studio.console import Records, Rows, act
from studio.models import User


class AttemptRows(Rows):
    model = Attempt
    fields = ("number", "folder", "end_reason", "created_at", "started_at", "ended_at")


class EventRows(Rows):
    model = RunEvent
    fields = ("at", "kind", "old_status", "new_status", "text", "user")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("user")


@admin.register(Run)
class RunAdmin(Records[Run]):
    list_display = (
        "id",
        "name",
        "experiment",
        "target",
        "status",
        "end_reason",
        "submitted_by",
        "created_at",
        "ended_at",
        "deleted_at",
    )
    # no date_hierarchy, which groups all rows by a function of theirs: 2.6 s at 100,000 runs
    list_filter = (
        "status",
        "created_at",
        "end_reason",
        ("archived_at", admin.EmptyFieldListFilter),
        ("deleted_at", admin.EmptyFieldListFilter),
        "target",
        "workspace",
    )
    search_fields = ("=id", "uid", "name", "error", "experiment__name")
    list_select_related = ("experiment", "target", "submitted_by", "workspace")
    exclude = ("secret_variables", "secrets")
    readonly_fields = ("secret_names",)
    inlines = (AttemptRows, EventRows)
    actions = ("cancel", "again", "wake", "archive", "unarchive", "delete")

    @admin.display(description="secrets")
    def secret_names(self, run: Run) -> str:
        """Their names: what they hold is never shown."""
        return ", ".join(sorted({*run.secret_variables, *run.secrets})) or "-"

    def view_on_site(self, obj: Any) -> str:
        return reverse("runs:detail", args=[obj.pk])

    @admin.action(description="Cancel")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        _each(request, queryset, run_cancel, done="asked to end")

    @admin.action(description="Run again as new runs")
    def again(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        _each(request, queryset, run_again, done="queued again")

    @admin.action(description="Requeue: give the hint for the next step again")
    def wake(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        _each(request, queryset, run_wake, done="woken")

    @admin.action(description="Archive")
    def archive(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        _each(request, queryset, run_archive, done="archived", archived=True)

    @admin.action(description="Show in lists again")
    def unarchive(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        _each(request, queryset, run_archive, done="shown in lists again", archived=False)

    @admin.action(description="Delete with logs, metrics and artifacts")
    def delete(self, request: HttpRequest, queryset: QuerySet[Run]) -> TemplateResponse | None:
        """Ask first: what is deleted does not come back."""
        if request.POST.get("sure"):
            _each(request, queryset, run_purge, done="deleted")
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Delete runs",
            "opts": self.model._meta,
            "chosen": request.POST.getlist("_selected_action"),
            "across": request.POST.get("select_across", "0"),
            "count": queryset.count(),
            "some": queryset[:20],
        }
        return TemplateResponse(request, "admin/runs/run/delete_runs.html", context)


def _each(
    request: HttpRequest,
    runs: QuerySet[Run],
    service: Callable[..., object],
    *,
    done: str,
    **more: bool,
) -> None:
    user: User = request.user  # type: ignore[assignment]  # the console is the owner's
    act(request, runs, lambda run: service(user=user, run=run, **more), done=done)


@admin.register(Attempt)
class AttemptAdmin(Records[Attempt]):
    list_display = ("id", "run", "number", "folder", "end_reason", "started_at", "ended_at")
    list_filter = ("started_at", ("ended_at", admin.EmptyFieldListFilter))
    search_fields = ("=run__id", "folder")
    list_select_related = ("run",)
    exclude = ("lease_token", "secret_values")


@admin.register(GpuLoan)
class GpuLoanAdmin(Records[GpuLoan]):
    list_display = ("target", "gpu", "run", "lent_at", "returned_at")
    list_filter = ("target", ("returned_at", admin.EmptyFieldListFilter))
    search_fields = ("=run__id", "gpu")
    list_select_related = ("target", "run")


@admin.register(GitCredential)
class GitCredentialAdmin(Records[GitCredential]):
    list_display = ("name", "workspace", "kind", "host", "created_by", "last_used_at")
    list_filter = ("kind", "workspace")
    search_fields = ("name", "host")
    list_select_related = ("workspace", "created_by")
    exclude = ("secret",)


@admin.register(GitHost)
class GitHostAdmin(Records[GitHost]):
    list_display = ("name", "key_type", "workspace", "seen_at")
    list_filter = ("key_type", "workspace")
    search_fields = ("name",)
    list_select_related = ("workspace",)


@admin.register(SourceImport)
class SourceImportAdmin(Records[SourceImport]):
    list_display = ("id", "url", "ref", "status", "run", "user", "created_at", "ended_at")
    list_filter = ("status", "workspace")
    search_fields = ("url", "ref", "error")
    list_select_related = ("run", "user", "workspace")
    exclude = ("request", "lease_token")


@admin.register(RunEvent)
class RunEventAdmin(Records[RunEvent]):
    list_display = ("at", "run", "kind", "old_status", "new_status", "text", "user")
    list_filter = ("at",)
    search_fields = ("=run__id", "kind", "text")
    list_select_related = ("run", "user")


@admin.register(Experiment)
class ExperimentAdmin(Records[Experiment]):
    list_display = ("name", "workspace", "created_at", "archived_at")
    list_filter = ("workspace", ("archived_at", admin.EmptyFieldListFilter))
    search_fields = ("name",)
    list_select_related = ("workspace",)
    date_hierarchy = "created_at"


@admin.register(Source)
class SourceAdmin(Records[Source]):
    list_display = ("name", "workspace", "kind", "location", "created_at")
    list_filter = ("kind", "workspace")
    search_fields = ("name", "location")
    list_select_related = ("workspace",)
    date_hierarchy = "created_at"


@admin.register(Snapshot)
class SnapshotAdmin(Records[Snapshot]):
    list_display = ("digest", "workspace", "file_count", "size_bytes", "created_at")
    list_filter = ("created_at", "workspace")
    search_fields = ("digest", "sources__name")
    list_select_related = ("workspace",)


@admin.register(SourceSnapshot)
class SourceSnapshotAdmin(Records[SourceSnapshot]):
    list_display = ("source", "snapshot", "created_at", "seen_at")
    list_filter = ("seen_at",)
    search_fields = ("source__name", "snapshot__digest")
    list_select_related = ("source", "snapshot")


@admin.register(Artifact)
class ArtifactAdmin(Records[Artifact]):
    list_display = ("path", "run", "size_bytes", "sha", "created_at")
    list_filter = ("created_at",)
    search_fields = ("=run__id", "path", "sha")
    list_select_related = ("run",)


@admin.register(Blob)
class BlobAdmin(Records[Blob]):
    list_display = ("sha", "workspace", "size_bytes", "pinned_until")
    list_filter = ("pinned_until", "workspace")
    search_fields = ("sha",)
    list_select_related = ("workspace",)


@admin.register(MetricSeries)
class MetricSeriesAdmin(Records[MetricSeries]):
    list_display = ("name", "run", "count", "last", "minimum", "maximum", "updated_at")
    list_filter = ("updated_at",)
    search_fields = ("=run__id", "name")
    list_select_related = ("run",)


@admin.register(RunParam)
class RunParamAdmin(Records[RunParam]):
    list_display = ("name", "text", "run")
    search_fields = ("=run__id", "name")
    list_select_related = ("run",)


@admin.register(SavedView)
class SavedViewAdmin(Records[SavedView]):
    list_display = ("name", "query", "columns", "user", "workspace", "is_shared")
    list_filter = ("is_shared", "workspace")
    search_fields = ("name", "query", "user__username")
    list_select_related = ("user", "workspace")


@admin.register(MetricChunk)
class MetricChunkAdmin(Records[MetricChunk]):
    list_display = ("id", "series", "index")
    search_fields = ("=series__run__id", "series__name")
    list_select_related = ("series__run",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[MetricChunk]:
        return super().get_queryset(request).defer("points")


@admin.register(Notices)
class NoticesAdmin(Records[Notices]):
    list_display = ("user", "only_failures", "email", "webhook_host")
    list_filter = ("only_failures",)
    search_fields = ("user__username", "email", "webhook_host")
    list_select_related = ("user",)
    exclude = ("secret_url", "secret_key")


@admin.register(Delivery)
class DeliveryAdmin(Records[Delivery]):
    list_display = ("id", "user", "run", "channel", "attempts", "answer", "next_at", "delivered_at")
    list_filter = ("channel", "created_at", ("delivered_at", admin.EmptyFieldListFilter))
    search_fields = ("=run__id", "user__username", "answer")
    list_select_related = ("user", "run")
