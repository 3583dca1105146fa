"""The product: what was run, where, with what, and what came of it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from compute.models import ComputeTarget
from environments.models import Build, EnvironmentVersion
from runs.states import FINAL, HOLDS_SLOT, EndReason, Status
from studio.models import User, Workspace


class Experiment(models.Model):
    """A named group of runs; made by the first run that names it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="experiments")
    name = models.CharField(max_length=255)
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["workspace", "name"], name="one_experiment_a_name"),
        )

    def __str__(self) -> str:
        return self.name


class Source(models.Model):
    """A script directory that we know by name."""

    class Kind(models.TextChoices):
        UPLOAD = "upload", "uploaded files"
        ZIP = "zip", "zip or tar"
        FOLDER = "folder", "server folder"
        GIT = "git", "git"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="sources")
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    location = models.CharField(max_length=1000, blank=True)
    """Where it is read anew at each submit; empty when files are brought to it."""
    git = models.JSONField(default=dict)
    """ref, folder and credential of a repository: texts."""
    snapshots: models.ManyToManyField[Snapshot, SourceSnapshot] = models.ManyToManyField(
        "Snapshot", through="SourceSnapshot", related_name="sources"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["workspace", "name"], name="one_source_a_name"),
        )

    def __str__(self) -> str:
        return self.name


class Blob(models.Model):
    """A workspace's claim on one content in the blob store."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="blobs")
    sha = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    pinned_until = models.DateTimeField(db_index=True)
    """Until then prune leaves it alone even when nothing refers to it."""

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace", "sha"], name="one_claim_a_blob"),
        )

    def __str__(self) -> str:
        return self.sha


class Snapshot(models.Model):
    """Frozen files of a script directory; the blob store has the manifest under `digest`."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="snapshots")
    digest = models.CharField(max_length=64)
    file_count = models.PositiveIntegerField()
    size_bytes = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace", "digest"], name="one_snapshot_a_digest"),
        )

    def __str__(self) -> str:
        return self.digest[:12]


class SourceSnapshot(models.Model):
    """A state that a source was in; the newest is what is meant by its name."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="states")
    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="states")
    created_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    """When the source was last found in this state: it may return to an older one."""

    class Meta:
        ordering = ("-seen_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=["source", "snapshot"], name="one_state_a_snapshot"),
        )

    def __str__(self) -> str:
        return f"{self.snapshot} of {self.source}"


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
    secret_variables = models.JSONField(default=dict)
    """Name to ciphertext; never shown again."""
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

    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    extra_files = models.JSONField(default=list)
    """New files outside the output patterns: [{path, size}]; kept 7 days on the target."""

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["target", "status", "-priority", "id"], name="run_queue"),
            models.Index(fields=["workspace", "-id"], name="run_recent"),
            models.Index(fields=["workspace", "status", "-id"], name="run_by_status"),
            models.Index(fields=["experiment", "-id"], name="run_by_experiment"),
        )

    def __str__(self) -> str:
        return f"run {self.pk}"

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in FINAL

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


class MetricSeries(models.Model):
    """One named series of a run with its running summary; points lie in packed chunks."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="series")
    name = models.CharField(max_length=255)
    count = models.BigIntegerField(default=0)
    last = models.FloatField(null=True)
    last_step = models.FloatField(null=True)
    minimum = models.FloatField(null=True)
    maximum = models.FloatField(null=True)
    text = models.TextField(blank=True)
    """The last value when it is not a number."""
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "metric series"
        constraints = (models.UniqueConstraint(fields=["run", "name"], name="one_series_a_name"),)

    def __str__(self) -> str:
        return self.name


class MetricChunk(models.Model):
    """Up to 4,096 points of a series, packed little-endian float64 triples (step, time, value)."""

    series = models.ForeignKey(MetricSeries, on_delete=models.CASCADE, related_name="chunks")
    index = models.PositiveIntegerField()
    points = models.BinaryField()

    class Meta:
        ordering = ("index",)
        constraints = (
            models.UniqueConstraint(fields=["series", "index"], name="one_chunk_an_index"),
        )

    def __str__(self) -> str:
        return f"{self.series_id}[{self.index}]"


