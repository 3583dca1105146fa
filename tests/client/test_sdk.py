"""The client's objects against a real web server; worker and monitor are played."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from environments.models import EnvironmentVersion
from runs.models import Run as Record
from studio.client import (
    ComputeTarget,
    Environment,
    Experiment,
    NotFound,
    Refused,
    Run,
    RunConfiguration,
    ScriptRunConfig,
    Unreachable,
    Workspace,
)
from tests.api.caller import Caller
from tests.api.conftest import MakeRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ws(as_bob: Caller, url: str, run: Record) -> Iterator[Workspace]:
    """Bob's workspace, with the curated environments and one run."""
    workspace = Workspace.from_config()
    yield workspace
    workspace.connection.close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a script; its parent is the current one."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text("print('hello')\n")
    monkeypatch.chdir(tmp_path)
    return folder


def submitted(ws: Workspace, **given: Any) -> Record:
    """What the studio has of a run that was submitted with this configuration."""
    config = ScriptRunConfig(**{"source_directory": "project", "script": "train.py", **given})
    return Record.objects.get(pk=Experiment(workspace=ws, name="day1").submit(config=config).id)


def test_the_five_steps(ws: Workspace, project: Path) -> None:
    experiment = Experiment(workspace=ws, name="day1-experiment-train")
    environment = Environment("user-managed-env")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = "/opt/venv/bin/python"
    config = ScriptRunConfig(source_directory="project", script="train.py")
    config.run_config.target = ws.compute_targets["local"]
    config.run_config.environment = environment
    config.run_config.framework = "python"
    run = experiment.submit(config=config, tags={"model": "ridge", "draft": None, "n": 3})
    assert isinstance(run, Run)
    record = Record.objects.get(pk=run.id)
    assert record.experiment.name == "day1-experiment-train"
    assert record.command == ["python", "train.py"]
    assert str(record.environment_version) == "user-managed-env:1"
    assert record.environment_version.spec["interpreter_path"] == "/opt/venv/bin/python"
    assert record.tags == {"model": "ridge", "draft": "", "n": "3"}
    assert sorted(ws.experiments) == ["day1-experiment-train", "ridge"]
    assert run.get_status() == "Queued"


def test_everything_can_be_given_at_once(ws: Workspace, project: Path) -> None:
    shared = RunConfiguration()
    shared.environment_variables = {"A": 1}
    shared.priority = 3
    shared.outputs = ["out/**"]
    shared.max_run_duration_seconds = 60
    record = submitted(
        ws, script=Path("train.py"), arguments=["--alpha", 0.5, Path("x")], run_config=shared
    )
    assert record.command == ["python", "train.py", "--alpha", "0.5", "x"]
    assert (record.variables, record.priority) == ({"A": "1"}, 3)
    assert (record.outputs, record.time_limit_s) == (["out/**"], 60)
    record = submitted(
        ws,
        script=None,
        command="python train.py --name 'a b'",
        compute_target=ComputeTarget(workspace=ws, name="local"),
        environment="scikit-learn:1",
        max_run_duration_seconds=5,
    )
    assert record.command == ["python", "train.py", "--name", "a b"]
    assert (str(record.environment_version), record.time_limit_s) == ("scikit-learn:1", 5)
    assert submitted(ws, script="project/train.py").script == "train.py"
    assert submitted(ws, arguments="-v 'a b'").command[2:] == ["-v", "a b"]


