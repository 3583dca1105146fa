"""Where runs execute."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from compute.gpus import gpus_text
from studio.lib.cipherfields import CipherField
from studio.models import User, Workspace

DEFAULT_ROOM_GIB = 20


class ComputeTarget(models.Model):
    """A registered place to run: this machine, an engine, a host, a cluster."""

    class Health(models.TextChoices):
        UNKNOWN = "unknown", "not checked yet"
        READY = "ready", "ready"
        UNREACHABLE = "unreachable", "unreachable"
        FAULTY = "faulty", "needs attention"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="targets")
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=16)
    config = models.JSONField(default=dict)
    """What the kind needs to reach it, e.g. {"root": "/path"}; never a secret."""
    slots = models.PositiveIntegerField(default=1)
    build_slots = models.PositiveIntegerField(default=1)
    declared_gpus = models.JSONField(null=True, blank=True)
    """[index or UUID] as an admin listed them, which wins; null: what `hello` finds."""
    environments_gib = models.PositiveIntegerField(default=DEFAULT_ROOM_GIB)
    """How much room built environments may take there; 0 for no bound."""
    environments_stock = models.JSONField(default=dict)
    """What each kind took when last measured: {kind: {bytes, cache_bytes, measured_at}}."""
    enabled = models.BooleanField(default=True)
    open_to_members = models.BooleanField(default=False)
    """A local target has the server user's rights, so only the owner may open it to others."""

    paused_at = models.DateTimeField(null=True, blank=True)
    """Since when no queued run is given a slot; runs may still be submitted and wait."""
    paused_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    draining = models.BooleanField(default=False)
    """Paused until it is empty, for somebody waits to work on the machine."""

    health = models.CharField(max_length=16, choices=Health.choices, default=Health.UNKNOWN)
    health_reason = models.TextField(blank=True)
    health_at = models.DateTimeField(null=True, blank=True)
    unreachable_since = models.DateTimeField(null=True, blank=True)
    facts = models.JSONField(default=dict)
    """What `hello` last answered."""

    image_fetch = models.JSONField(default=dict)
    """The image that is brought to its engine: {image, progress}, or {image, error}."""
    image_fetch_at = models.DateTimeField(null=True, blank=True)
    """When whoever brings it last said so."""

    monitor_token = models.CharField(max_length=32, blank=True)
    monitor_until = models.DateTimeField(null=True, blank=True)
    """The lease of the monitor that watches this target."""

    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["workspace", "name"], name="one_target_a_name"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def gpus(self) -> list[str]:
        """The GPUs that it lends to runs, in the order in which they are lent."""
        if self.declared_gpus is not None:
            return [str(gpu) for gpu in self.declared_gpus]
        return [str(gpu["index"]) for gpu in self.facts.get("gpus") or []]

    @property
    def is_fetching(self) -> bool:
        """Whether it waits for its image."""
        return bool(self.image_fetch) and "error" not in self.image_fetch

    @property
    def fetching(self) -> str:
        """How far its image is, as people read it; "" when it does not wait for it."""
        if not self.is_fetching:
            return ""
        return str(self.image_fetch.get("progress") or "about to begin")

    @property
    def gpus_declaration(self) -> str:
        """What an admin declared: "0,1", "none", or "" when the machine is asked."""
        return gpus_text(self.declared_gpus)


class HealthChange(models.Model):
    """From when on a target was how; the newest few hundred of a target are kept."""

    target = models.ForeignKey(
        ComputeTarget, on_delete=models.CASCADE, related_name="health_changes"
    )
    health = models.CharField(max_length=16, choices=ComputeTarget.Health.choices)
    reason = models.TextField(blank=True)
    """What was found then."""
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.target} {self.get_health_display()}"


class RegistryLogin(models.Model):
    """What opens a registry of images to a workspace. Its secret is written once, never shown."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="registry_logins"
    )
    host = models.CharField(max_length=255)
    """With its port, unless that is the usual one: it is sent nowhere else."""
    username = models.CharField(max_length=255)
    secret = CipherField()
    """Ciphertext."""
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("host",)
        constraints = (
            models.UniqueConstraint(fields=["workspace", "host"], name="one_login_a_registry"),
        )

    def __str__(self) -> str:
        return self.host


class NamedData(models.Model):
    """Data that runs of a workspace ask for by name; each target says where it has it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="data")
    name = models.CharField(max_length=64)
    variable = models.CharField(max_length=80)
    """Under which a run finds its path; two names may not become the same variable."""
    description = models.TextField(blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "named data"
        constraints = (
            models.UniqueConstraint(fields=["workspace", "variable"], name="one_data_a_variable"),
        )

    def __str__(self) -> str:
        return self.name


class DataPath(models.Model):
    """Where one target has one data, and what was found there when the target was last tested."""

    data = models.ForeignKey(NamedData, on_delete=models.CASCADE, related_name="paths")
    target = models.ForeignKey(ComputeTarget, on_delete=models.CASCADE, related_name="data_paths")
    path = models.CharField(max_length=1000)
    kind = models.CharField(max_length=8, blank=True)
    """folder or file."""
    complaint = models.TextField(blank=True)
    """Why it cannot be used, as a sentence."""
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("data__name", "target__name")
        constraints = (
            models.UniqueConstraint(fields=["data", "target"], name="one_path_a_data_and_target"),
        )

    def __str__(self) -> str:
        return f"{self.data_id} on {self.target_id}"
