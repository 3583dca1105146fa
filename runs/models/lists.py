"""What lists of runs are made with: parameters to look for, and views that people keep."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from runs.models.runs import Run
from runs.params import NAME_LENGTH, VALUE_LENGTH
from studio.models import User, Workspace


class RunParam(models.Model):
    """One parameter among the words of a run's command, where a database can look for it."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="params")
    name = models.CharField(max_length=NAME_LENGTH)
    text = models.CharField(max_length=VALUE_LENGTH)
    number = models.FloatField(null=True)
    """The same as a number, if it is one."""

    class Meta:
        ordering = ("name",)
        verbose_name = "parameter"
        constraints = (models.UniqueConstraint(fields=["run", "name"], name="one_param_a_name"),)
        indexes = (models.Index(fields=["name", "number", "run"], name="param_by_value"),)

    def __str__(self) -> str:
        return f"{self.name}={self.text}"


class SavedView(models.Model):
    """A query with its columns under a name, for one person or for a whole workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="views")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="views")
    """Who made it."""
    name = models.CharField(max_length=100)
    query = models.TextField(blank=True)
    columns = models.TextField(blank=True)
    """As in addresses; empty: the usual ones."""
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["workspace", "user", "name"], name="one_view_a_name_and_person"
            ),
        )

    def __str__(self) -> str:
        return self.name
