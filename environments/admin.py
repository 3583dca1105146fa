"""Environments in the admin console: versions are immutable, so everything is read there."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from environments.models import (
    BaseImage,
    Build,
    BuildOrder,
    BuiltEnvironment,
    Environment,
    EnvironmentVersion,
    Lock,
    LockUpdate,
    PackageIndex,
    VersionLabel,
)
from environments.services import build_cancel
from studio.console import Records, act


@admin.register(Environment)
class EnvironmentAdmin(Records[Environment]):
    list_display = ("name", "workspace", "origin", "created_by", "created_at")
    list_filter = ("origin", "workspace", ("archived_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "description")
    list_select_related = ("workspace", "created_by")
    date_hierarchy = "created_at"

    def view_on_site(self, obj: Any) -> str:
        return reverse("environments:detail", args=[obj.name])


@admin.register(EnvironmentVersion)
class EnvironmentVersionAdmin(Records[EnvironmentVersion]):
    list_display = ("environment", "number", "spec_digest", "created_by", "created_at")
    list_filter = ("environment__origin", "environment__workspace")
    search_fields = ("environment__name", "spec_digest")
    list_select_related = ("environment", "created_by")


@admin.register(VersionLabel)
class VersionLabelAdmin(Records[VersionLabel]):
    list_display = ("name", "version", "moved_by", "moved_at")
    list_filter = ("environment__workspace",)
    search_fields = ("name", "environment__name")
    list_select_related = ("version__environment", "moved_by")


@admin.register(LockUpdate)
class LockUpdateAdmin(Records[LockUpdate]):
    list_display = ("id", "version", "status", "error", "created_by", "created_at", "ended_at")
    list_filter = ("status", "created_at")
    search_fields = ("=id", "version__environment__name", "error")
    list_select_related = ("version__environment", "created_by")
    exclude = ("lease_token",)


@admin.register(Lock)
class LockAdmin(Records[Lock]):
    list_display = ("version", "python_version", "platform", "created_at")
    search_fields = ("version__environment__name", "text")
    list_select_related = ("version__environment",)


@admin.register(BaseImage)
class BaseImageAdmin(Records[BaseImage]):
    list_display = ("reference", "version", "target", "image", "created_at")
    list_filter = ("target",)
    search_fields = ("reference", "image", "version__environment__name")
    list_select_related = ("version__environment", "target")


@admin.register(Build)
class BuildAdmin(Records[Build]):
    list_display = ("id", "version", "target", "status", "error", "created_at", "ended_at")
    list_filter = ("status", "created_at", "target")
    search_fields = ("=id", "version__environment__name", "error")
    list_select_related = ("version__environment", "target__workspace")
    exclude = ("lease_token", "secret_values")
    actions = ("cancel",)

    @admin.action(description="Cancel")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Build]) -> None:
        user: Any = request.user
        act(
            request,
            queryset,
            lambda build: build_cancel(user=user, build=build),
            done="asked to end",
        )

    def view_on_site(self, obj: Any) -> str:
        return reverse("runs:build", args=[obj.pk])


@admin.register(BuildOrder)
class BuildOrderAdmin(Records[BuildOrder]):
    list_display = ("id", "version", "target", "user", "is_rebuild", "created_at", "ended_at")
    list_filter = ("is_rebuild", "created_at", "target")
    search_fields = ("version__environment__name", "error")
    list_select_related = ("version__environment", "target__workspace", "user")


@admin.register(BuiltEnvironment)
class BuiltEnvironmentAdmin(Records[BuiltEnvironment]):
    list_display = ("key", "target", "kind", "size_bytes", "used_at", "is_pinned", "fault")
    list_filter = ("kind", "is_pinned", "target")
    search_fields = ("key", "fault")
    list_select_related = ("target__workspace",)


@admin.register(PackageIndex)
class PackageIndexAdmin(Records[PackageIndex]):
    list_display = ("workspace", "url", "changed_by", "changed_at")
    search_fields = ("url",)
    list_select_related = ("workspace", "changed_by")
    exclude = ("passwords",)
