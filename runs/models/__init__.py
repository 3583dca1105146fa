"""The product: what was run, where, with what, and what came of it."""

from runs.models.files import Blob, Snapshot, Source, SourceSnapshot
from runs.models.git import GitCredential, GitHost, SourceImport
from runs.models.lists import RunParam, SavedView
from runs.models.notices import Delivery, Notices
from runs.models.results import Artifact, MetricChunk, MetricSeries
from runs.models.runs import Attempt, Experiment, GpuLoan, Run, RunEvent

__all__ = [
    "Artifact",
    "Attempt",
    "Blob",
    "Delivery",
    "Experiment",
    "GitCredential",
    "GitHost",
    "GpuLoan",
    "MetricChunk",
    "MetricSeries",
    "Notices",
    "Run",
    "RunEvent",
    "RunParam",
    "SavedView",
    "Snapshot",
    "Source",
    "SourceImport",
    "SourceSnapshot",
]
