"""Telling people that their runs ended."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from runs.models.runs import Run
from studio.lib.cipherfields import CipherField
from studio.models import User


class Notices(models.Model):
    """How a person wants to hear that a run of theirs ended."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="notices")
    only_failures = models.BooleanField(default=False)
    email = models.EmailField(blank=True)
    webhook_host = models.CharField(max_length=255, blank=True)
    """What may be shown of the webhook's URL; empty: there is none."""
    secret_url = CipherField(blank=True)
    """Ciphertext of the URL: services put keys of their own into such addresses."""
    secret_key = CipherField(blank=True)
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
