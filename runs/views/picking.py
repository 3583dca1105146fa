"""Choosing the columns of the table of runs."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from runs.query import KEYED
from runs.selectors.completion import names_known
from runs.views.columns import LABELS, Column
from runs.views.runs import list_asked
from studio.pages import PageRequest, current_workspace, page


@page
def columns(request: PageRequest) -> HttpResponse:
    """All columns that there are, those that are shown first: a page, or a part for a dialog."""
    asked = list_asked(request)
    workspace = current_workspace(request)
    others = [Column(name) for name in LABELS]
    for field in KEYED:
        names = names_known(user=request.user, workspace=workspace, field=field)
        others += [Column(field, name) for name in names]
    context = {
        "section": "runs",
        "asked": asked,
        "view": request.GET.get("view", ""),
        "shown": asked.columns,
        "others": [column for column in others if column not in asked.columns],
    }
    template = "parts/column_form.html" if request.GET.get("part") else "columns.html"
    return render(request, f"runs/{template}", context)