def test_what_a_shared_configuration_says_decides(ws: Workspace, project: Path) -> None:
    shared = RunConfiguration()
    shared.environment, shared.script, shared.arguments = "minimal", "other.py", ["1"]
    with pytest.warns(UserWarning, match="compute_target and environment given beside run_config"):
        record = submitted(ws, run_config=shared, environment="x", compute_target="y")
    assert str(record.environment_version) == "minimal:1"
    assert record.command == ["python", "train.py", "1"]
    shared.command, shared.script, shared.arguments = ["sh", "-c", "exit"], None, None
    assert submitted(ws, run_config=shared).command == ["python", "train.py"]
    assert submitted(ws, run_config=shared, script=None).command == ["sh", "-c", "exit"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"script": None}, "Nothing says what to run: give script='train.py', or a command."),
        ({"script": "tran.py"}, "There is no script 'tran.py' in the folder: did you mean train"),
        ({"command": "x"}, "Give a command, or a script and its arguments, not both."),
        ({"script": None, "command": "a && b"}, "'&&' in the command means something to a shell"),
        ({"arguments": [["--alpha", 1]]}, "arguments can hold texts and numbers, but not ['--alp"),
        ({"arguments": {"alpha": 1}}, "arguments must be a list or one text, not {'alpha': 1}."),
        ({"arguments": "'a"}, "A quotation mark is not closed in arguments"),
        ({"source_directory": "nowhere"}, "There is no folder 'nowhere' (seen from /"),
        ({"compute_target": 3}, "A compute target is an object of ws.compute_targets or a name"),
        ({"compute_target": "gpu"}, "There is no target 'gpu'"),
        ({"environment": 3}, "An environment is an Environment or its name, not 3."),
        ({"environment": "sklearn"}, "did you mean scikit-learn?"),
        ({"environment": "AzureML-Cobol"}, "there are gradient-boosting, jax, minimal"),
        ({"run_config": 3}, "run_config must be a RunConfiguration, not 3."),
        ({"distributed_job_config": 3}, "ScriptRunConfig has no 'distributed_job_config'"),
        ({"argumnets": []}, "ScriptRunConfig has no 'argumnets': did you mean arguments?"),
        ({"max_run_duration_seconds": 0}, "A time limit of 0 s cannot be kept"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(
    given: dict[str, Any], said: str, ws: Workspace, project: Path
) -> None:
    before = Record.objects.count()
    with pytest.raises(Refused) as refusal:
        submitted(ws, **given)
    assert said in str(refusal.value)
    assert Record.objects.count() == before


def test_a_misspelled_field_is_not_kept_in_silence(ws: Workspace) -> None:
    config = ScriptRunConfig(source_directory=".", script="train.py")
    with pytest.raises(Refused, match="RunConfiguration has no 'tagret': did you mean target"):
        config.run_config.tagret = "local"
    with pytest.raises(Refused, match="PythonSection has no 'conda_dependencies': it has user_man"):
        Environment("e").python.conda_dependencies = 3
    config.run_config.framework = "PySpark"
    with pytest.raises(Refused, match="The framework 'PySpark' cannot be run"):
        Experiment(workspace=ws, name="x").submit(config)
    with pytest.raises(Refused, match="Only a ScriptRunConfig can be submitted, not 3"):
        Experiment(workspace=ws, name="x").submit(3)
    for make in (Experiment, ComputeTarget):
        with pytest.raises(Refused, match=f"{make.__name__} needs a workspace"):
            make(workspace=None, name="x")
    with pytest.raises(Refused, match="Environment needs a workspace"):
        Environment.get(None, "minimal")
    with pytest.raises(Refused, match="An experiment needs a name"):
        Experiment(workspace=ws, name="")
    with pytest.raises(Refused, match="An environment needs a name"):
        Environment("")


def test_environments(ws: Workspace, project: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="AzureML-Minimal is minimal here, with newer packages"):
        assert Environment.get(workspace=ws, name="AzureML-Minimal").name == "minimal"
    (tmp_path / "requirements.txt").write_text("six>=1 # why\n")
    mine = Environment.from_pip_requirements("mine", tmp_path / "requirements.txt")
    assert mine.version is None
    assert mine.register(workspace=ws).version == 1
    found = Environment.get(workspace=ws, name="mine")
    assert (found.version, found.python.requirements) == (1, "six>=1\n")
    assert str(submitted(ws, environment=found).environment_version) == "mine:1"
    found.python.requirements = "six>=1.15\n"
    assert str(submitted(ws, environment=found).environment_version) == "mine:2"
    assert Environment.get(ws, "mine", version="1").python.requirements == "six>=1\n"
    before = EnvironmentVersion.objects.count()
    assert str(submitted(ws, environment=Environment.get(ws, "mine", 1)).environment_version) == (
        "mine:1"
    )
    assert EnvironmentVersion.objects.count() == before
    found.python.user_managed_dependencies = True
    with pytest.raises(Refused, match="The environment mine is user-managed, so nothing is instal"):
        found.register(ws)
    with pytest.raises(NotFound, match="The environment mine has no version 7: the newest is 2"):
        Environment.get(ws, "mine", 7)
    with pytest.raises(NotFound, match="did you mean scikit-learn"):
        Environment.get(ws, "AzureML-Scikit-learn-0.19")
    with pytest.raises(Refused, match=r"The file 'none\.txt' cannot be read: No such"):
        Environment.from_pip_requirements("mine", "none.txt")
    with pytest.raises(Refused, match="curated and cannot be changed"):
        Environment("minimal").register(ws)


CONDA = "dependencies: [python=3.11, pytorch=2.6]\n"
PYPROJECT = """[project]
dependencies = ["six"]
[project.optional-dependencies]
plot = ["rich"]
"""


def _kinds(folder: Path) -> dict[str, Environment]:
    for name, text in (("e.yml", CONDA), ("p.toml", PYPROJECT), ("D", "FROM a\nCOPY . /x\n")):
        (folder / name).write_text(text)
    kinds = {
        "conda": Environment.from_conda_specification("conda", folder / "e.yml"),
        "pyproject": Environment.from_pyproject("pyproject", folder / "p.toml", ["plot"]),
        "python": Environment.from_existing_interpreter("python", "/opt/venv/bin/python"),
        "image": Environment.from_docker_image("image", "python:3.12"),
        "dockerfile": Environment.from_dockerfile("dockerfile", folder / "D", folder),
        "over": Environment("over"),
    }
    over = kinds["over"]
    over.docker.base_image, over.python.version = "python:3.12", "3.12"
    over.environment_variables, over.secrets = {"A": "1"}, ["HUB_TOKEN"]
    over.spark.packages, over.spark.repositories = ["a:b:1"], ["https://repo.example.org"]
    return kinds


EXPECTED: dict[str, dict[str, Any]] = {
    "conda": {"requirements": "torch==2.6.*\n", "python": "3.11", "conda": CONDA},
    "pyproject": {"requirements": "six\nrich\n", "groups": ["plot"]},
    "python": {"kind": "user-managed", "interpreter_path": "/opt/venv/bin/python"},
    "image": {"kind": "image", "image": "python:3.12"},
    "dockerfile": {"kind": "dockerfile", "dockerfile": "FROM a\nCOPY . /x\n"},
    "over": {"kind": "requirements", "requirements": "", "image": "python:3.12", "python": "3.12",
             "variables": {"A": "1"}, "secrets": ["HUB_TOKEN"],
             "spark": {"packages": ["a:b:1"], "repositories": ["https://repo.example.org"]}},
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:On targets without Docker")
def test_environments_of_every_kind_come_back_as_they_were(ws: Workspace, tmp_path: Path) -> None:
    for name, environment in _kinds(tmp_path).items():
        assert environment.register(ws).version == 1
        spec = EnvironmentVersion.objects.get(environment__name=name).spec
        assert spec.items() >= EXPECTED[name].items()
        found = Environment.get(ws, name)
        assert found.reference(ws) == f"{name}:1"
        assert found.register(ws).version == 1, "what came back says the same"
    listed = Environment.list(ws)
    assert {*EXPECTED, "minimal"} <= {*listed}
    assert listed["image"].docker.base_image == "python:3.12"


def test_another_folder_is_another_version_and_a_clone_another_environment(
    ws: Workspace, tmp_path: Path
) -> None:
    mine = _kinds(tmp_path)["dockerfile"]
    assert mine.reference(ws) == "dockerfile:1"
    (tmp_path / "seed.txt").write_text("7")
    assert mine.reference(ws) == "dockerfile:2"
    assert mine.clone("copy").reference(ws) == "copy:1"
    assert mine.version == 2


def test_what_of_an_environment_is_not_used_is_a_warning(ws: Workspace) -> None:
    mine = Environment("mine")
    mine.python.requirements, mine.docker.base_image = "six", "python:3.12"
    with pytest.warns(UserWarning, match="without Docker the base image python:3.12 is not used"):
        mine.register(ws)
    mine.docker.base_dockerfile = "FROM a"
    with pytest.raises(Refused, match="Give one of requirements and dockerfile, not both"):
        mine.register(ws)
    with pytest.raises(Refused, match="DockerSection has no 'image': it has base_image, base_do"):
        mine.docker.image = "x"


def test_a_config_tells_what_it_would_run() -> None:
    config = ScriptRunConfig(source_directory="project", script="train.py")
    assert repr(config) == "ScriptRunConfig('train.py' of 'project')"
    there = ScriptRunConfig(source={"saved": "ridge"}, command=["true"])
    assert repr(there) == "ScriptRunConfig(['true'] of {'saved': 'ridge'})"


def test_targets_and_experiments_by_name(ws: Workspace, make_run: MakeRun) -> None:
    target = ws.compute_targets["local"]
    assert (target.name, target.type, target.get_status()) == ("local", "local", "unknown")
    with pytest.raises(NotFound, match="There is no compute target 'gpu': there is local"):
        ws.compute_targets["gpu"]
    with pytest.raises(NotFound, match="There is no target 'gpu'"):
        ComputeTarget(workspace=ws, name="gpu")
    assert "gpu" not in ws.compute_targets
    made = [make_run(tags={"n": str(n % 2), "a": ""}).pk for n in range(55)]
    ridge = ws.experiments["ridge"]
    assert [int(run.id) for run in ridge.get_runs()][:-1] == made[::-1]
    assert len(list(ridge.get_runs(tags={"n": "1"}))) == 27
    assert len(list(ridge.get_runs(tags="n"))) == 55
    assert list(ridge.get_runs(tags={"a": "", "n": 2})) == []


def test_runs_that_come_while_one_looks_are_not_seen_twice(
    ws: Workspace, make_run: MakeRun
) -> None:
    made = [make_run().pk for _ in range(60)]
    seen = []
    for run in ws.experiments["ridge"].get_runs():
        if len(seen) == 10:
            make_run()
        seen.append(int(run.id))
    assert seen[:-1] == made[::-1]


def test_strangers_and_silent_studios(
    ws: Workspace, url: str, stranger: Caller, run: Record
) -> None:
    with pytest.raises(Refused, match="charlie belongs to no workspace 'main', but to"):
        Workspace(url, stranger.token, "main")
    with pytest.raises(Refused, match="The studio does not know this caller"):
        Workspace(url, "wrong")
    with pytest.raises(NotFound, match="There is no run '999'"):
        ws.get_run(999)
    with pytest.raises(Unreachable, match="cannot be reached"):
        Workspace("http://127.0.0.1:9", "x")
    assert ws.get_run(run.pk).id == str(run.pk)
    assert ws.get_run("last").id == str(run.pk)


def test_threads_may_share_a_workspace(ws: Workspace, project: Path) -> None:
    found: list[str] = []

    def submit() -> None:
        for _ in range(3):
            found.append(str(submitted(ws).pk))
        ws.connection.close()

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 12


def test_the_import_line_and_what_it_costs() -> None:
    code = (
        "import sys; from studio.client import Run; small = len(sys.modules); "
        "assert 'studio.client.sdk' not in sys.modules and 'socket' not in sys.modules; "
        "from studio.client import Workspace, Experiment, Environment, ScriptRunConfig, "
        "ComputeTarget, Run; import studio.client as c; "
        "assert not [n for n in c.__all__ if not getattr(c, n)]; "
        "print(*{m.split('.')[0] for m in sys.modules} - set(sys.stdlib_module_names))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= {"studio", "__main__"}
    with pytest.raises(ImportError, match="cannot import name 'Nothing'"):
        from studio.client import Nothing  # noqa: F401
