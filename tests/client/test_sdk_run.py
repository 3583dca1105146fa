"""A run as the client's object; worker and monitor are played by the tests."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from runs.models import Artifact
from runs.models import Run as Record
from runs.services.metrics import metrics_ingest
from runs.states import EndReason, Status
from runs.stores import blob_store, log_store
from studio.client import NotFound, Refused, RunFailed, Workspace
from studio.client.sdk.run import SubmittedRun
from tests.api.caller import Caller
from tests.api.conftest import MakeRun
from tests.api.playing import end, say, start
from tests.client.conftest import TOP
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

Fetched = Callable[[Record], SubmittedRun]


@pytest.fixture
def fetched(as_bob: Caller, url: str) -> Iterator[Fetched]:
    """The client's object for a record."""
    workspace = Workspace.from_config()
    yield lambda record: workspace.get_run(record.pk)
    workspace.connection.close()


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "Queued"),
        ({"status": Status.PREPARING}, "Preparing"),
        ({"status": Status.STARTING}, "Starting"),
        ({"status": Status.RUNNING}, "Running"),
        ({"status": Status.RUNNING, "cancel_requested_at": timezone.now()}, "CancelRequested"),
        ({"status": Status.FINALIZING}, "Finalizing"),
        ({"status": Status.FINALIZING, "cancel_requested_at": timezone.now()}, "Finalizing"),
        ({"status": Status.COMPLETED, "end_reason": EndReason.EXITED_ZERO}, "Completed"),
        ({"status": Status.FAILED, "end_reason": EndReason.EXIT_LOST}, "Failed"),
        ({"status": Status.CANCELED, "end_reason": EndReason.CANCELED_BY_USER}, "Canceled"),
    ],
)
def test_statuses_have_their_classic_names(
    fields: dict[str, object], word: str, make_run: MakeRun, fetched: Fetched
) -> None:
    run = fetched(make_run(**fields))
    assert run.get_status() == word
    assert word in repr(run)


def test_details(make_run: MakeRun, fetched: Fetched, url: str) -> None:
    record = make_run(
        status=Status.FAILED,
        end_reason=EndReason.EXITED_NONZERO,
        error="ValueError: no",
        name="<b>",
        git={"commit": "abc", "branch": "main", "dirty": False, "repository": "https://x/y"},
    )
    say(record, b"x\n")
    run = fetched(record)
    found = run.get_details()
    assert (found["runId"], found["target"], found["status"]) == (run.id, "local", "Failed")
    assert found["properties"] == {
        "ContentSnapshotId": record.snapshot.digest,
        "azureml.git.repository_uri": "https://x/y",
        "azureml.git.branch": "main",
        "azureml.git.commit": "abc",
        "azureml.git.dirty": "False",
        "mlflow.source.git.repoURL": "https://x/y",
        "mlflow.source.git.branch": "main",
        "mlflow.source.git.commit": "abc",
    }
    assert found["error"]["error"] == {"code": "exited_nonzero", "message": "ValueError: no"}
    assert found["logFiles"] == {"run.log": f"{url}/api/v1/runs/{run.id}/log?stream=run.log"}
    assert (found["submittedBy"], found["runDefinition"]["script"]) == ("bob", "train.py")
    assert run.get_portal_url() == f"{url}/runs/{run.id}/"
    assert "&lt;b&gt;: Failed" in run._repr_html_()
    assert run.get_children() == []


def test_metrics(record: Record, fetched: Fetched) -> None:
    lines = [b'{"n": "once", "v": 1, "s": null, "t": 1}', b'{"n": "word", "v": "a", "t": 1}']
    lines += [b'{"n": "a/b", "v": %s, "s": 1, "t": 1}' % v for v in (b"1", b"NaN", b"-Infinity")]
    log_store().append(f"run/{record.pk}/1/metrics.jsonl", 0, b"\n".join(lines) + b"\n")
    metrics_ingest(attempt_id=record.attempts.get().pk)
    found = fetched(record).get_metrics()
    assert (found["once"], found["word"]) == (1, "a")
    first, second, third = found["a/b"]
    assert (first, math.isnan(second), third) == (1, True, -math.inf)
    assert fetched(record).get_metrics("once") == {"once": 1}
    assert fetched(record).get_metrics(name="none") == {}


@pytest.fixture
def record(run: Record) -> Record:
    return run


def artifact(record: Record, path: str, text: bytes) -> None:
    sha, size = blob_store().put(text)
    Artifact.objects.update_or_create(
        run=record, path=path, defaults={"sha": sha, "size_bytes": size}
    )


