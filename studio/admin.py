"""People in the admin console: who they are and what they may do is written there."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from studio.console import Records
from studio.models import (
    ApiToken,
    AuditEvent,
    Instance,
    LoginLink,
    Membership,
    User,
    Workspace,
    WorkspaceSecret,
)

admin.site.unregister(Group)  # roles are memberships of workspaces


@admin.register(User)
class PersonAdmin(UserAdmin[User]):
    list_display = ("username", "email", "is_active", "is_superuser", "last_login", "date_joined")
    list_filter = ("is_active", "is_superuser")
    filter_horizontal = ()
    date_hierarchy = "date_joined"
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name", "email")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners stay: without one nobody could come back in."""
        return not (obj and obj.is_superuser) and super().has_delete_permission(request, obj)


@admin.register(Workspace)
class WorkspaceAdmin(admin.ModelAdmin[Workspace]):
    list_display = ("name", "slug", "created_at")
    search_fields = ("name", "slug")
    readonly_fields = ("created_at",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Its logs and files would stay on the disk with nobody to own them."""
        return False


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin[Membership]):
    list_display = ("user", "workspace", "role")
    list_filter = ("role", "workspace")
    search_fields = ("user__username", "user__email", "workspace__name")
    list_select_related = ("user", "workspace")
    raw_id_fields = ("user",)


class Keys(Records[Any]):
    """What lets somebody in: never shown, only taken away."""

    exclude = ("digest",)
    search_fields: ClassVar[tuple[str, ...]] = ("user__username",)
    list_select_related = ("user",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True


@admin.register(ApiToken)
class ApiTokenAdmin(Keys):
    list_display = ("name", "user", "scope", "created_at", "expires_at", "last_used_at")
    list_filter = ("scope",)
    search_fields = ("name", *Keys.search_fields)


@admin.register(LoginLink)
class LoginLinkAdmin(Keys):
    list_display = ("user", "created_at", "expires_at", "used_at")
    list_filter = (("used_at", admin.EmptyFieldListFilter),)


@admin.register(AuditEvent)
class AuditEventAdmin(Records[AuditEvent]):
    list_display = ("at", "user", "workspace", "action", "subject")
    list_filter = ("at", "workspace")
    search_fields = ("action", "subject", "user__username")
    list_select_related = ("user", "workspace")


@admin.register(Instance)
class InstanceAdmin(Records[Instance]):
    list_display = ("key", "created_at")


@admin.register(WorkspaceSecret)
class WorkspaceSecretAdmin(Records[WorkspaceSecret]):
    list_display = ("name", "workspace", "changed_by", "changed_at", "last_used_at")
    list_filter = ("workspace",)
    search_fields = ("name",)
    list_select_related = ("workspace", "changed_by")
    exclude = ("value",)
