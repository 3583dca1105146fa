"""Runs: what was asked for, each try at it, what it holds, and its history."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils import timezone

from compute.models import ComputeTarget
from environments.models import Build, EnvironmentVersion
from runs.models.files import Snapshot, Source
from runs.states import FINAL, HOLDS_SLOT, EndReason, Status
from studio.lib.cipherfields import CipherMapField
from studio.models import User, Workspace


class Experiment(models.Model):
    """A named group of runs; made by the first run that names it."""

    class Direction(models.TextChoices):
        MAXIMIZE = "maximize", "higher is better"
        MINIMIZE = "minimize", "lower is better"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="experiments")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    primary_metric = models.CharField(max_length=255, blank=True)
    """The metric by whose last value its runs are compared; empty: none is chosen."""
    direction = models.CharField(
        max_length=16, choices=Direction.choices, default=Direction.MAXIMIZE
    )
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["workspace", "name"], name="one_experiment_a_name"),
        )

    def __str__(self) -> str:
        return self.name


class Run(models.Model):
    """One execution of one command on one target."""

    uid = models.CharField(max_length=12, unique=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="runs")
    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="runs")
    target = models.ForeignKey(ComputeTarget, on_delete=models.PROTECT, related_name="runs")
    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="runs")
    source = models.ForeignKey(Source, null=True, on_delete=models.SET_NULL, related_name="runs")
    origin = models.JSONField(default=dict)
    """What gives the files as they are now, as REST takes it: {"folder": path}; else empty."""
    environment_version = models.ForeignKey(
        EnvironmentVersion, on_delete=models.PROTECT, related_name="runs"
    )
    environment_why = models.CharField(max_length=200, blank=True)
    """Why this environment was chosen, as a sentence."""
    build = models.ForeignKey(Build, null=True, on_delete=models.SET_NULL, related_name="runs")
    submitted_by = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="runs"
    )

    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    tags = models.JSONField(default=dict)
    script = models.CharField(max_length=1000, blank=True)
    command = models.JSONField(default=list)
    """Script and arguments, or the whole command: [words]."""
    variables = models.JSONField(default=dict)
    secret_variables = CipherMapField(default=dict)
    """Name to ciphertext; never shown again."""
    secrets = models.JSONField(default=list)
    """Names of the workspace's secrets that it asks for, beside those of its environment."""
    outputs = models.JSONField(default=list)
    gpus = models.PositiveIntegerField(null=True, blank=True, default=0)
    """How many GPUs it asks for; null: all that its target has."""
    data = models.JSONField(default=dict)
    """{name: path}: the named data that it gets, where its target had it on submitting."""
    priority = models.IntegerField(default=0)
    time_limit_s = models.PositiveIntegerField(null=True, blank=True)
    grace_s = models.PositiveIntegerField(default=10)
    git = models.JSONField(default=dict)
    """repository, branch, commit, dirty, untracked: [paths], diff: the sha of its blob; or
    trouble: why git did not tell."""

    status = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in Status], default=Status.QUEUED
    )
    end_reason = models.CharField(
        max_length=32, blank=True, choices=[(r.value, r.value) for r in EndReason]
    )
    end_sentence = models.TextField(blank=True)
    """Why it ended and what to do next, for people."""
    exit_code = models.IntegerField(null=True, blank=True)
    error = models.TextField(blank=True)
    """One line for lists: the traceback's last line, or what the studio has to say."""
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    canceled_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    held_up = models.TextField(blank=True)
    """What keeps its command from going on over there and how it goes on, as last heard."""

    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    """Since when it lies in the trash, where only the trash shows it."""
    extra_files = models.JSONField(default=list)
    """New files outside the output patterns: [{path, size}]; kept 7 days on the target."""

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["target", "status", "-priority", "id"], name="run_queue"),
            models.Index(fields=["workspace", "-id"], name="run_recent"),
            models.Index(fields=["workspace", "status", "-id"], name="run_by_status"),
            models.Index(fields=["workspace", "status", "-ended_at"], name="run_by_end"),
            models.Index(fields=["experiment", "-id"], name="run_by_experiment"),
            models.Index(
                fields=["status", "ended_at"], condition=models.Q(ended_at=None), name="run_live"
            ),
            models.Index(
                fields=["workspace", "-id"],
                condition=models.Q(archived_at=None, deleted_at=None),
                name="run_listed",
            ),
            models.Index(
                fields=["deleted_at"], condition=~models.Q(deleted_at=None), name="run_in_trash"
            ),
        )

    def __str__(self) -> str:
        return f"run {self.pk}"

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in FINAL

    @property
    def took(self) -> timedelta | None:
        """How long its command ran; None before its end, or if it never began."""
        return self.ended_at - self.started_at if self.ended_at and self.started_at else None

    @property
    def holds_slot(self) -> bool:
        """Whether it occupies a slot of its target."""
        return self.status in HOLDS_SLOT

    @property
    def lent_gpus(self) -> list[str]:
        """The GPUs that it was lent when it last got a slot, given back or not."""
        loans = list(self.gpu_loans.all()) if self.gpus != 0 else []
        return [loan.gpu for loan in loans if loan.lent_at == loans[-1].lent_at]


class GpuLoan(models.Model):
    """One GPU of a target in the hands of one run; it lives until it is given back."""

    target = models.ForeignKey(ComputeTarget, on_delete=models.CASCADE, related_name="gpu_loans")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="gpu_loans")
    gpu = models.CharField(max_length=100)
    """Index or UUID, as its target lists it."""
    lent_at = models.DateTimeField()
    returned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)
        verbose_name = "GPU loan"
        constraints = (
            models.UniqueConstraint(
                fields=["target", "gpu"],
                condition=models.Q(returned_at=None),
                name="one_live_loan_a_gpu",
            ),
        )

    def __str__(self) -> str:
        return f"GPU {self.gpu} to run {self.run_id}"


class Attempt(models.Model):
    """One try at a run on its target: handle, lease, folder, receipt."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField(default=1)
    handle = models.JSONField(null=True, blank=True)
    folder = models.CharField(max_length=200, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    exited = models.JSONField(null=True, blank=True)
    """exited.json as the target wrote it."""
    sealed = models.JSONField(null=True, blank=True)
    """sealed.json: size and hash of the masked log, fixed by the target."""
    end_reason = models.CharField(max_length=32, blank=True)
    receipt = models.JSONField(null=True, blank=True)
    """{log_bytes, stored_bytes, sha256_target, sha256_stored, masked, complete, gap: sentence}"""
    secret_values = CipherMapField(default=dict)
    """The secrets that its launch gave it, name to ciphertext, until all of its log is stored."""
    metrics_offset = models.BigIntegerField(default=0)
    folder_cleared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["run", "number"], name="one_attempt_a_number"),
        )

    def __str__(self) -> str:
        return f"attempt {self.number} of run {self.run_id}"

    @property
    def task(self) -> str:
        """Its name on watch streams and the start of its log keys."""
        return f"run/{self.run_id}/{self.number}"

    @property
    def log_key(self) -> str:
        """Where its main log lies in the log store."""
        return f"{self.task}/run.log"


class RunEvent(models.Model):
    """History: each status move and each thing worth knowing, as a sentence."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=32)
    old_status = models.CharField(max_length=16, blank=True)
    new_status = models.CharField(max_length=16, blank=True)
    text = models.TextField(blank=True)
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.text or self.kind
