"""Which runs a query finds, and in which order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.models import Experiment, Run
from runs.query import QueryError, parse, quoted
from runs.selectors.runs import run_list
from runs.services.submit import index_params
from studio.models import User, Workspace
from tests.api.conftest import MakeRun, digest, make_run  # noqa: F401


@pytest.fixture
def four(make_run: MakeRun, workspace: Workspace, alice: User) -> dict[str, Run]:  # noqa: F811
    """Runs a to d, the oldest first."""
    now = timezone.now()
    other = Experiment.objects.create(workspace=workspace, name="other one")

    def made(name: str, words: str, **fields: object) -> Run:
        run = make_run(name=name, command=["python", "train.py", *words.split()], **fields)
        index_params(run)
        return run

    runs = {
        "a": made("a", "--lr 0.1 --opt adam", tags={"seed": "3", "x=y": "z"}, priority=5),
        "b": made(
            "b",
            "--lr 1e-4",
            experiment=other,
            status="failed",
            error="KeyError: 'missing'",
            started_at=now - timedelta(hours=3),
            ended_at=now - timedelta(hours=1),
            created_at=now - timedelta(days=10),
        ),
        "c": made(
            "c", "--lr big", submitted_by=alice, status="running",
            started_at=now - timedelta(minutes=10), description="about WHALES",
        ),
        "d": made("d", "", tags={"seed": "4"}, script="src/eval.py", gpus=None),
    }  # fmt: skip
    version = runs["a"].environment_version
    version.environment.labels.create(name="prod", version=version)
    runs["a"].series.create(name="r2", last=0.5, count=1)
    runs["b"].series.create(name="r2", last=-0.25, count=1)
    runs["c"].series.create(name="r2", last=None, text="nan", count=1)
    runs["d"].series.create(name="val loss", last=3, count=1)
    return runs


def found(user: User, workspace: Workspace, text: str) -> str:
    """The names of the runs, in order."""
    page = run_list(user=user, workspace=workspace, query=parse(text))
    return "".join(run.name for run in page.items)


def test_latest_is_the_newest_version_in_use(
    alice: User, workspace: Workspace, four: dict[str, Run]
) -> None:
    old = four["a"].environment_version
    new = old.environment.versions.create(number=old.number + 1, spec=old.spec)
    four["b"].environment_version = new
    four["b"].save()
    wanted = "environment:minimal:latest"
    assert found(alice, workspace, wanted) == "b"
    new.archived_at = timezone.now()
    new.save()
    assert found(alice, workspace, wanted) == "dca"
    old.environment.versions.update(archived_at=timezone.now())
    assert found(alice, workspace, wanted) == "b"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "dcba"),
        ("status:failed", "b"),
        ("status:live", "dca"),
        ("-status:live", "b"),
        ("status!=failed,running", "da"),
        ("status:failed,running", "cb"),
        ('experiment:"other one"', "b"),
        ('-experiment:"other one"', "dca"),
        ("target:local", "dcba"),
        ("user:me", "dba"),
        ("user:owner,me", "dcba"),
        ("environment:minimal", "dcba"),
        ("environment:minimal:1", "dcba"),
        ("environment:minimal:2", ""),
        ("-environment:minimal:2", "dcba"),
        ("environment:minimal:prod", "dcba"),
        ("-environment:minimal:prod", ""),
        ("environment:minimal:latest", "dcba"),
        ("environment:scikit-learn:latest", ""),
        ("environment:minimal:none", ""),
        ("source:x", ""),
        ("-source:x", "dcba"),
        ("name:A", "a"),
        ("name=A", ""),
        ("script:eval", "d"),
        ("script=train.py", "cba"),
        ("error:keyerror", "b"),
        ("tag:seed", "da"),
        ("tag:seed=3", "a"),
        ("-tag:seed=3", "dcb"),
        ("tag:x=y", "a"),
        ("tag:x=y=z", "a"),
        ("tag:x", ""),
        ("metrics.r2>0.4", "a"),
        ("metrics.r2<0", "b"),
        ("metrics.r2>=-0.25", "ba"),
        ("metrics.r2:0.5", "a"),
        ("metrics.r2!=0.5", "dcb"),
        ("metrics.r2:nan", "c"),
        ('metrics."val loss">1', "d"),
        ("params.lr<0.001", "b"),
        ("params.lr=0.0001", "b"),
        ("params.lr:BIG", "c"),
        ("params.lr:0.1,big", "ca"),
        ("params.lr>0.001 params.opt:adam", "a"),
        ("created>7d", "dca"),
        ("created<7d", "b"),
        ("started>1h", "c"),
        ("ended>2h", "b"),
        ("duration>1h", "b"),
        ("duration<1h", "c"),
        ("priority>0", "a"),
        ("priority:0", "dcb"),
        ("gpus:0", "cba"),
        ("whales", "c"),
        ("-whales", "dba"),
        ('"KeyError: \'miss"', "b"),
        ("%", ""),
        ("is:archived", ""),
        ("sort:name", "abcd"),
        ("sort:-metrics.r2", "abdc"),
        ("sort:metrics.r2", "badc"),
        ("sort:params.lr", "bacd"),
        ("sort:-params.lr", "abcd"),
        ("sort:-duration", "bcda"),
        ("sort:-started,name", "cbad"),
        ("sort:experiment,-name", "bdca"),
        ("sort:created", "abcd"),
        ("status:live sort:name tag:seed", "ad"),
    ],
)
def test_which_runs_in_which_order(
    text: str, names: str, bob: User, workspace: Workspace, four: dict[str, Run]
) -> None:
    assert found(bob, workspace, text) == names


def test_days_have_a_beginning_and_an_end(
    bob: User, workspace: Workspace, four: dict[str, Run]
) -> None:
    day = four["b"].created_at.date().isoformat()
    got = {op: found(bob, workspace, f"created{op}{day}") for op in (":", ">", ">=", "<", "<=")}
    assert got == {":": "b", ">": "dca", ">=": "dcba", "<": "", "<=": "b"}


def test_what_is_archived_or_deleted_is_found_where_it_belongs(
    bob: User, workspace: Workspace, four: dict[str, Run]
) -> None:
    Run.objects.filter(name="a").update(archived_at=timezone.now())
    Run.objects.filter(name="d").update(deleted_at=timezone.now())
    assert found(bob, workspace, "") == "cb"
    assert found(bob, workspace, "is:archived") == "a"
    assert found(bob, workspace, "-is:archived") == "cb"


def test_a_stranger_finds_nothing(
    charlie: User, workspace: Workspace, four: dict[str, Run]
) -> None:
    assert found(charlie, workspace, "") == ""


words = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
)
values = st.one_of(
    words, st.sampled_from(["0.1", "-1e300", "nan", "7d", "2026-11-01", "1h", "9" * 18])
)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    field=st.sampled_from(
        ["tag:{}", "name:{}", "name={}", "metrics.{}>1", "params.{}:{}", "user:{}", "created>{}",
         "duration<{}", "id:{}", "priority>={}", "gpus<={}", "status:{}", "{}", "sort:-metrics.{}",
         "sort:params.{}"]
    ),
    value=values,
    negated=st.booleans(),
)  # fmt: skip
def test_what_can_be_read_can_be_asked_of_the_database(
    bob: User, workspace: Workspace, field: str, value: str, negated: bool
) -> None:
    text = ("-" if negated and not field.startswith("sort") else "") + field.replace(
        "{}", quoted(value)
    )
    try:
        query = parse(text)
    except QueryError:
        return
    run_list(user=bob, workspace=workspace, query=query)
