"""What came of runs: metrics and artifacts."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from runs.models.runs import Run


class MetricSeries(models.Model):
    """One named series of a run with its running summary; points lie in packed chunks."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="series")
    name = models.CharField(max_length=255)
    count = models.BigIntegerField(default=0)
    last = models.FloatField(null=True)
    last_step = models.FloatField(null=True)
    minimum = models.FloatField(null=True)
    minimum_step = models.FloatField(null=True)
    """Where the lowest value was first reached."""
    maximum = models.FloatField(null=True)
    maximum_step = models.FloatField(null=True)
    outline = models.BinaryField(default=b"")
    """Every so many-th value as float32, at most 64, for a small curve."""
    text = models.TextField(blank=True)
    """The last value when it is not a number."""
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "metric series"
        constraints = (models.UniqueConstraint(fields=["run", "name"], name="one_series_a_name"),)
        indexes = (models.Index(fields=["name", "last", "run"], name="series_by_value"),)

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
