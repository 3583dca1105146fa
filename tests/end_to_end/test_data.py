"""One script, two targets that have its data at different places: nothing of it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.studio_process import Studio

COUNT = """
import os, pathlib, sys
root = pathlib.Path(os.environ["RUNYARD_DATA_MNIST_5K"])
assert root == pathlib.Path(sys.argv[1]).parent
print(len(list(root.iterdir())), sys.argv[2])
"""


def test_the_same_script_finds_its_data_on_each_target(
    studio: Studio, folder: Path, tmp_path: Path
) -> None:
    (folder / "count.py").write_text(COUNT)
    places = {"local": (tmp_path / "here", 1), "second": (tmp_path / "there" / "deep", 2)}
    studio.api(
        "/targets",
        {"name": "second", "kind": "local", "config": {"root": str(tmp_path / "second")}},
    )
    submit = ("--environment", "here", "count.py", "${data.mnist-5k}/train", "$${data.x}")
    refused = studio.cli("submit", "--source", str(folder), *submit)
    assert (refused.code, refused.stdout) == (1, b"")
    assert b"There is no data 'mnist-5k': none is named in this workspace yet." in refused.stderr
    for target, (place, count) in places.items():
        refused = studio.cli("submit", "--source", str(folder), "--target", target, *submit)
        assert refused.code == 1
        named = studio.cli(
            "data", "add", "mnist-5k", "--target", target, "--path", str(place), "--description",
            "digits",
        )  # fmt: skip
        assert named.code == 0, named.stderr
        assert f"on {target}, There is no {place}." in named.stdout.decode()
        assert f"a run on {target} may not find it" in named.stderr.decode()
        for number in range(count):
            (place / str(number)).mkdir(parents=True)
        again = studio.cli("data", "add", "mnist-5k", "--target", target, "--path", f"{place}/")
        assert again.stdout.decode() == (
            f"mnist-5k is RUNYARD_DATA_MNIST_5K to runs: {place} on {target}, folder\n"
        )
    for target, (_, count) in places.items():
        run = studio.submit(folder, "--target", target, *submit)
        assert studio.finished(run)["status"] == "completed", studio.log(run)
        assert studio.log(run) == f"{count} ${{data.x}}\n".encode()
        shown = studio.cli("show", str(run)).stdout.decode()
        assert f"mnist-5k at {places[target][0]}" in shown

    listed = studio.cli("data", "list").stdout.decode().splitlines()
    assert [line.split()[:4] for line in listed[1:]] == [
        ["mnist-5k", target, str(place), "folder"] for target, (place, _) in places.items()
    ]
    assert studio.cli("data", "remove", "mnist-5k", "--target", "second").code == 0
    again = studio.cli("submit", "--source", str(folder), "--target", "second", *submit)
    assert b"runyard data add mnist-5k --target second --path /path/there" in again.stderr
    assert studio.cli("data", "remove", "mnist-5k").stdout == (
        b"mnist-5k is forgotten; its files stay\n"
    )
    assert studio.cli("data", "list", "--json").stdout == b"[]\n"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 2, "the following arguments are required"),
        (("add",), 2, "give the NAME to add"),
        (("add", "x", "--target", "local"), 2, "--target and --path go together"),
        (("add", "a.b"), 1, "'a.b' cannot name data"),
        (("add", "x", "--target", "moon", "--path", "/x"), 1, "There is no target 'moon'"),
        (("add", "x", "--target", "local", "--path", "x"), 1, "'x' is not an absolute path"),
        (("remove", "x"), 1, "There is no data 'x'"),
    ],
)
def test_what_cannot_be_registered_is_refused_in_a_sentence(
    studio: Studio, words: tuple[str, ...], code: int, told: str
) -> None:
    said = studio.cli("data", *words)
    assert (said.code, said.stdout) == (code, b"")
    assert told in said.stderr.decode()
    assert studio.api("/data") == []
