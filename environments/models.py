"""What runs execute in."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils import timezone

from compute.models import ComputeTarget
from environments.differences import EVERYWHERE, Place
from studio.lib.cipherfields import CipherMapField
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
    last_number = models.PositiveIntegerField(default=0)
    """The highest number of a version that was deleted: no number is given twice."""

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
    updates = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    """The version whose definition it has with packages that were resolved anew."""
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)
    """New runs are refused since then; an archived environment archives all its versions."""

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=["environment", "number"], name="one_version_a_number"),
        )

    def __str__(self) -> str:
        return f"{self.environment}:{self.number}"


class VersionLabel(models.Model):
    """A word that means one version of its environment, until it is moved to another one."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=50)
    version = models.ForeignKey(EnvironmentVersion, on_delete=models.CASCADE, related_name="labels")
    moved_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    moved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["environment", "name"], name="one_label_a_name"),
        )

    def __str__(self) -> str:
        return f"{self.environment}:{self.name}"


class Lock(models.Model):
    """Exact, hashed packages of a version for one Python and platform; never moves by itself."""

    ANY_PLATFORM = EVERYWHERE
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

    @property
    def place(self) -> Place:
        """What it is for; in words as text."""
        return Place(self.python_version, self.platform)


class LockUpdate(models.Model):
    """The packages of a version, resolved anew beside it; a new version once somebody wants that.

    queued -> running -> ready | failed; and ready -> applied
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        READY = "ready", "ready"
        FAILED = "failed", "failed"
        APPLIED = "applied", "applied"

    version = models.ForeignKey(
        EnvironmentVersion, on_delete=models.CASCADE, related_name="lock_updates"
    )
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    locks = models.JSONField(default=list)
    """What was resolved so far: [{"python_version", "platform", "text"}]."""
    error = models.TextField(blank=True)
    made = models.ForeignKey(
        EnvironmentVersion, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["version"],
                condition=models.Q(status__in=["queued", "running"]),
                name="one_live_update_a_version",
            ),
        )

    def __str__(self) -> str:
        return f"update {self.pk} of {self.version}"

    @property
    def is_live(self) -> bool:
        """Whether it is still being resolved."""
        return self.status in {self.Status.QUEUED, self.Status.RUNNING}


class BaseImage(models.Model):
    """The image that a name meant on a target when a version needed it first: it stays that one."""

    version = models.ForeignKey(
        EnvironmentVersion, on_delete=models.CASCADE, related_name="base_images"
    )
    target = models.ForeignKey(ComputeTarget, on_delete=models.CASCADE, related_name="base_images")
    reference = models.CharField(max_length=512)
    """As somebody wrote it, like python:3.12-slim."""
    image = models.CharField(max_length=80)
    """The digest of what is in it, under which the engine knows it."""
    address = models.CharField(max_length=512, blank=True)
    """Where a registry has exactly this, as name@sha256:…; "" when it came otherwise."""
    facts = models.JSONField(default=dict)
    """What was found in it: its Python, its platform, its variables."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["version", "target", "reference"], name="one_image_a_reference"
            ),
        )

    def __str__(self) -> str:
        return f"{self.reference} ({self.image.removeprefix('sha256:')[:12]})"


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
    """None where no lock is installed: conda resolves by itself, an image is pulled or made."""
    key = models.CharField(max_length=64)
    key_parts = models.JSONField(default=dict)
    """What the key was made from, by name: `KeyParts` says which names."""
    base_key = models.CharField(max_length=64, blank=True)
    """The key of its first generation: all generations hold the same."""
    generation = models.PositiveIntegerField(default=0)
    """What was ready once is never changed in place: it is built anew as the next generation."""
    cause = models.TextField(blank=True)
    """Why it was made although nothing in the key has changed, as a sentence."""
    on_studio = models.BooleanField(default=False)
    """It goes on beside the studio and tells the target's engine what to do, not on the target."""
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    is_current = models.BooleanField(default=True)
    """False once a newer build of the same key on the same target replaced it."""
    handle = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    held_up = models.TextField(blank=True)
    """What keeps it from going on over there and how it goes on, as last heard."""
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    """Given to the worker that launches it, and kept: without one it was never launched."""
    lease_until = models.DateTimeField(null=True, blank=True)
    receipt = models.JSONField(null=True, blank=True)
    secret_values = CipherMapField(default=dict)
    """What its log may not show, until all of it is stored: number to ciphertext."""

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["target", "key"],
                condition=models.Q(is_current=True),
                name="one_current_build_a_key",
            ),
        )
        indexes = (models.Index(fields=["target", "base_key"], name="build_base_key"),)

    def __str__(self) -> str:
        return f"build {self.pk}"

    @property
    def task(self) -> str:
        """Its name on watch streams and the start of its log keys."""
        return f"build/{self.pk}"

    @property
    def is_live(self) -> bool:
        """Whether it waits or goes on."""
        return self.status in {self.Status.QUEUED, self.Status.RUNNING}

    @property
    def length(self) -> timedelta | None:
        """How long it took; None before its end, and when it never began."""
        return self.ended_at - self.started_at if self.ended_at and self.started_at else None

    @property
    def log_key(self) -> str:
        """Where its log lies in the log store."""
        return f"{self.task}/run.log"


