"""How pages write statuses, times, sizes and form fields."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.contrib.messages.storage.base import Message
from django.forms import BoundField, CheckboxInput, Select
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from environments.lock import lock_pins
from runs.addresses import runs_url, tag_url
from runs.models import Run
from runs.selectors.experiments import Result
from runs.sparks import outline_corners
from runs.templatetags.icons import ICONS
from studio.models import Role, User
from studio.pages import WORKSPACE, role_here, workspaces_here
from studio.toasts import undo_of

register = template.Library()

register.filter("lock_pins", lock_pins)
register.simple_tag(runs_url)
register.simple_tag(tag_url)

_STEPS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_THEMES = frozenset({"light", "dark"})
_SIGNIFICANT = 6
_TABS = (
    ("secrets", "runs:secrets", "Secrets", False),
    ("index", "environments:index", "Package index", False),
    ("registries", "compute:registries", "Image registries", True),
    ("credentials", "runs:credentials", "Git credentials", True),
)
"""What a workspace keeps: name, address, words, whether those see it who may only look."""
_CLASSES: dict[type, str] = {CheckboxInput: "form-check-input", Select: "form-select"}


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon in the size and colour of the text around it; it says nothing to screen readers."""
    drawing = mark_safe(ICONS[name])  # noqa: S308  (our own constant)
    return format_html('<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">{}</svg>', drawing)


@register.simple_tag
def status(word: str, label: str = "", extra: str = "") -> SafeString:
    """A status by shape, word and colour."""
    return format_html(
        '<span class="status status-{}{}">{}{}</span>',
        word,
        f" {extra}" if extra else "",
        icon(word if word in ICONS else "unknown"),
        label or word,
    )


@register.simple_tag
def status_icon(word: str) -> str:
    """The address of the picture that a browser's tab shows for a status."""
    return static(f"img/status-{word}.svg")


@register.filter
def duration(value: float | timedelta | None) -> str:
    """Seconds in at most two units: "1 min 20 s"; under ten seconds with one decimal."""
    if value is None:
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    at = next(n for n, (size, _) in enumerate(_STEPS) if whole >= size)
    size, unit = _STEPS[at]
    first = f"{whole // size} {unit}"
    if at == len(_STEPS) - 1:
        return first
    below, below_unit = _STEPS[at + 1]
    rest = whole % size // below
    return f"{first} {rest} {below_unit}" if rest else first


@register.filter
def ago(moment: datetime | None) -> str | SafeString:
    """How long ago, with the exact time on hover; the page keeps it true."""
    if moment is None:
        return ""
    age = (timezone.now() - moment).total_seconds()
    return _time(moment, "just now" if age < 5 else f"{_coarse(age)} ago", elapsed=False)


@register.filter
def ticking(moment: datetime | None) -> str | SafeString:
    """The time since then as a duration that counts up on the page."""
    if moment is None:
        return ""
    return _time(moment, duration((timezone.now() - moment).total_seconds()), elapsed=True)


def _time(moment: datetime, text: str, *, elapsed: bool) -> SafeString:
    age = (timezone.now() - moment).total_seconds()
    return mark_safe(  # noqa: S308  (numbers, and words of our own)
        f'<time-ago data-age="{age:.1f}"{" data-elapsed" if elapsed else ""}>'
        f'<time datetime="{moment.isoformat(timespec="milliseconds")}" '
        f'title="{moment:%Y-%m-%d %H:%M:%S} UTC">{text}</time></time-ago>'
    )


def _coarse(seconds: float) -> str:
    size, unit = next(step for step in _STEPS if seconds >= step[0])
    return f"{int(seconds // size)} {unit}"


@register.filter
def size(count: int | None) -> str:
    """Bytes in the unit that fits: "1.4 MB" (powers of 1,000)."""
    if count is None:
        return ""
    if count < 1000:
        return f"{count} B"
    power = min(4, int(math.log10(count + 0.5) / 3))
    value, unit = count / 1000**power, ("B", "kB", "MB", "GB", "TB")[power]
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


@register.filter
def number(value: float | None) -> str:
    """A metric's value with six significant digits; whole numbers without a point."""
    if value is None:
        return ""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:.{_SIGNIFICANT}g}"


@register.filter
def thousands(count: int) -> str:
    """A count with commas: "1,204,332"."""
    return f"{count:,}"


@register.simple_tag
def spark(run: Run, name: str) -> str | SafeString:
    """The shape of a metric of a run in the size of a word; nothing when it has no two values.

    It costs no query where `series` was prefetched, however long the series is.
    """
    series = next((series for series in run.series.all() if series.name == name), None)
    points = outline_corners(bytes(series.outline)) if series else ""
    if not points:
        return ""
    return format_html(
        '<svg class="spark-line" viewBox="0 0 80 20" role="img" aria-label="{}">'
        '<polyline points="{}"/></svg>',
        f"{name}: {number(series.minimum)} to {number(series.maximum)}" if series else name,
        points,
    )


