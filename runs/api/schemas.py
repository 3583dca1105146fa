"""What goes in and out of the API about runs."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.urls import reverse
from ninja import Schema
from pydantic import model_validator

from runs.models import Attempt, MetricSeries, Run
from runs.params import params_of
from runs.selectors.secrets import run_secrets
from runs.selectors.waiting import run_waiting
from runs.stores import log_store
from runs.submission import (
    DEFAULT_OUTPUTS,
    Files,
    FolderSource,
    GitSource,
    SavedSource,
    SnapshotSource,
    Submission,
)
from studio.api_types import In, Text


class GitIn(In):
    """A commit of a git repository, or a sub-folder of it; `credential` is the name of one."""

    url: Text
    ref: Text = ""
    folder: Text = ""
    credential: Text = ""


class SourceIn(In):
    """The files to run: a snapshot, a folder of the studio's machine, a repository, a source."""

    snapshot: Text = ""
    folder: Text = ""
    git: GitIn | None = None
    saved: Text = ""

    @model_validator(mode="after")
    def _one(self) -> SourceIn:
        if sum(map(bool, (self.snapshot, self.folder, self.git, self.saved))) != 1:
            raise ValueError(
                'must name a "snapshot" by its digest, a "folder" by its path, a "git" repository '
                'or a "saved" source by its name, and only one of them'
            )
        return self

    def files(self) -> Files | SavedSource:
        """What it names."""
        if self.saved:
            return SavedSource(self.saved)
        if self.git is not None:
            return GitSource(**self.git.dict())
        return SnapshotSource(self.snapshot) if self.snapshot else FolderSource(self.folder)


class RunIn(In):
    """A run to submit; what is left out the studio chooses."""

    source: SourceIn
    save_as: Text = ""
    script: Text = ""
    arguments: list[Text] = []
    command: list[Text] = []
    target: Text = ""
    environment: Text = ""
    experiment: Text = ""
    name: Text = ""
    description: Text = ""
    tags: dict[Text, Text] = {}
    gpus: int | Literal["all"] = 0
    data: list[Text] = []
    priority: int = 0
    time_limit_s: int | None = None
    variables: dict[Text, Text] = {}
    secrets: list[Text] = []
    outputs: list[Text] = []
    git: dict[str, Any] = {}
    workspace: Text = ""

    def submission(self) -> Submission:
        """What it asks for."""
        asked = self.dict(exclude={"source", "workspace"})
        asked["outputs"] = asked["outputs"] or DEFAULT_OUTPUTS
        asked["gpus"] = None if self.gpus == "all" else self.gpus
        return Submission(source=self.source.files(), **asked)


class RunPatch(In):
    """What to change of a run; what is left out stays, a tag of null is taken away."""

    name: Text | None = None
    description: Text | None = None
    tags: dict[Text, Text | None] | None = None


class LogOut(Schema):
    """How much of the main log is stored, and whether that is all."""

    size: int
    sealed: bool


class RunOut(Schema):
    """A run."""

    id: int
    uid: str
    name: str
    workspace: str
    experiment: str
    target: str
    environment: str
    environment_why: str
    status: str
    end_reason: str
    reason_sentence: str
    exit_code: int | None
    error: str
    waiting: str
    cancel_requested_at: datetime | None
    command: list[str]
    script: str
    params: dict[str, str]
    tags: dict[str, str]
    description: str
    gpus: int | Literal["all"]
    gpus_lent: list[str]
    data: dict[str, str]
    priority: int
    time_limit_s: int | None
    outputs: list[str]
    variables: dict[str, str]
    secret_variables: list[str]
    secrets: list[str]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    archived_at: datetime | None
    submitted_by: str | None
    snapshot: str
    source: str | None
    origin: dict[str, Any]
    git: dict[str, Any]
    metrics: dict[str, float | str | None]
    log: LogOut
    receipt: dict[str, Any] | None
    build: int | None
    url: str


class RunPageOut(Schema):
    """One page of a list of runs."""

    items: list[RunOut]
    total: int
    page: int
    pages: int


def run_page_url(request: HttpRequest, run_id: int) -> str:
    """Where a person sees the run."""
    return request.build_absolute_uri(reverse("runs:detail", args=[run_id]))


def newest_attempt(run: Run) -> Attempt:
    """The newest attempt of a run, from those that came with it if they did."""
    return max(run.attempts.all(), key=lambda attempt: attempt.number)


def run_out(run: Run, attempt: Attempt, url: str) -> RunOut:
    """A run as the API shows it; secret variables by name only."""
    store = log_store()
    return RunOut(
        id=run.pk,
        uid=run.uid,
        name=run.name,
        workspace=run.workspace.slug,
        experiment=run.experiment.name,
        target=run.target.name,
        environment=str(run.environment_version),
        environment_why=run.environment_why,
        status=run.status,
        end_reason=run.end_reason,
        reason_sentence=run.end_sentence,
        exit_code=run.exit_code,
        error=run.error,
        waiting=run_waiting(run=run),
        cancel_requested_at=run.cancel_requested_at,
        command=run.command,
        script=run.script,
        params=dict(params_of(run.command)),
        tags=run.tags,
        description=run.description,
        gpus="all" if run.gpus is None else run.gpus,
        gpus_lent=run.lent_gpus,
        data=run.data,
        priority=run.priority,
        time_limit_s=run.time_limit_s,
        outputs=run.outputs,
        variables=run.variables,
        secret_variables=sorted(run.secret_variables),
        secrets=run_secrets(run),
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        archived_at=run.archived_at,
        submitted_by=run.submitted_by.username if run.submitted_by else None,
        snapshot=run.snapshot.digest,
        source=run.source.name if run.source else None,
        origin=run.origin,
        git=run.git,
        metrics={series.name: last_value(series) for series in run.series.all()},
        log=LogOut(
            size=store.size(attempt.log_key), sealed=store.sealed(attempt.log_key) is not None
        ),
        receipt=attempt.receipt,
        build=run.build_id,
        url=url,
    )


def last_value(series: MetricSeries) -> float | str | None:
    """The last value of a series, as text when JSON has no number for it."""
    return series.text or number(series.last)


def number(value: float | None) -> float | str | None:
    """A float that JSON can carry: NaN and the infinities by their names."""
    return value if value is None or math.isfinite(value) else str(value)
