"""What runs execute: contents, snapshots, and the script directories that they came from."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from studio.models import Workspace


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
