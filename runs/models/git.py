"""Fetching from git repositories: what opens them, whom we know, what is under way."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from runs.models.runs import Run
from studio.lib.cipherfields import CipherField
from studio.models import User, Workspace


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
    secret = CipherField()
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
    request = CipherField()
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
