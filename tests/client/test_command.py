"""The command line against a real web server."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from runs.models import Artifact, GpuLoan, Run, RunEvent
from runs.states import Status
from runs.stores import blob_store, log_store
from studio.client.command import COMMANDS, main
from studio.client.http import Connection
from tests.api.caller import Caller
from tests.api.conftest import MakeRun
from tests.api.playing import end, say, start
from tests.client.conftest import Command
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


class Said:
    """What one command did."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Here = Callable[..., Said]


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """Runs a command in this process, and closes the connections that its end would close."""
    connections: list[Connection] = []

    def remembered(*login: str) -> Connection:
        connections.append(Connection(*login))
        return connections[-1]

    monkeypatch.setattr("studio.client.login.Connection", remembered)

    def command(*words: str) -> Said:
        capfd.readouterr()
        try:
            code = main(words)
        except SystemExit as exit_:  # argparse's way out
            code = int(exit_.code or 0)
        finally:
            while connections:
                connections.pop().close()
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return command


@pytest.fixture
def folder(tmp_path: Path, run: Run) -> Path:
    """A git work tree with a script, something ignored and something not committed."""
    top = tmp_path / "ridge"
    (top / "data").mkdir(parents=True)
    (top / "train.py").write_text("print('hello')\n")
    (top / "data" / "x.csv").write_text("1,2\n")
    (top / ".gitignore").write_text("*.tmp\n")
    (top / "big.tmp").write_text("no")
    git = ["git", "-C", str(top), "-c", "user.name=T", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    (top / "train.py").write_text("print('changed')\n")
    return top


def newest() -> Run:
    return Run.objects.order_by("-pk")[0]


def test_login_is_kept_for_its_owner_alone(
    here: Here, url: str, member: Caller, home: Path
) -> None:
    assert "No studio is known: run `runyard login URL --token T`" in here("runs").err
    said = here("login", url.removeprefix("http://"), "--token", member.token)
    assert (said.code, said.out) == (0, f"Logged in to {url} as bob.\n")
    kept = home / ".config" / "runyard" / "login.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert here("runs").code == 0


def test_a_login_that_fails_is_not_kept(here: Here, url: str, home: Path) -> None:
    said = here("login", url, "--token", "wrong")
    assert said.code == 1
    assert said.err.startswith("runyard: The studio does not know this caller: run `runyard login")
    assert not (home / ".config").exists()


def test_a_token_goes_only_to_the_address_it_belongs_to(
    here: Here, url: str, member: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    here("login", url, "--token", member.token)
    monkeypatch.setenv("RUNYARD_URL", "http://elsewhere.example")
    assert "No token is known for http://elsewhere.example" in here("runs").err
    monkeypatch.setenv("RUNYARD_URL", url + "/")
    assert here("runs").code == 0


def test_the_studio_of_this_machine_needs_no_login(
    here: Here, url: str, member: Caller, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = home / "data"
    data.mkdir()
    monkeypatch.setenv("RUNYARD_DATA_DIR", str(data))
    (data / "owner.json").write_text(json.dumps({"url": url + "/", "token": member.token}))
    assert here("runs").code == 0
    (data / "owner.json").write_text("{")
    said = here("runs")
    assert said.code == 1
    assert "owner.json cannot be read" in said.err


def test_a_folder_is_submitted_and_only_once_sent(
    here: Here, as_bob: Caller, url: str, folder: Path
) -> None:
    said = here(
        "submit", "--source", str(folder), "--name", "first try", "--env", "A=1", "--env",
        "MY_TOKEN=t0ken", "--tag", "k=v", "--priority", "2", "--time-limit", "2h", "--output",
        "out/**", "--environment", "minimal", "train.py", "--", "--alpha", "-v",
    )  # fmt: skip
    made = newest()
    assert (said.code, said.err) == (
        0,
        "sending 3 of 3 files, 27 B; the largest is train.py (17 B); "
        "left out: .git/, big.tmp (--dry-run lists all)\n",
    )
    assert said.out.splitlines()[0] == (
        f"submitted first try as run {made.pk}: {url}/runs/{made.pk}/"
    )
    assert made.command == ["python", "train.py", "--alpha", "-v"]
    assert (made.experiment.name, made.priority, made.time_limit_s) == ("ridge", 2, 7200)
    assert (made.tags, made.variables, made.outputs) == ({"k": "v"}, {"A": "1"}, ["out/**"])
    assert list(made.secret_variables) == ["MY_TOKEN"]
    assert made.git["branch"] == "main"
    assert made.git["dirty"] is True
    with blob_store().open(made.git["diff"]) as diff:
        assert b"+print('changed')" in diff.read()
    assert made.snapshot.file_count == 3
    again = here("submit", "--source", str(folder), "train.py")
    assert (again.code, again.err) == (0, "")
    assert newest().snapshot == made.snapshot
    assert newest().name == "train"


def test_gpus_are_asked_for_and_shown(
    here: Here, as_bob: Caller, folder: Path, target: ComputeTarget
) -> None:
    assert here("targets").out.splitlines()[1].split() == ["local", "local", "unknown", "0", "of",
                                                           "2", "1"]  # fmt: skip
    ComputeTarget.objects.filter(pk=target.pk).update(declared_gpus=["0", "5"])
    for words, asked in ((["--gpus", "2"], 2), (["--gpus", "all"], None), ([], 0)):
        assert here("submit", "--source", str(folder), *words, "train.py").code == 0
        assert newest().gpus == asked
    assert "gpus" not in here("show", "last").out
    GpuLoan.objects.create(target=target, run=newest(), gpu="5", lent_at=timezone.now())
    Run.objects.filter(pk=newest().pk).update(gpus=1)
    assert "gpus         1 (lent: 5)" in here("show", "last").out
    header, row = here("targets").out.splitlines()
    assert "GPUS LENT" in header
    assert "1 of 2" in row


def test_a_dry_run_tells_and_sends_nothing(here: Here, home: Path, folder: Path) -> None:
    (folder / "odd\nname.tmp").write_text("no")
    said = here("submit", "--dry-run", "--source", str(folder), "train.py")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[0].startswith("3 files, 27 B: snapshot ")
    assert [line.split()[0] for line in said.out.splitlines()[3:6]] == [
        "train.py", ".gitignore", "data/x.csv",
    ]  # fmt: skip
    assert said.out.endswith("left out:\n  .git/\n  big.tmp\n  odd\\nname.tmp\n")
    found = here("submit", "--dry-run", "--json", "--source", str(folder)).json
    assert (found["files"], found["size_bytes"]) == (3, 27)
    assert found["left_out"] == [".git/", "big.tmp", "odd\\nname.tmp"]
    assert len(found["snapshot"]) == 64


def test_sources_are_saved_and_run_by_name(here: Here, as_bob: Caller, folder: Path) -> None:
    saved = here("submit", "--source", str(folder), "--save-as", "ridge", "train.py")
    assert saved.code == 0
    first = newest()
    assert first.source is not None
    assert first.source.name == "ridge"
    (folder / "train.py").write_text("print('second')\n")
    sent = here("source", "upload", "ridge", str(folder))
    assert sent.out.startswith("source ridge is at snapshot ")
    assert sent.err.startswith("sending 1 of 3 files, 16 B; the largest is train.py (16 B)")
    ran = here("submit", "--saved", "ridge", "train.py", "--alpha", "1")
    assert (ran.code, newest().command[-2:]) == (0, ["--alpha", "1"])
    assert newest().snapshot != first.snapshot
    assert newest().experiment.name == "ridge"
    header, row = here("sources").out.splitlines()
    assert header.split()[:4] == ["NAME", "KIND", "SNAPSHOTS", "RUNS"]
    assert row.split()[:4] == ["ridge", "upload", "2", "2"]
    assert len(here("source", "show", "ridge").out.splitlines()) == 3
    assert here("source", "rename", "ridge", "lasso").out == "source ridge is now lasso\n"
    deleted = here("source", "delete", "lasso").out
    assert deleted == "source lasso is deleted; its runs are still there\n"
    assert here("sources", "--json").json == []
    made = here("source", "upload", "new", str(folder), "--json")
    assert (made.json["name"], made.err) == ("new", "")


def test_a_server_folder_is_linked(here: Here, as_bob: Caller, folder: Path, settings: Any) -> None:
    settings.LINK_ROOTS = [folder.parent]
    said = here("source", "link", "linked", str(folder))
    assert said.out == f"source linked is read from {folder} at each submit\n"
    assert here("submit", "--saved", "linked", "train.py").code == 0
    refused = here("source", "upload", "linked", str(folder))
    assert (refused.code, "at each submit: change the files there" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["submit", "--saved", "none", "train.py"], 1, "There is no source 'none'"),
        (["submit", "--saved", "x", "--source", ".", "train.py"], 2, "--saved takes the files"),
        (["submit", "--saved", "x", "--save-as", "y", "train.py"], 2, "--saved takes the files"),
        (["submit", "--snapshot", "x", "--source", ".", "a.py"], 2, "--snapshot takes the files"),
        (
            ["submit", "--snapshot", "x", "--saved", "y", "a.py"],
            2,
            "give only one of --saved and --snapshot",
        ),
        (["submit", "--snapshot", "0" * 64, "train.py"], 1, "is not known here"),
        (["submit", "--save-as", "a/b", "train.py"], 1, "'a/b' cannot name a source"),
        (["source", "upload", "x", "/nowhere"], 1, "There is no folder '/nowhere'"),
        (["source", "rename", "x"], 2, "rename takes another number of words"),
        (["source", "delete", "none"], 1, "There is no source 'none'"),
        (["again", "999999"], 1, "There is no run '999999'"),
    ],
)
def test_what_cannot_be_done_with_a_source_is_a_sentence(
    here: Here, as_bob: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch,
    words: list[str], code: int, sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(folder)
    said = here(*words)
    assert (said.code, said.out) == (code, "")
    assert sentence in said.err
    assert "Traceback" not in said.err


def test_again(here: Here, as_bob: Caller, url: str, run: Run) -> None:
    said = here("again", "last")
    assert said.out == f"submitted train as run {newest().pk}: {url}/runs/{newest().pk}/\n"
    assert newest().pk != run.pk
    assert here("again", str(run.pk), "--json").json["snapshot"] == run.snapshot.digest


def test_any_command_can_be_submitted(here: Here, as_bob: Caller, folder: Path) -> None:
    said = here("submit", "--json", "--source", str(folder), "--", "python", "-m", "pkg", "--", "x")
    assert said.code == 0
    assert said.json["command"] == ["python", "-m", "pkg", "--", "x"]
    assert said.json["id"] == newest().pk


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["trian.py"], 1, "There is no script 'trian.py' in the folder: did you mean train.py?"),
        (["--target", "moon", "train.py"], 1, "runyard: There is no target 'moon'"),
        (["--source", "/nowhere", "train.py"], 1, "runyard: There is no folder '/nowhere'"),
        (["--time-limit", "soon", "train.py"], 1, "runyard: 'soon' is no time limit"),
        (["--env", "NOT_SET_HERE", "train.py"], 1, "runyard: The variable NOT_SET_HERE is not set"),
        (["--env", "1X=1", "train.py"], 1, "runyard: '1X' cannot be the name"),
        (["--priority", "x", "train.py"], 2, "argument --priority: invalid int value: 'x'"),
        (["--unknown", "train.py"], 2, "unrecognized arguments: --unknown"),
        (["--gpus", "x", "train.py"], 1, "runyard: 'x' is no number of GPUs: give --gpus 2"),
        (["--gpus", "2", "train.py"], 1, "runyard: The GPUs of local are not known yet"),
        ([], 2, "give a SCRIPT, or -- and a COMMAND"),
        (["--"], 2, "give a SCRIPT, or -- and a COMMAND"),
    ],
)
def test_what_cannot_be_submitted_is_refused_in_a_sentence(
    here: Here, as_bob: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch,
    words: list[str], code: int, sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(folder)
    before = Run.objects.count()
    said = here("submit", *words)
    assert (said.code, said.out) == (code, "")
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert Run.objects.count() == before


@pytest.mark.parametrize("code", [0, 3, 137])
def test_waiting_shows_the_log_and_exits_as_the_script_did(
    runyard: Command, as_bob: Caller, url: str, folder: Path, code: int
) -> None:
    process = runyard("submit", "--source", str(folder), "--wait", "train.py")
    assert process.stdout is not None
    first = process.stdout.readline()
    run = newest()
    assert first == f"submitted train as run {run.pk}: {url}/runs/{run.pk}/\n".encode()
    start(run)
    said = b"raw \xff bytes\r50%\r100%"
    say(run, said)
    assert process.stdout.read(len(said)) == said
    end(run, code)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (code, b"")
    assert (f"run {run.pk} failed:".encode() in err) == (code != 0)


def test_waiting_in_json_answers_once_at_the_end(
    runyard: Command, as_bob: Caller, folder: Path
) -> None:
    before = newest().pk
    process = runyard("submit", "--json", "--source", str(folder), "--wait", "train.py")
    run = eventually(lambda: Run.objects.filter(pk__gt=before).first())
    start(run)
    say(run, b"log\n")
    end(run, 4)
    out, err = process.communicate(timeout=10)
    found = json.loads(out)
    assert (found["id"], found["status"], found["exit_code"]) == (run.pk, "failed", 4)
    assert (process.returncode, err) == (4, b"")
    assert "t" not in found


def test_ctrl_c_while_waiting_leaves_the_run(
    runyard: Command, as_bob: Caller, folder: Path
) -> None:
    process = runyard("submit", "--source", str(folder), "--wait", "train.py")
    assert process.stdout is not None
    process.stdout.readline()
    run = newest()
    start(run)
    say(run, b"begun\n")
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert f"`runyard logs {run.pk} --follow`".encode() in err
    run.refresh_from_db()
    assert (run.status, run.cancel_requested_at) == (Status.RUNNING, None)


def test_a_reader_that_goes_away_is_no_error(runyard: Command, as_bob: Caller, run: Run) -> None:
    log_store().append(f"run/{run.pk}/1/run.log", 0, b"y\n" * 1_000_000)
    process = runyard("logs", str(run.pk))
    assert process.stdout is not None
    assert process.stdout.readline() == b"y\n"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(10) == 141


def test_logs(here: Here, as_bob: Caller, run: Run) -> None:
    say(run, b"first\nsecond")
    log_store().append(f"run/{run.pk}/1/logs/x.txt", 0, b"other\n")
    assert here("logs", "last").out == "first\nsecond"
    assert here("logs", run.uid, "--stream", "logs/x.txt").out == "other\n"
    assert {stream["name"] for stream in here("logs", "train", "--json").json} == {
        "run.log",
        "logs/x.txt",
    }
    start(run)
    end(run, 5)
    followed = here("logs", str(run.pk), "--follow")
    assert (followed.code, followed.out) == (0, "first\nsecond")
    assert followed.err.startswith(f"run {run.pk} failed: ")


def test_lists_and_details(here: Here, as_bob: Caller, run: Run) -> None:
    (header, row) = here("runs", "--filter", "status:live experiment:ridge").out.splitlines()
    assert header.split() == [
        "ID", "NAME", "STATUS", "EXPERIMENT", "TARGET", "SUBMITTED", "TOOK", "ERROR",
    ]  # fmt: skip
    assert row.split()[:5] == [str(run.pk), "train", "queued", "ridge", "local"]
    assert here("runs", "--json").json["total"] == 1
    shown = here("show", "last").out
    for line in (f"run          {run.pk}", "status       queued", "command      python train.py"):
        assert line in shown
    assert here("show", run.uid, "--json").json["uid"] == run.uid
    assert here("targets").out.splitlines()[1].split()[:4] == ["local", "local", "unknown", "0"]
    assert here("targets", "--json").json[0]["name"] == "local"
    for one, many in (("target", "targets"), ("env", "environments"), ("secret", "secrets")):
        assert (one, here(one, "list").out) == (one, here(many).out)
    assert "minimal" in here("environments").out
    assert "minimal" in {e["name"] for e in here("environments", "--json").json}
    assert here("experiments").out.splitlines()[1].split()[:3] == ["ridge", "1", "1"]
    assert here("experiments", "--json").json[0]["name"] == "ridge"


def test_runs_are_deleted_and_restored(here: Here, as_bob: Caller, run: Run) -> None:
    live = here("delete", str(run.pk))
    assert (live.code, "cancel it and wait for its end" in live.err) == (1, True)
    here("cancel", "last")
    deleted = here("delete", "last")
    text = f"run {run.pk} is in the trash: runyard restore {run.pk} takes it back\n"
    assert (deleted.code, deleted.out) == (0, text)
    assert here("runs", "--json").json["total"] == 0
    assert "for 7 days the trash can restore it" in here("show", str(run.pk)).err
    assert here("restore", str(run.pk)).out == f"run {run.pk} is in the lists again\n"
    here("delete", str(run.pk))
    gone = here("delete", "--forever", str(run.pk), "--json").json
    assert [one["id"] for one in gone] == [run.pk]
    assert "is not in the trash" in here("restore", str(run.pk)).err
    assert not Run.objects.exists()


def test_a_filter_that_cannot_be_read_says_where(here: Here, as_bob: Caller, run: Run) -> None:
    refused = here("runs", "--filter", "status:asleep")
    assert refused.code == 1
    assert "'asleep' is no status" in refused.err
    assert "(at character 8)" in refused.err
    assert len(here("runs", "--filter=-status:failed sort:name").out.splitlines()) == 2


def test_a_list_says_when_it_is_not_all(here: Here, as_bob: Caller, make_run: MakeRun) -> None:
    for _ in range(51):
        make_run()
    said = here("runs")
    assert len(said.out.splitlines()) == 51
    assert "page 1 of 2, 51 runs in all: --page N" in said.err
    assert len(here("runs", "--page", "2").out.splitlines()) == 2


def test_cancel(here: Here, as_bob: Caller, run: Run) -> None:
    assert here("cancel", str(run.pk)).out.startswith(f"run {run.pk} is canceled: Canceled before")
    assert here("cancel", str(run.pk), "--json").json["status"] == "canceled"
    assert RunEvent.objects.filter(run=run, new_status="canceled").count() == 1


def test_a_run_that_is_not_there(here: Here, as_bob: Caller, run: Run) -> None:
    for words in (["show"], ["logs"], ["logs", "--follow"], ["cancel"], ["download"]):
        said = here(*words, "999999")
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith("runyard: There is no run '999999' that you can see")


def test_environments_are_made_from_a_file_or_an_interpreter(
    here: Here, as_bob: Caller, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("numpy\n")
    assert here("env", "create", "mine", "-r", str(file)).out == "environment mine:1\n"
    file.write_text("numpy\nscipy\n")
    assert here("env", "create", "mine", "-r", str(file), "--json").json["version"] == 2
    made = here("env", "create", "own", "--interpreter", "/opt/python")
    assert made.out == "environment own:1\n"
    nothing = here("env", "create", "x")
    assert (nothing.code, "none was given" in nothing.err) == (1, True)
    conda, project = tmp_path / "environment.yml", tmp_path / "pyproject.toml"
    conda.write_text("dependencies: [python=3.11, pytorch]\n")
    project.write_text('[project]\ndependencies = ["six"]\n[dependency-groups]\nnlp = ["idna"]\n')
    assert here("env", "create", "c", "--conda", str(conda)).out == "environment c:1\n"
    words = ("--pyproject", str(project), "--group", "nlp", "--env", "A=1")
    assert here("env", "create", "p", *words).out == "environment p:1\n"
    copied = here("env", "create", "q", "--based-on", "p", "--python", "3.12")
    assert copied.out == "environment q:1\n"
    [version] = as_bob.get("/environments/q").json["versions"]
    assert (version["requirements"], version["python"]) == ("six\nidna\n", "3.12")
    assert version["variables"] == {"A": "1"}
    conda.write_text("dependencies: [python=3.11, r-base]\n")
    unknown = here("env", "create", "c", "--conda", str(conda))
    assert (unknown.code, "r-base" in unknown.err) == (1, True)
    assert here("env", "create", "i", "--image", "python:3.12").out == "environment i:1\n"
    missing = here("env", "create", "x", "-r", str(tmp_path / "none"))
    assert (missing.code, "none' cannot be read: No such file" in missing.err) == (1, True)


def test_targets_are_for_the_owner_and_what_is_wrong_is_said(
    here: Here, as_bob: Caller, run: Run, tmp_path: Path
) -> None:
    refused = here("target", "register", "gpu", "--set", "nonsense")
    assert (refused.code, refused.err.startswith("runyard: 'nonsense' is no setting")) == (1, True)
    settings = ("--set", "address=unix:///run/docker.sock", "--set", "image=python")
    forbidden = here("target", "register", "gpu", *settings)
    assert forbidden.code == 1
    assert "403" not in forbidden.err
    tested = here("target", "test", "local")
    assert (tested.code, tested.out.startswith("local is ready: ")) == (0, True)
    assert here("target", "delete", "local").code == 1


@pytest.fixture
def made(run: Run) -> Run:
    """A run with three artifacts."""
    for path, data in (("outputs/a.txt", b"aaa"), ("outputs/sub/b", b"b" * 9), ("model.pkl", b"m")):
        sha, size = blob_store().put(data)
        Artifact.objects.create(run=run, path=path, sha=sha, size_bytes=size)
    return run


def test_downloads(
    here: Here, as_bob: Caller, made: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert here("download", str(made.pk), "outputs/a.txt").out.split()[0] == "a.txt"
    assert Path("a.txt").read_bytes() == b"aaa"
    assert here("download", "last", "outputs/sub").code == 0
    assert Path(f"run-{made.pk}/outputs/sub/b").read_bytes() == b"b" * 9
    everything = here("download", str(made.pk), "-o", "all", "--json").json
    assert [Path(item["saved_as"]).read_bytes() for item in everything] == [b"m", b"aaa", b"b" * 9]
    assert here("download", str(made.pk), "model.pkl", "-o", "renamed").code == 0
    assert Path("renamed").read_bytes() == b"m"
    assert here("download", str(made.pk), "model.pkl", "-o", "-").out == "m"
    assert not list(tmp_path.rglob("*.part"))


def test_a_download_overwrites_nothing(
    here: Here, as_bob: Caller, made: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("mine")
    said = here("download", str(made.pk), "outputs/a.txt")
    assert (said.code, Path("a.txt").read_text()) == (1, "mine")
    assert "'a.txt' exists and is something else" in said.err
    Path("a.txt").write_text("aaa")
    assert here("download", str(made.pk), "outputs/a.txt").code == 0


def test_a_download_checks_names_and_hashes(
    here: Here, as_bob: Caller, made: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    missing = here("download", str(made.pk), "outputs/none")
    assert "has no artifact 'outputs/none': it has model.pkl, outputs/a.txt" in missing.err
    evil = made.artifacts.get(path="model.pkl")
    evil.path = "../evil"
    evil.save()
    assert "would leave the folder" in here("download", str(made.pk)).err
    assert not (tmp_path.parent / "evil").exists()
    evil.delete()
    blob = blob_store().path(made.artifacts.get(path="outputs/a.txt").sha)
    blob.chmod(0o644)
    blob.write_bytes(b"bad")
    assert "arrived damaged" in here("download", str(made.pk), "outputs/a.txt").err
    assert not Path("a.txt").exists()


def test_a_run_without_artifacts(here: Here, as_bob: Caller, run: Run) -> None:
    said = here("download", str(run.pk))
    assert (said.code, said.out.strip()) == (0, "")
    assert "has made no artifacts" in said.err


def test_help_and_usage(here: Here, home: Path, settings: Any) -> None:
    shown = here("--help")
    assert shown.code == 0
    assert all(name in shown.out for name in COMMANDS)
    assert here().code == 2
    assert here("--version").out == f"runyard {settings.VERSION}\n"
    unknown = here("sumbit")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err.startswith("runyard: there is no command 'sumbit': did you mean submit?")
    assert "usage: runyard COMMAND" in here("frobnicate").err
    for name in COMMANDS:
        assert here(name, "--help").out.startswith(f"usage: runyard {name}")
        assert here(name, "--nonsense").code == 2


def test_a_studio_that_is_not_there(
    here: Here, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("RUNYARD_TOKEN", "t")
    said = here("runs")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("runyard: The studio at http://127.0.0.1:1 cannot be reached")
    assert os.linesep not in said.err.strip()
