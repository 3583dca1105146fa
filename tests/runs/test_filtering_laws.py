"""What the database finds for a query is what one finds by reading every run."""

from __future__ import annotations

import operator
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.models import MetricSeries, Run, RunParam
from runs.params import number_of
from runs.query import Order, Query, Term, parse, statuses
from runs.selectors.runs import run_table
from studio.models import User, Workspace
from tests.api.conftest import MakeRun, digest, make_run  # noqa: F401

PAGE = 3
COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


@dataclass
class Made:
    """A run as it was made."""

    pk: int
    name: str
    status: str
    tags: dict[str, str]
    priority: int
    metrics: dict[str, str]
    params: dict[str, str]
    archived: bool


texts = st.sampled_from(["0.5", "1", "2", "-1", "adam", "nan"])
named = st.dictionaries(st.sampled_from(["a", "b"]), texts)
worlds = st.lists(
    st.builds(
        Made,
        pk=st.just(0),
        name=st.sampled_from(["ridge", "lasso", "adam"]),
        status=st.sampled_from(["queued", "running", "completed", "failed"]),
        tags=st.dictionaries(st.sampled_from(["k", "k=1"]), st.sampled_from(["", "1", "2"])),
        priority=st.integers(0, 2),
        metrics=named,
        params=named,
        archived=st.sampled_from([False, False, False, True]),
    ),
    max_size=8,
)
values = st.lists(texts, min_size=1, max_size=2).map(",".join)
numbers = st.sampled_from(["0.5", "1", "2", "-1"])
paths = st.sampled_from(["metrics.a", "metrics.b", "params.a", "params.b"])
terms = st.builds(
    "{}{}".format,
    st.sampled_from(["", "-"]),
    st.one_of(
        st.builds("{}{}{}".format, paths, st.sampled_from(sorted(COMPARE)), numbers),
        st.builds("{}{}{}".format, paths, st.sampled_from([":", "=", "!="]), values),
        st.builds("priority{}{}".format, st.sampled_from([":", "!=", *COMPARE]), st.integers(0, 2)),
        st.sampled_from(
            ["status:failed", "status!=live", "status:ended,running", "tag:k", "tag:k=1",
             "tag:k=1=2,k=2", "tag!=k", "name:AD", "name=adam", "ridge", "is:archived"]
        ),
    ),
)  # fmt: skip
orders = st.builds(
    "sort:{}{}".format,
    st.sampled_from(["", "-"]),
    st.one_of(paths, st.sampled_from(["name", "priority", "created"])),
)
queries = st.builds(
    lambda asked, by: " ".join([*asked, *by]),
    st.lists(terms, max_size=4),
    st.lists(orders, max_size=2),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(world=worlds, asked=st.lists(queries, min_size=1, max_size=5))
def test_every_page_is_what_reading_every_run_finds(
    world: list[Made],
    asked: list[str],
    bob: User,
    workspace: Workspace,
    make_run: MakeRun,  # noqa: F811
) -> None:
    with transaction.atomic():
        settle(world, make_run)
        for text in asked:
            wanted = expected(world, parse(text))
            found = list(paged(bob, workspace, parse(text), wanted))
            assert found == wanted, text
        transaction.set_rollback(True)


def test_a_page_past_the_end_is_the_last_one(
    bob: User,
    workspace: Workspace,
    make_run: MakeRun,  # noqa: F811
) -> None:
    runs = [make_run(status="failed") for _ in range(PAGE + 1)]
    for text in ("", "status:failed", "status:failed sort:metrics.none"):
        query = parse(text)
        page = run_table(user=bob, workspace=workspace, query=query, page=99, page_size=PAGE)
        assert ([run.pk for run in page.items], page.page, page.pages) == ([runs[0].pk], 2, 2)
        assert (page.total, page.newest) == (PAGE + 1, runs[-1].pk)


def settle(world: list[Made], make_run: MakeRun) -> None:  # noqa: F811
    """Write the world down, the first run as the oldest."""
    first = make_run()
    Run.objects.filter(pk=first.pk).delete()
    for made in world:
        first.pk, first.uid = None, secrets.token_hex(6)
        first.name, first.status, first.tags = made.name, made.status, made.tags
        first.priority = made.priority
        first.archived_at = timezone.now() if made.archived else None
        first.save(force_insert=True)
        made.pk = first.pk
    MetricSeries.objects.bulk_create(
        MetricSeries(run_id=made.pk, name=name, last=number_of(text), text=word(text))
        for made in world
        for name, text in made.metrics.items()
    )
    RunParam.objects.bulk_create(
        RunParam(run_id=made.pk, name=name, text=text, number=number_of(text))
        for made in world
        for name, text in made.params.items()
    )


def word(text: str) -> str:
    """What the studio keeps of a metric's value as text: what is no number."""
    return text if number_of(text) is None else ""


def paged(user: User, workspace: Workspace, query: Query, wanted: list[int]) -> Iterator[int]:
    """The runs of all pages; each page says the same of the whole."""
    total, newest = len(wanted), max(wanted, default=0)
    pages = max(1, -(-total // PAGE))
    for number in range(1, pages + 1):
        page = run_table(user=user, workspace=workspace, query=query, page=number, page_size=PAGE)
        assert (page.total, page.page, page.pages, page.newest) == (total, number, pages, newest)
        yield from (run.pk for run in page.items)


def expected(world: list[Made], query: Query) -> list[int]:
    """The runs that match, in order."""
    found = [made for made in world if all(holds(made, term) for term in query.terms)]
    if not query.has("is"):
        found = [made for made in found if not made.archived]
    found.sort(key=lambda made: -made.pk)
    for order in reversed(query.orders):
        for keys in reversed(keys_of(order)):
            known = [made for made in found if keys(made) is not None]
            known.sort(key=keys, reverse=order.descending)  # type: ignore[arg-type]  # no None
            found = known + [made for made in found if keys(made) is None]
    return [made.pk for made in found]


def keys_of(order: Order) -> list[Callable[[Made], str | float | None]]:
    """What it sorts by, the first one first."""
    name = order.key
    if order.field == "metrics":
        return [lambda made: number_of(made.metrics.get(name, ""))]
    if order.field == "params":
        return [
            lambda made: number_of(made.params.get(name, "")),
            lambda made: made.params.get(name),
        ]
    column = {"created": "pk"}.get(order.field, order.field)
    return [operator.attrgetter(column)]


def holds(made: Made, term: Term) -> bool:
    """Whether the run fits one of the values; or none, if that is asked."""
    return any(fits(made, term, value) for value in term.values) != (
        term.negated != (term.op == "!=")
    )


def fits(made: Made, term: Term, value: str) -> bool:
    """Whether the run fits the value."""
    match term.field:
        case "metrics" | "params":
            return has(getattr(made, term.field).get(term.key), term, value)
        case "priority":
            compare = COMPARE.get(term.op, operator.eq)
            return compare(made.priority, int(value))
        case "status":
            return made.status in statuses(value)
        case "tag":
            return value in made.tags or any(value == f"{k}={v}" for k, v in made.tags.items())
        case "is":
            return made.archived
        case "name" if term.op == "=":
            return made.name == value
        case _:
            return value.lower() in made.name


def has(text: str | None, term: Term, value: str) -> bool:
    """Whether a metric or parameter that is written so fits the value."""
    number, wanted = number_of(text or ""), number_of(value)
    if term.op in COMPARE:
        return number is not None and wanted is not None and COMPARE[term.op](number, wanted)
    if wanted is not None:
        return number == wanted
    return text is not None and text.lower() == value.lower()
