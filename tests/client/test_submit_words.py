"""Which words of `runyard submit` are ours and which the script's."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.client.errors import Refused
from studio.client.submit import _experiment_of, seconds, split
from studio.client.upload import script_in


@pytest.mark.parametrize(
    ("line", "ours", "rest", "is_command"),
    [
        ("train.py", "", "train.py", False),
        ("--wait train.py --wait", "--wait", "train.py --wait", False),
        ("--target gpu --env A=1 train.py -- x", "--target gpu --env A=1", "train.py -- x", False),
        ("--target=gpu train.py", "--target=gpu", "train.py", False),
        ("--env --strange train.py", "--env --strange", "train.py", False),
        ("--wait -- python -m pkg -- x", "--wait", "python -m pkg -- x", True),
        ("-- --version", "", "--version", True),
        ("--", "", "", True),
        ("--wait", "--wait", "", False),
        ("--target", "--target", "", False),
        ("", "", "", False),
    ],
)
def test_words_after_the_script_are_the_scripts(
    line: str, ours: str, rest: str, is_command: bool
) -> None:
    assert split(line.split()) == (ours.split(), rest.split(), is_command)


@pytest.mark.parametrize(
    ("text", "count"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86400), ("1h30m", 5400)],
)
def test_time_spans(text: str, count: int) -> None:
    assert seconds(text) == count


@pytest.mark.parametrize("text", ["", "h", "2x", "-1", "1.5h", "2h ", "m30"])
def test_what_is_no_time_span_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="is no time limit: give one like"):
        seconds(text)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("/a/ridge", "ridge"), ("/a/my (new) idea", "my -new- idea"), ("/a/.dot", "dot"), ("/", "")],
)
def test_the_experiment_is_called_like_the_folder(folder: str, name: str) -> None:
    assert _experiment_of(folder) == name


def test_a_script_may_be_named_as_seen_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path
    (top / "project" / "sub").mkdir(parents=True)
    (top / "project" / "sub" / "train.py").touch()
    (top / "outside.py").touch()
    monkeypatch.chdir(top)
    assert script_in("project", "sub/train.py") == "sub/train.py"
    assert script_in("project", "./sub/train.py") == "sub/train.py"
    assert script_in("project", "project/sub/train.py") == "sub/train.py"
    assert script_in("project", str(top / "project/sub/train.py")) == "sub/train.py"
    assert script_in("project", "outside.py") == "outside.py"
    assert script_in("project", "nowhere.py") == "nowhere.py"
