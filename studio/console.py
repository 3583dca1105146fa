"""What the admin console of every app has in common: one door, records, actions that report."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.text import capfirst
from rq.exceptions import InvalidJobOperation, NoSuchJobError

from studio.lib.refusal import Forbidden, Refused
from studio.pages import refusal_page

M = TypeVar("M", bound=Model)

AT_ONCE = 200
"""So many records one action may touch: each is a service call within one request."""
_INLINE = re.compile(
    rb"<style>.*?</style>|<script[^>]*>\s*\(function.*?</script>|\s(?:style|onclick)=\"[^\"]*\"",
    re.DOTALL,
)


class OwnerSite(admin.AdminSite):
    """Django's console for the owner of the instance alone."""

    site_header = site_title = "Runyard"
    index_title = "Admin console"
    site_url = "/"

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether this is the owner; `is_staff` alone opens nothing."""
        user: Any = request.user
        return bool(user.is_active and user.is_superuser and user.is_staff)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """The sections, with a word for django-rq's that says what it is."""
        sections = super().get_app_list(request, app_label)
        for section in sections:
            if section["app_label"] == "django_rq":
                section["name"], section["models"][0]["name"] = "Queue", "Background jobs"
        return sections

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002
        """A page of the console: a member is told whom it is for, instead of to sign in again."""
        answer: Callable[..., HttpResponseBase] = super().admin_view(view, cacheable)
        if view.__module__.startswith("django_rq"):
            answer = _queue_page(answer)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.user.is_authenticated and not self.has_permission(request):
                sentence = "The admin console is for the owner of this studio alone."
                return refusal_page(request, Forbidden(sentence))
            return answer(request, *args, **kwargs)

        return update_wrapper(guarded, view)


def _queue_page(inner: Callable[..., Any]) -> Callable[..., HttpResponseBase]:
    """A page of django-rq, where jobs vanish once they are done and nothing inline is allowed."""

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response: HttpResponse = inner(request, *args, **kwargs)
        except (Http404, InvalidJobOperation, NoSuchJobError):
            messages.info(request, "This job is done: nothing of it is kept.")
            return redirect("admin:django_rq_dashboard_changelist")
        # decoration, and a script for a Django of long ago: our policy would block it noisily
        response.content = _INLINE.sub(b"", response.content)
        return response

    return answer


class Records(admin.ModelAdmin[M]):
    """Rows that only services write: they are looked at, newest first, however many there are."""

    ordering = ("-pk",)
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Rows(admin.TabularInline[Any, Any]):
    """Records of a record, on its page."""

    extra = 0
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def act(
    request: HttpRequest, records: QuerySet[M], service: Callable[[M], object], *, done: str
) -> None:
    """Call a service for each record, then say how many it did and which refused, and why."""
    chosen = list(records[: AT_ONCE + 1])
    if len(chosen) > AT_ONCE:
        sentence = f"More than {AT_ONCE} were chosen, so nothing was done: choose fewer at a time."
        messages.error(request, sentence)
        return
    refusals = []
    for record in chosen:
        name = capfirst(str(record))  # a record that a service deletes has no name afterwards
        try:
            service(record)
        except Refused as error:
            told = error.sentence
            refusals.append(told if name in told else f"{name}: {told}")
    count = len(chosen) - len(refusals)
    words = records.model._meta
    noun = words.verbose_name if count == 1 else words.verbose_name_plural
    level = messages.SUCCESS if count else messages.WARNING
    messages.add_message(request, level, f"{count} {noun} {done}, {len(refusals)} refused.")
    for refusal in refusals:
        messages.warning(request, refusal)
