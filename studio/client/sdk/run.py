"""One run, from the outside."""

from __future__ import annotations

import html
import os
from typing import TYPE_CHECKING, Any

from studio.client.download import artifact_path, fetch, inside
from studio.client.errors import NotFound, Refused, RunFailed
from studio.client.follow import Watcher
from studio.client.http import quote, with_query
from studio.client.progress import Progress
from studio.client.run_context import Run
from studio.client.screen import Nothing, Text
from studio.client.sdk.details import details, status_of

if TYPE_CHECKING:
    from studio.client.sdk.workspace import Workspace


class SubmittedRun(Run):
    """A run of the studio: wait for it, read it, fetch what it made."""

    def __init__(self, workspace: Workspace, record: dict[str, Any]) -> None:
        super().__init__()
        self.workspace = workspace
        self._path = f"/runs/{record['id']}"
        self._record = record

    @property
    def id(self) -> str:
        """The run's number in the studio, as text."""
        return str(self._record["id"])

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self._read()["name"])

    @property
    def tags(self) -> dict[str, str]:
        """Its tags at this moment."""
        return dict(self._read()["tags"])

    def log(self, name: str, value: object, step: object = None) -> None:
        """Only the script itself logs: with `Run.get_context()`.

        Raises:
            Refused: always.
        """
        raise Refused(f"Run {self.id} logs '{name}' in its script, with Run.get_context().")

    def get_status(self) -> str:
        """Where it is, as a word.

        Queued, Preparing, Starting, Running, Finalizing, then Completed, Failed or Canceled;
        CancelRequested until a wish to cancel has come true. NotStarted is what has not been
        submitted, so no run says that.
        """
        return status_of(self._read())

    def get_details(self) -> dict[str, Any]:
        """Everything about it, in Azure ML's words: runId, target, status, properties and so on."""
        streams = [found["name"] for found in self._get("/streams")]
        return details(self._read(), f"{self.workspace.url}/api/v1{self._path}", streams)

    def get_portal_url(self) -> str:
        """The address of its page."""
        return str(self._record["url"])

    def get_metrics(self, name: str | None = None) -> dict[str, Any]:
        """Each metric that it has logged: the value, or the list of values if there are more.

        With a name only that one; empty while it is not logged.
        """
        series = self._get("/metrics")
        wanted = series if name is None else {name: series[name]} if name in series else {}
        return {key: self._values(key, summary) for key, summary in wanted.items()}

    def wait_for_completion(
        self,
        show_output: bool = False,  # noqa: FBT001, FBT002  as in Azure ML
        wait_post_processing: bool = True,  # noqa: FBT001, FBT002  it always does
        raise_on_error: bool = True,  # noqa: FBT001, FBT002
    ) -> dict[str, Any]:
        """Wait until it has ended and its files are there: `get_details()`.

        With `show_output` it tells why the run waits, the log of its build and its own log
        as they come. Ctrl-C ends the waiting alone.

        Raises:
            RunFailed: the run failed, unless `raise_on_error` is off.
        """
        screen = Text() if show_output else Nothing()
        if show_output:
            screen.tell(f"run {self.id}: {self.get_portal_url()}")
        connection = self.workspace.connect()
        try:
            ended = Watcher(connection, int(self.id), screen).watch()
        except KeyboardInterrupt:
            screen.tell(f"run {self.id} goes on: run.cancel() ends it.")
            raise
        finally:
            connection.close()
        sentence = _end_sentence(ended)
        if ended["status"] == "failed" and raise_on_error:
            raise RunFailed(f"{sentence} Its page: {self.get_portal_url()}")
        if show_output:
            screen.tell(sentence)
        return self.get_details()

    def cancel(self) -> None:
        """Ask for its end; asking again, or too late, changes nothing."""
        self._record = self.workspace.connection.json("POST", f"{self._path}/cancel")

    def tag(self, key: str, value: object = None) -> None:
        """Set a tag, with or without a value.

        Raises:
            Refused: it cannot be kept.
        """
        self._change(tags={str(key): "" if value is None else str(value)})

    def remove_tag(self, key: str) -> None:
        """Take a tag away; one that is not there is no error."""
        self._change(tags={str(key): None})

    def get_children(self) -> list[SubmittedRun]:
        """The runs that it has begotten: none."""
        return []

    def get_file_names(self) -> list[str]:
        """What can be downloaded: its artifacts and its logs."""
        return sorted(self._files())

    def download_file(
        self, name: str, output_file_path: str | os.PathLike[str] | None = None
    ) -> str:
        """Fetch one of its files, checked against its hash; a file of that name is replaced.

        Without a path it comes into this folder; into a folder if the path is one. The answer
        is where it is.

        Raises:
            NotFound: it has no such file; the text names some.
            Refused: it cannot be written there.
        """
        files = self._files()
        if name not in files:
            known = ", ".join(sorted(files)[:5]) or "none yet"
            raise NotFound(f"Run {self.id} has no file '{name}': it has {known}.")
        place = os.fspath(output_file_path) if output_file_path is not None else "."
        if os.path.isdir(place) or place.endswith(os.sep):
            place = os.path.join(place, os.path.basename(name))
        self._fetch(files[name], os.path.normpath(place))
        return os.path.normpath(place)

    def download_files(
        self, prefix: str = "", output_directory: str | os.PathLike[str] = "."
    ) -> list[str]:
        """Fetch all its files whose names begin with `prefix`: where they are.

        Raises:
            Refused: one cannot be written there.
        """
        fetched = []
        for name, item in sorted(self._files().items()):
            if name.startswith(prefix):
                place = os.path.join(os.fspath(output_directory), inside(name))
                self._fetch(item, place)
                fetched.append(place)
        return fetched

    def _read(self) -> dict[str, Any]:
        self._record = self.workspace.connection.json("GET", self._path)
        return self._record

    def _get(self, below: str) -> Any:
        return self.workspace.connection.json("GET", self._path + below)

    def _change(self, **changes: object) -> None:
        self._record = self.workspace.connection.json("PATCH", self._path, changes)

    def _values(self, name: str, summary: dict[str, Any]) -> Any:
        """The values of a series as numbers; a series of texts gives its last."""
        points = self._get(f"/metrics/{quote(name)}") if summary["count"] > 1 else []
        values = [_number(point["value"]) for point in points] or [_number(summary["last"])]
        return values if len(values) > 1 else values[0]

    def _files(self) -> dict[str, dict[str, Any]]:
        """Artifacts and logs by name, each with the place where the studio has it."""
        logs = {
            found["name"]: {
                "path": found["name"],
                "size": found["size"],
                "from": with_query(f"{self._path}/log", stream=found["name"]),
            }
            for found in self._get("/streams")
        }
        artifacts = {
            found["path"]: {**found, "from": artifact_path(int(self.id), found)}
            for found in self._get("/artifacts")
        }
        return {**logs, **artifacts}

    def _fetch(self, item: dict[str, Any], place: str) -> None:
        with Progress("downloading", item["size"]) as progress:
            fetch(self.workspace.connection, item["from"], item, place, progress, replace=True)

    def __repr__(self) -> str:
        """For people, as it was when last looked at."""
        about = f"{self._record['experiment']!r}, {status_of(self._record)}"
        return f"Run({self.id}, {about}, {self.get_portal_url()})"

    def _repr_html_(self) -> str:
        """For notebooks: a link to its page."""
        url = html.escape(self.get_portal_url())
        about = html.escape(f"{self._record['name']}: {status_of(self._record)}")
        return f'<a href="{url}" target="_blank">run {self.id}</a> {about}'


def _end_sentence(run: dict[str, Any]) -> str:
    why, error = run["reason_sentence"], run["error"]
    if error not in {"", why}:
        why = f"{error.rstrip('.')}. {why}"
    return f"Run {run['id']} {run['status']}: {why}"


def _number(value: Any) -> Any:
    """JSON has no number for NaN and the infinities: they come by name."""
    return float(value) if value in {"nan", "inf", "-inf"} else value