class Artifact(models.Model):
    """A file that a run made; its content lies in the blob store."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="artifacts")
    path = models.CharField(max_length=1000)
    sha = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    mode = models.PositiveIntegerField(default=0o644)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("path",)
        constraints = (models.UniqueConstraint(fields=["run", "path"], name="one_artifact_a_path"),)

    def __str__(self) -> str:
        return self.path


class GitCredential(models.Model):
    """What opens private repositories on one host. Its secret is written once, never shown."""

    class Kind(models.TextChoices):
        TOKEN = "token", "token"
        SSH_KEY = "ssh_key", "deploy key"

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="git_credentials"
    )
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    host = models.CharField(max_length=255)
    """With its port, unless that is the usual one: it is sent nowhere else."""
    username = models.CharField(max_length=255, blank=True)
    secret = models.TextField()
    """Ciphertext."""
    public_key = models.TextField(blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["workspace", "name"], name="one_credential_a_name"),
        )

    def __str__(self) -> str:
        return self.name


class GitHost(models.Model):
    """The key by which a workspace knows an SSH host, from its first use on."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="git_hosts")
    name = models.CharField(max_length=255)
    """As in a known_hosts file: host, or [host]:port."""
    key_type = models.CharField(max_length=64)
    key = models.TextField()
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name", "key_type")
        constraints = (
            models.UniqueConstraint(
                fields=["workspace", "name", "key_type"], name="one_key_a_host_and_type"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.key_type}"


class SourceImport(models.Model):
    """A submission whose files a worker still fetches; it ends in a run or in a refusal."""

    class Status(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELED = "canceled", "canceled"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="imports")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    url = models.CharField(max_length=1000)
    ref = models.CharField(max_length=255, blank=True)
    folder = models.CharField(max_length=1000, blank=True)
    credential = models.CharField(max_length=64, blank=True)
    """A name; empty: whichever is for the host."""
    request = models.TextField()
    """Ciphertext of what else was asked for, secret variables among it."""
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    progress = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    run = models.ForeignKey(Run, null=True, on_delete=models.CASCADE, related_name="+")
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"import {self.pk}"


class Notices(models.Model):
    """How a person wants to hear that a run of theirs ended."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="notices")
    only_failures = models.BooleanField(default=False)
    email = models.EmailField(blank=True)
    webhook_host = models.CharField(max_length=255, blank=True)
    """What may be shown of the webhook's URL; empty: there is none."""
    secret_url = models.TextField(blank=True)
    """Ciphertext of the URL: services put keys of their own into such addresses."""
    secret_key = models.TextField(blank=True)
    """Ciphertext of the key that signs, shown once."""

    class Meta:
        verbose_name_plural = "notices"

    def __str__(self) -> str:
        return f"notices of {self.user}"


class Delivery(models.Model):
    """One message to one person over one channel; the row decides when it is tried again."""

    class Channel(models.TextChoices):
        WEBHOOK = "webhook", "webhook"
        EMAIL = "email", "e-mail"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="deliveries")
    run = models.ForeignKey(Run, null=True, on_delete=models.CASCADE, related_name="deliveries")
    """The run whose end it tells; none for a test."""
    channel = models.CharField(max_length=16, choices=Channel.choices)
    uid = models.CharField(max_length=32, unique=True)
    """The same at each try, so that the receiver can drop what it has."""
    attempts = models.PositiveIntegerField(default=0)
    answer = models.TextField(blank=True)
    """What came of the last try, as a sentence."""
    created_at = models.DateTimeField(default=timezone.now)
    next_at = models.DateTimeField(null=True, blank=True, db_index=True)
    """When it is tried next; nothing: it arrived, or was given up."""
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "deliveries"
        constraints = (
            models.UniqueConstraint(fields=["run", "channel"], name="one_delivery_a_channel"),
        )

    def __str__(self) -> str:
        about = f"run {self.run_id}" if self.run_id else "a test"
        return f"{self.get_channel_display()} about {about}"
