"""What a script can rely on, seen on real runs in a real studio."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.studio_process import Studio
from tests.waiting import eventually

HERE = ("--environment", "here")


def test_a_src_layout_package_and_its_module_run(studio: Studio, folder: Path) -> None:
    package = folder / "src" / "project"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("WORD = 'packed'\n")
    (package / "train.py").write_text("from project import WORD\nprint(WORD)\n")
    run = studio.submit(folder, *HERE, "--", "python", "-m", "project.train")
    assert studio.finished(run)["status"] == "completed"
    assert studio.log(run) == b"packed\n"


def test_a_shell_script_runs_with_its_arguments(studio: Studio, folder: Path) -> None:
    (folder / "run.sh").write_text('echo "$1 in $(basename "$PWD")"\nexit 3\n')
    run = studio.submit(folder, *HERE, "run.sh", "--", "--flag")
    ended = studio.finished(run)
    assert (ended["status"], ended["exit_code"]) == ("failed", 3)
    assert studio.log(run) == b"--flag in code\n"


def test_a_traceback_line_stands_in_the_list(studio: Studio, folder: Path) -> None:
    (folder / "bad.py").write_text("raise ValueError('alpha is -1')\n")
    run = studio.submit(folder, *HERE, "bad.py")
    studio.finished(run)
    listed = studio.api("/runs?filter=status:failed")["items"]
    assert next(r for r in listed if r["id"] == run)["error"] == "ValueError: alpha is -1"


def test_a_missing_package_is_named_with_an_environment_that_has_it(
    studio: Studio, folder: Path
) -> None:
    (folder / "learn.py").write_text("import sklearn\n")
    run = studio.submit(folder, "--environment", "minimal", "learn.py")
    ended = studio.finished(run)
    assert ended["status"] == "failed"
    advice = "The package scikit-learn is missing: the environment scikit-learn has it."
    assert ended["reason_sentence"].endswith(advice)
    assert studio.api(f"/runs/{run}/events")[-1]["text"] == ended["reason_sentence"]


PIP = """
import hashlib, pathlib, subprocess, sys

def contents():
    files = sorted(p for p in pathlib.Path(sys.prefix).rglob("*") if p.is_file())
    kept = [p for p in files if "__pycache__" not in p.parts]
    print(len(kept), hashlib.sha256(b"".join(p.read_bytes() for p in kept)).hexdigest(), flush=True)