@register.filter("spark")
def results_spark(results: Sequence[Result]) -> str:
    """The points of a small line through some results, in a box of 100 by 20."""
    values = [result.value for result in results]
    low, high = min(values, default=0.0), max(values, default=0.0)
    step = 100 / max(1, len(values) - 1)
    span = (high - low) or 1.0
    return " ".join(
        f"{n * step:.1f},{19 - 18 * (value - low) / span if high > low else 10:.1f}"
        for n, value in enumerate(values)
    )


@register.inclusion_tag("runs/parts/count_bar.html")
def count_bar(counts: Mapping[str, int]) -> dict[str, Any]:
    """How many of each status, as a bar and in words."""
    total = sum(counts.values())
    parts, words, at = [], [], 0.0
    for word, count in counts.items():
        if count:
            width = 100 * count / total
            parts.append({"word": word, "at": f"{at:.2f}", "width": f"{width:.2f}"})
            words.append(f"{count:,} {word}")
            at += width
    return {"parts": parts, "words": ", ".join(words)}


@register.filter
def item(mapping: Mapping[str, Any], key: str) -> Any:
    """The value under a key, or nothing."""
    return mapping.get(key)


@register.filter
def pairs(mapping: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Keys with values: `mapping.items` in a template would look for a key of that name first."""
    return list(mapping.items())


@register.filter
def as_json(value: object) -> str:
    """A value as JSON that people can read."""
    return json.dumps(value, indent=2, sort_keys=True)


@register.filter
def shell(words: list[str]) -> str:
    """Words as one would type them."""
    return shlex.join(words)


@register.simple_tag(takes_context=True)
def theme(context: Mapping[str, Any]) -> str | SafeString:
    """The theme that this browser chose, as an attribute of the page; nothing: the system's."""
    request: HttpRequest | None = context.get("request")
    chosen = request.COOKIES.get("theme", "") if request else ""
    return format_html(' data-theme="{}"', chosen) if chosen in _THEMES else ""


@register.inclusion_tag("parts/nav.html", takes_context=True)
def nav(context: Mapping[str, Any]) -> dict[str, Any]:
    """The bar at the top: where one is, and in which workspace when there are several."""
    request: HttpRequest = context["request"]
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"user": None, "request": request}
    workspaces = workspaces_here(request)
    chosen = request.session.get(WORKSPACE)
    workspace = next((w for w in workspaces if w.slug == chosen), (*workspaces, None)[0])
    return {
        "user": user,
        "request": request,
        "workspaces": workspaces,
        "workspace": workspace,
        "is_admin": workspace and role_here(request, workspace) == Role.ADMIN,
        "may_submit": workspace and role_here(request, workspace) in {Role.CONTRIBUTOR, Role.ADMIN},
        "section": context.get("section", ""),
    }


@register.inclusion_tag("parts/workspace_tabs.html", takes_context=True)
def workspace_tabs(context: Mapping[str, Any], here: str) -> dict[str, Any]:
    """The pages of what a workspace keeps for its runs and builds, as far as one may see them."""
    may_submit = nav(context).get("may_submit")
    tabs = [(*tab[:1], reverse(tab[1]), tab[2]) for tab in _TABS if may_submit or tab[3]]
    return {"tabs": tabs, "here": here}


@register.inclusion_tag("parts/toast.html", takes_context=True)
def toast(context: Mapping[str, Any], message: Message) -> dict[str, Any]:
    """What was just done, and its undo button."""
    return {
        "message": message,
        "undo": undo_of(message),
        "csrf_token": context.get("csrf_token"),
    }


@register.inclusion_tag("parts/field.html")
def field(bound: BoundField, hint: str = "") -> dict[str, Any]:
    """A form field with its label, its hint, and what is wrong with its value beside it."""
    widget = bound.field.widget
    classes = [_CLASSES.get(type(widget), "form-control"), widget.attrs.get("class", "")]
    classes += ["is-invalid"] if bound.errors else []
    attributes: dict[str, str | bool] = {"class": " ".join(filter(None, classes))}
    described = [f"{bound.id_for_label}-hint"] if hint or bound.help_text else []
    described += [f"{bound.id_for_label}-problem"] if bound.errors else []
    if described:
        attributes["aria-describedby"] = " ".join(described)
    return {
        "bound": bound,
        "widget": bound.as_widget(attrs=attributes),
        "is_check": isinstance(widget, CheckboxInput),
        "hint": hint or bound.help_text,
    }
