"""What runs execute in."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from compute.models import ComputeTarget
from studio.models import User, Workspace


class Environment(models.Model):
    """A named line of versions."""

    class Origin(models.TextChoices):
        CURATED = "curated", "curated"
        OWN = "own", "own"
        FOLDER = "folder", "from a folder's requirements.txt"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="environments")
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    origin = models.CharField(max_length=16, choices=Origin.choices, default=Origin.OWN)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["workspace", "name"], name="one_environment_a_name"),
        )

    def __str__(self) -> str:
        return self.name


class EnvironmentVersion(models.Model):
    """An immutable definition, as `environments.spec` makes it."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    spec = models.JSONField()
    spec_digest = models.CharField(max_length=64)
    based_on = models.CharField(max_length=120, blank=True)
    """The version from which it was copied, like "scikit-learn:1"; empty: none."""
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=["environment", "number"], name="one_version_a_number"),
        )

    def __str__(self) -> str:
        return f"{self.environment}:{self.number}"


class Lock(models.Model):
    """Exact, hashed packages of a version for one Python and platform; never moves by itself."""

    ANY_PLATFORM = "any"
    """A universal lock, which curated environments ship with: for `python_version` and newer."""

    version = models.ForeignKey(EnvironmentVersion, on_delete=models.CASCADE, related_name="locks")
    python_version = models.CharField(max_length=16)
    platform = models.CharField(max_length=64)
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["version", "python_version", "platform"], name="one_lock_a_platform"
            ),
        )

    def __str__(self) -> str:
        return f"lock of {self.version} for {self.python_version} on {self.platform}"


class Build(models.Model):
    """The making of one environment on one target: a supervised task like a run."""

    class Status(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        READY = "ready", "ready"
        FAILED = "failed", "failed"
        CANCELED = "canceled", "canceled"

    target = models.ForeignKey(ComputeTarget, on_delete=models.CASCADE, related_name="builds")
    version = models.ForeignKey(EnvironmentVersion, on_delete=models.CASCADE, related_name="builds")
    lock = models.ForeignKey(Lock, null=True, on_delete=models.CASCADE, related_name="builds")
    """What is installed; null: conda resolves while it installs."""
    key = models.CharField(max_length=64)
    key_parts = models.JSONField(default=dict)
    """What the key was made from, by name: `KeyParts` says which names."""
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    is_current = models.BooleanField(default=True)
    """False once a newer build of the same key on the same target replaced it."""
    handle = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    """Given to the worker that launches it, and kept: without one it was never launched."""
    lease_until = models.DateTimeField(null=True, blank=True)
    receipt = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["target", "key"],
                condition=models.Q(is_current=True),
                name="one_current_build_a_key",
            ),
        )

    def __str__(self) -> str:
        return f"build {self.pk}"

    @property
    def task(self) -> str:
        """Its name on watch streams and the start of its log keys."""
        return f"build/{self.pk}"

    @property
    def log_key(self) -> str:
        """Where its log lies in the log store."""
        return f"{self.task}/run.log"