contents()
done = subprocess.run([sys.executable, "-m", "pip", "install", "idna"])
contents()
sys.exit(0 if done.returncode else "pip went through")
"""


def test_pip_in_a_run_is_told_what_to_do_and_changes_nothing(studio: Studio, folder: Path) -> None:
    (folder / "grow.py").write_text(PIP)
    run = studio.submit(folder, "--environment", "minimal", "grow.py")
    assert studio.finished(run)["status"] == "completed", studio.log(run)
    before, *said, after = studio.log(run).decode().splitlines()
    assert before == after
    sentence = " ".join(said)
    assert "This environment is shared by runs and never changes" in sentence
    assert "Add idna to its requirements and submit again." in sentence


def test_a_repository_that_git_refuses_is_named(studio: Studio, folder: Path) -> None:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / ".git" / "config").write_text("no such thing\n")
    (folder / "a.py").write_text("print(1)\n")
    run = studio.submit(folder, *HERE, "a.py")
    assert studio.finished(run)["git"]["trouble"].startswith("git did not describe the folder:")
    assert b"git did not describe" in studio.cli("show", str(run)).stdout


def test_a_command_that_does_not_exist_is_a_sentence(studio: Studio, folder: Path) -> None:
    (folder / "a.txt").write_text("x")
    run = studio.submit(folder, *HERE, "--", "no-such-program", "x")
    ended = studio.finished(run)
    assert (ended["status"], ended["end_reason"]) == ("failed", "launch_failed")
    assert "no-such-program" in ended["error"]


def test_metrics_artifacts_and_extra_files_come_home(studio: Studio, folder: Path) -> None:
    (folder / "train.py").write_text(
        "from pathlib import Path\n"
        "from studio.client import Run\n"
        "run = Run.get_context()\n"
        "for step in range(5):\n    run.log('loss', 1 / (step + 1), step=step)\n"
        "Path('outputs/deep').mkdir()\n"
        "Path('outputs/deep/model.bin').write_bytes(b'model')\n"
        "Path('stray.txt').write_text('left behind')\n"
        "import os\n"
        "open(b'outputs/odd-\\xff.bin', 'wb').write(b'odd')\n"
        "open(b'stray-\\xfe.txt', 'wb').write(b'odd')\n"
        "os.symlink('/etc/hostname', 'outputs/leak')\n"
    )
    run = studio.submit(folder, *HERE, "train.py")
    ended = studio.finished(run)
    assert ended["status"] == "completed", studio.log(run)
    assert ended["metrics"] == {"loss": 0.2}
    kept = [a["path"] for a in studio.api(f"/runs/{run}/artifacts")]
    assert kept == ["outputs/deep/model.bin", r"outputs/odd-\xff.bin"]
    extra = {file["path"] for file in studio.api(f"/runs/{run}/extra-files")}
    assert extra == {"stray.txt", r"stray-\xfe.txt"}
    told = [event["text"] for event in studio.api(f"/runs/{run}/events")]
    reason = "outputs/leak (a link out of the working directory)"
    assert f"Not kept as artifacts: {reason}." in told
    summary = studio.api(f"/runs/{run}/metrics")["loss"]
    assert (summary["count"], summary["max"], summary["last_step"]) == (5, 1.0, 4)
    answer = studio.cli("download", str(run), "outputs/deep/model.bin", "-o", str(folder / "back"))
    assert answer.code == 0, answer.stderr
    assert b"model" in {path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_in_logs_can_be_read_while_it_runs(studio: Studio, folder: Path) -> None:
    (folder / "talk.py").write_text(
        "import time\nfrom pathlib import Path\n"
        "Path('logs/rank1.txt').write_text('hello from rank 1\\n')\ntime.sleep(600)\n"
    )
    run = studio.submit(folder, *HERE, "talk.py")
    eventually(
        lambda: "logs/rank1.txt" in {s["name"] for s in studio.api(f"/runs/{run}/streams")},
        timeout_s=20,
        what="the log file to be seen",
    )
    assert studio.log(run, "logs/rank1.txt") == b"hello from rank 1\n"
    studio.api(f"/runs/{run}/cancel", {})
    assert studio.finished(run)["status"] == "canceled"


def test_an_output_that_stands_still_is_collected_while_it_runs(
    studio: Studio, folder: Path
) -> None:
    (folder / "save.py").write_text(
        "import time\nfrom pathlib import Path\n"
        "Path('outputs/early.txt').write_text('early')\ntime.sleep(600)\n"
    )
    run = studio.submit(folder, *HERE, "save.py")
    eventually(
        lambda: studio.api(f"/runs/{run}/artifacts"), timeout_s=40, what="the settled artifact"
    )
    assert studio.run(run)["status"] == "running"
    studio.api(f"/runs/{run}/cancel", {})
    studio.finished(run)


def test_a_secret_is_masked_and_the_receipt_counts_it(studio: Studio, folder: Path) -> None:
    (folder / "leak.py").write_text(
        "import os\nprint('token is', os.environ['API_TOKEN'])\nprint(os.environ['PLAIN'])\n"
    )
    secret = "correct-horse-battery"
    run = studio.submit(
        folder, *HERE, "--env", f"API_TOKEN={secret}", "--env", "PLAIN=seen", "leak.py"
    )
    ended = studio.finished(run)
    assert studio.log(run) == b"token is " + b"*" * len(secret) + b"\nseen\n"
    assert (ended["receipt"]["masked"], ended["receipt"]["complete"]) == (1, True)
    assert secret not in json.dumps(ended)
    database = (studio.data_dir / "db.sqlite3").read_bytes()
    assert secret.encode() not in database


def test_priority_goes_first_and_waiting_is_explained(studio: Studio, folder: Path) -> None:
    (folder / "wait.py").write_text("import time\ntime.sleep(600)\n")
    (folder / "quick.py").write_text("print(1)\n")
    studio.api("/targets/local", {"slots": 1}, method="PATCH")
    try:
        blocker = studio.submit(folder, *HERE, "wait.py")
        eventually(lambda: studio.run(blocker)["status"] == "running", what="the slot to be taken")
        low = studio.submit(folder, *HERE, "quick.py")
        high = studio.submit(folder, *HERE, "--priority", "5", "quick.py")
        assert "1 run ahead on local" in studio.run(low)["waiting"]
        assert "Next on local" in studio.run(high)["waiting"]
        studio.api(f"/runs/{blocker}/cancel", {})
        first, second = studio.finished(high), studio.finished(low)
        assert first["started_at"] < second["started_at"]
    finally:
        studio.api("/targets/local", {"slots": 4}, method="PATCH")