class BuildOrder(models.Model):
    """Somebody's wish to have a version built on a target, without a run that needs it."""

    version = models.ForeignKey(EnvironmentVersion, on_delete=models.CASCADE, related_name="orders")
    target = models.ForeignKey(ComputeTarget, on_delete=models.CASCADE, related_name="build_orders")
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    is_rebuild = models.BooleanField(default=False)
    """Whether it is wanted anew although it is ready."""
    build = models.ForeignKey(
        Build, null=True, blank=True, on_delete=models.SET_NULL, related_name="orders"
    )
    error = models.TextField(blank=True)
    """Why it did not even come to a build."""
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    """When it was found ready, or impossible, without a build."""

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"order of {self.version} on {self.target}"

    @property
    def status(self) -> str:
        """As a build's: that of its own build as soon as there is one."""
        if self.build is not None:
            return self.build.status
        if self.ended_at is None:
            return Build.Status.QUEUED
        return Build.Status.FAILED if self.error else Build.Status.READY


class BuiltEnvironment(models.Model):
    """An environment that lies on a target, as it was when somebody last looked there."""

    class Kind(models.TextChoices):
        FOLDER = "folder", "folder"
        IMAGE = "image", "image"

    target = models.ForeignKey(ComputeTarget, on_delete=models.CASCADE, related_name="built")
    key = models.CharField(max_length=64)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.FOLDER)
    image = models.CharField(max_length=80, blank=True)
    """The digest of an image when a run was first given it: under this key it is no other."""
    size_bytes = models.BigIntegerField(null=True)
    used_at = models.DateTimeField(null=True)
    """To the minute."""
    used_by = models.JSONField(default=list)
    """The tasks, like "run/42/1", that executed in it."""
    is_pinned = models.BooleanField(default=False)
    """Whether it stays however little room there is."""
    fault = models.TextField(blank=True)
    """Why it cannot be used any more: the next run builds it anew."""
    verified_at = models.DateTimeField(null=True, blank=True)
    """When the contents of all its files were last found to be right."""
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-used_at",)
        constraints = (models.UniqueConstraint(fields=["target", "key"], name="one_built_a_key"),)

    def __str__(self) -> str:
        return f"{self.key[:12]} on {self.target}"


class PackageIndex(models.Model):
    """Where the packages of a workspace come from, instead of where the studio gets them."""

    workspace = models.OneToOneField(
        Workspace, on_delete=models.CASCADE, related_name="package_index"
    )
    url = models.CharField(max_length=1000)
    """Asked last, for what the others lack."""
    extra_urls = models.JSONField(default=list)
    usernames = models.JSONField(default=dict)
    """{address: user name}"""
    passwords = CipherMapField(default=dict)
    """{address: ciphertext}"""
    authority = models.TextField(blank=True)
    """Certificates in PEM form that are trusted beside the usual ones."""
    changed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "package indexes"

    def __str__(self) -> str:
        return f"package index of {self.workspace}"

    @property
    def urls(self) -> list[str]:
        """All of them, the one that is asked last first."""
        return [self.url, *self.extra_urls]
