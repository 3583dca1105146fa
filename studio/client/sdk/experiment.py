"""A named group of runs, and the way to add one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from studio.client.errors import Refused
from studio.client.gitreader import GitReader
from studio.client.gitsource import submit_there
from studio.client.sdk.checks import workspace_of
from studio.client.sdk.config import ScriptRunConfig
from studio.client.sdk.run import SubmittedRun
from studio.client.upload import submit_folder

if TYPE_CHECKING:
    from studio.client.sdk.workspace import Workspace

    Tags = Mapping[str, object]


class Experiment:
    """The runs of one name; the studio has it from the first run on."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        """Name it; nothing is sent.

        Raises:
            Refused: there is no workspace, or no name.
        """
        self.workspace = workspace_of(workspace, "Experiment")
        if not name:
            raise Refused("An experiment needs a name: Experiment(workspace=ws, name='ridge').")
        self.name = name

    def submit(
        self,
        config: ScriptRunConfig,
        tags: Tags | None = None,
        *,
        name: str = "",
        description: str = "",
        save_as: str = "",
    ) -> SubmittedRun:
        """Send what the studio lacks of the folder, and queue a run of it.

        `save_as` keeps the files as a source of that name.

        Raises:
            Unreachable: the studio does not answer.
            Refused: it cannot be run so; the text says why and what to do.
        """
        if not isinstance(config, ScriptRunConfig):
            raise Refused(f"Only a ScriptRunConfig can be submitted, not {config!r}.")
        body = {
            **config.request(self.workspace),
            "experiment": self.name,
            "name": name,
            "description": description,
            "save_as": save_as,
            "tags": {str(k): "" if v is None else str(v) for k, v in (tags or {}).items()},
            "workspace": self.workspace.name,
        }
        return SubmittedRun(self.workspace, self._submitted(config, body))

    def _submitted(self, config: ScriptRunConfig, body: dict[str, Any]) -> dict[str, Any]:
        if config.source is not None:
            return submit_there(self.workspace.connection, config.source, body)
        folder = os.fspath(config.source_directory)
        if not os.path.isdir(folder):
            raise Refused(
                f"There is no folder '{folder}' (seen from {os.getcwd()}): source_directory names "
                "the folder to run in."
            )
        return submit_folder(self.workspace.connection, folder, body, GitReader(folder))

    def get_runs(self, *, tags: str | Tags | None = None) -> Iterator[SubmittedRun]:
        """Its runs, newest first, fetched as they are asked for.

        `tags` is the name of a tag, or names with the values that they must have.
        """
        wanted = {tags: None} if isinstance(tags, str) else dict(tags or {})
        asked = f"experiment:{_quoted(self.name)}"
        asked += "".join(f" tag:{_quoted(str(name))}" for name in wanted)
        page, before = 1, None
        while True:
            found = self.workspace.get("/runs", filter=asked, page=page)
            for record in found["items"]:
                # runs that came meanwhile push others onto the next page
                if (before is None or record["id"] < before) and _has(record["tags"], wanted):
                    before = record["id"]
                    yield SubmittedRun(self.workspace, record)
            page += 1
            if page > found["pages"]:
                return

    def __repr__(self) -> str:
        """For people."""
        return f"Experiment({self.name!r})"


def _quoted(text: str) -> str:
    """A value that a filter takes as it is."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _has(tags: dict[str, str], wanted: Tags) -> bool:
    return all(k in tags and v in {None, tags[k]} for k, v in wanted.items())