def test_files(
    record: Record, fetched: Fetched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    artifact(record, "outputs/model.bin", b"model")
    artifact(record, "outputs/deep/ä b.txt", b"deep")
    say(record, b"said\n")
    run = fetched(record)
    assert run.get_file_names() == ["outputs/deep/ä b.txt", "outputs/model.bin", "run.log"]
    assert run.download_file("outputs/model.bin") == "model.bin"
    assert Path("model.bin").read_bytes() == b"model"
    artifact(record, "outputs/model.bin", b"better")
    assert run.download_file("outputs/model.bin", tmp_path / "model.bin")
    assert Path("model.bin").read_bytes() == b"better"
    assert run.download_file(name="run.log", output_file_path="new/") == "new/run.log"
    assert Path("new/run.log").read_bytes() == b"said\n"
    assert run.download_files("outputs/deep", "got") == ["got/outputs/deep/ä b.txt"]
    assert len(run.download_files(output_directory=tmp_path / "all")) == 3
    with pytest.raises(NotFound, match=r"has no file 'x': it has outputs/deep/ä b\.txt, outputs/m"):
        run.download_file("x")
    with pytest.raises(Refused, match=r"'model\.bin/x' cannot be written: "):
        run.download_file("run.log", "model.bin/x")
    assert not list(tmp_path.rglob("*.part"))


def test_cancel_and_tags(record: Record, fetched: Fetched) -> None:
    run = fetched(record)
    run.tag("best")
    run.tag("round", 2)
    assert run.tags == {"best": "", "round": "2"}
    run.remove_tag("best")
    run.remove_tag("never")
    assert run.tags == {"round": "2"}
    with pytest.raises(Refused, match="The tag '' cannot be kept"):
        run.tag("")
    run.cancel()
    run.cancel()
    assert run.get_status() == "Canceled"
    with pytest.raises(Refused, match="logs 'loss' in its script"):
        run.log("loss", 1)


def test_waiting_tells_everything_and_then_how_it_ended(
    record: Record, fetched: Fetched, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fetched(record)

    def play() -> None:
        start(record)
        for piece in ("ünï".encode()[:2], "ünï".encode()[2:], b"code"):
            say(record, piece)
        end(record)

    player = threading.Thread(target=play)
    player.start()
    details = run.wait_for_completion(show_output=True)
    player.join()
    out, err = capsys.readouterr()
    assert out.startswith(f"run {run.id}: {run.get_portal_url()}\n")
    assert out.endswith(f"ünïcode\nRun {run.id} completed: The command ended with exit code 0.\n")
    assert err == ""
    assert details["status"] == "Completed"


def test_a_failed_run_is_raised_unless_one_asks_not_to(
    record: Record, fetched: Fetched, capsys: pytest.CaptureFixture[str]
) -> None:
    start(record)
    say(record, b"Traceback\n")
    end(record, 3)
    Record.objects.filter(pk=record.pk).update(error="ValueError: no")
    run = fetched(record)
    with pytest.raises(RunFailed) as failure:
        run.wait_for_completion()
    said = str(failure.value)
    assert said.startswith(f"Run {run.id} failed: ValueError: no. The command ended with an exit")
    assert said.endswith(f"Its page: {run.get_portal_url()}")
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"
    assert capsys.readouterr() == ("", ""), "who does not ask for output gets none"


def test_a_canceled_run_is_no_error(make_run: MakeRun, fetched: Fetched) -> None:
    run = fetched(make_run(status=Status.CANCELED, end_reason=EndReason.CANCELED_BY_USER))
    assert run.wait_for_completion()["status"] == "Canceled"


def test_ctrl_c_ends_the_waiting_alone(record: Record, as_bob: Caller) -> None:
    code = (
        "from studio.client import Workspace\n"
        f"Workspace.from_config().get_run({record.pk}).wait_for_completion(show_output=True)\n"
    )
    start(record)
    say(record, b"begun\n")
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(TOP)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    lines: list[bytes] = []

    def has_begun() -> bool:
        lines.append(process.stdout.readline())
        return lines[-1] == b"begun\n"

    eventually(has_begun, what="the log to be shown")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert f"run {record.pk} goes on: run.cancel() ends it.\n".encode() in out
    assert b"KeyboardInterrupt" in err
    record.refresh_from_db()
    assert (record.status, record.cancel_requested_at) == (Status.RUNNING, None)
