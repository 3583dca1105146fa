"""A run in Azure ML's words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from studio.client.http import with_query

_GIT = {"repository": "repository_uri", "branch": "branch", "commit": "commit", "dirty": "dirty"}
_MLFLOW = {"repository": "repoURL", "branch": "branch", "commit": "commit"}


def status_of(record: dict[str, Any]) -> str:
    """The status of a run as REST has it, as Azure ML calls it."""
    is_over = record["status"] in {"finalizing", "completed", "failed", "canceled"}
    if record["cancel_requested_at"] and not is_over:
        return "CancelRequested"
    return str(record["status"]).capitalize()


def details(record: dict[str, Any], address: str, streams: Iterable[str]) -> dict[str, Any]:
    """What `get_details` answers; `address` is where REST has the run."""
    found: dict[str, Any] = {
        "runId": str(record["id"]),
        "target": record["target"],
        "status": status_of(record),
        "startTimeUtc": record["started_at"],
        "endTimeUtc": record["ended_at"],
        "properties": _properties(record),
        "tags": record["tags"],
        "inputDatasets": [],
        "outputDatasets": [],
        "runDefinition": {
            "script": record["script"],
            "command": record["command"],
            "target": record["target"],
            "environment": record["environment"],
            "environmentVariables": record["variables"],
            "maxRunDurationSeconds": record["time_limit_s"],
        },
        "logFiles": {name: with_query(f"{address}/log", stream=name) for name in streams},
        "warnings": [record["waiting"]] if record["waiting"] else [],
        "submittedBy": record["submitted_by"],
    }
    if record["status"] == "failed":
        message = record["error"] or record["reason_sentence"]
        found["error"] = {"error": {"code": record["end_reason"], "message": message}}
    return found


def _properties(record: dict[str, Any]) -> dict[str, str]:
    git = record["git"]
    return {
        "ContentSnapshotId": record["snapshot"],
        **{f"azureml.git.{_GIT[k]}": str(git[k]) for k in _GIT if git.get(k) is not None},
        **{f"mlflow.source.git.{_MLFLOW[k]}": git[k] for k in _MLFLOW if git.get(k)},
    }
