"""The list of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from runs.addresses import list_url
from runs.query import Query, QueryError, parse
from runs.selectors.rows import runs_by_ids, runs_newly_matching
from runs.selectors.runs import RunPage, run_table
from runs.selectors.views import view_list
from runs.services.bulk import AT_ONCE
from runs.views.columns import Column, columns_read, columns_text, table_heads
from runs.views.rows import run_rows
from studio.models import Role
from studio.pages import PageRequest, current_workspace, page, role_here

PAGE_SIZES = (50, 100, 250)
_MAX_ROWS = 250
USUAL_VIEWS = (
    ("All", ""),
    ("Live", "status:live"),
    ("Failed", "status:failed"),
    ("Mine", "user:me"),
)
EXAMPLES = (
    ("status:failed created>1d", "failed in the last day"),
    ("metrics.r2>0.4 sort:-metrics.r2", "good ones, the best first"),
    ("params.lr<0.001 -tag:draft", "a parameter, and a tag that it must not have"),
    ("tag:seed=3 experiment:ridge,lasso", "a tag's value, either of two experiments"),
    ("duration>1h target:gpu-1 user:me", "my long ones on a target"),
    ('"CUDA out of memory"', "words in name, script, description or error"),
    ("created>=2026-11-01 created<2026-12-01", "of one month"),
    ("is:archived", "those that are put away"),
)


@dataclass(frozen=True)
class Asked:
    """What an address of the list asks for."""

    text: str
    """The query as it was typed."""
    query: Query
    columns: Sequence[Column]
    page: int
    size: int
    problem: QueryError | None

    @property
    def more(self) -> dict[str, str]:
        """What stays in the address when the query changes."""
        size = str(self.size) if self.size != PAGE_SIZES[0] else ""
        return {"columns": columns_text(self.columns), "size": size}


@page
def listed(request: PageRequest) -> HttpResponse:
    """The runs that match, a page at a time."""
    workspace = current_workspace(request)
    asked = list_asked(request)
    found = (
        RunPage([], 0, 1, 1, 0)
        if asked.problem
        else run_table(
            user=request.user,
            workspace=workspace,
            query=asked.query,
            page=asked.page,
            page_size=asked.size,
        )
    )
    role = role_here(request, workspace)
    first = (found.page - 1) * asked.size
    context = {
        "section": "runs",
        "workspace": workspace,
        "may_change": role in {Role.CONTRIBUTOR, Role.ADMIN},
        "asked": asked,
        "caret": " " * asked.problem.at if asked.problem else "",
        "found": found,
        "first": first + 1,
        "last": first + len(found.items),
        "rows": run_rows(found.items, asked.columns),
        "heads": table_heads(asked.columns, asked.query, **asked.more),
        "page_sizes": PAGE_SIZES,
        "at_once": AT_ONCE,
        "columns": columns_text(asked.columns),
        "shows_archived": asked.query.has("is"),
        "examples": [(list_url(q, **asked.more), q, why) for q, why in EXAMPLES],
        **_views(request, workspace, asked, is_admin=role == Role.ADMIN),
    }
    status = 422 if asked.problem else 200
    return render(request, "runs/run_list.html", context, status=status)


@page
def rows(request: PageRequest) -> HttpResponse:
    """Rows of some runs as they are now, for a page that shows older ones.

    `X-New-Runs` has the numbers of those that match and that the page cannot know yet: after run
    `after`, or among `others`.
    """
    asked = list_asked(request)
    runs = runs_by_ids(user=request.user, ids=_numbers(request, "ids")[:_MAX_ROWS])
    shown = run_rows(runs, asked.columns)
    context = {"rows": shown, "may_choose": request.GET.get("choose") == "1"}
    answer = render(request, "runs/parts/run_rows.html", context)
    if "after" in request.GET and not asked.problem:
        new = runs_newly_matching(
            user=request.user,
            workspace=current_workspace(request),
            query=asked.query,
            after=_whole(request.GET["after"], 0),
            others=_numbers(request, "others")[:_MAX_ROWS],
        )
        answer["X-New-Runs"] = ",".join(map(str, new[:_MAX_ROWS]))
    return answer


def list_asked(request: HttpRequest) -> Asked:
    """What the address asks for; a query that cannot be read asks for nothing."""
    given = request.GET
    text = given.get("q", "").strip()
    size = _whole(given.get("size"), PAGE_SIZES[0])
    try:
        query, problem = parse(text), None
    except QueryError as error:
        query, problem = Query(), error
    return Asked(
        text=text,
        query=query,
        columns=columns_read(given.getlist("columns")),
        page=_whole(given.get("page"), 1),
        size=size if size in PAGE_SIZES else PAGE_SIZES[0],
        problem=problem,
    )


def _views(
    request: PageRequest, workspace: Any, asked: Asked, *, is_admin: bool
) -> dict[str, object]:
    """The tabs above the table, and which of them is open."""
    columns = columns_text(asked.columns)
    saved = list(view_list(user=request.user, workspace=workspace))
    opened = _whole(request.GET.get("view"), 0)
    current = next((view for view in saved if view.pk == opened), None)
    usual = [
        (name, list_url(q, **asked.more), current is None and asked.text == q)
        for name, q in USUAL_VIEWS
    ]
    return {
        "usual_views": usual,
        "saved_views": [
            (view, list_url(view.query, columns=view.columns, view=view.pk), view == current)
            for view in saved
        ],
        "view": current,
        "view_is_mine": current is not None and (is_admin or current.user_id == request.user.pk),
        "view_differs": current is not None
        and (current.query, current.columns) != (asked.text, columns),
    }


def _numbers(request: HttpRequest, name: str) -> list[int]:
    return [
        int(part)
        for part in request.GET.get(name, "").split(",")
        if part.isascii() and part.isdigit() and len(part) < 12
    ]


def _whole(text: str | None, otherwise: int) -> int:
    is_whole = text and text.isascii() and text.isdigit() and len(text) < 10
    return int(text) if text and is_whole else otherwise
