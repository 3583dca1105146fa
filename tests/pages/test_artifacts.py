"""What a run made, looked at and taken away."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from runs.models import Artifact, Run
from runs.stores import blob_store
from runs.views import artifactlist
from tests.pages.visitor import Visitor

EVIL = "<img src=x onerror=alert(1)>"


def made(run: Run, path: str, data: bytes) -> Artifact:
    sha, size = blob_store().put(data)
    return Artifact.objects.create(run=run, path=path, sha=sha, size_bytes=size)


def test_folders_have_sizes_and_zips(member: Visitor, told: Run) -> None:
    made(told, "outputs/plots/a.png", b"1234")
    made(told, "outputs/plots/b.png", b"12345")
    page = member.get(f"/runs/{told.pk}/artifacts/")
    assert "plots/ 9 B 2 files" in page.text
    assert f'href="/runs/{told.pk}/artifacts.zip?folder=outputs/plots"' in page.html
    assert 'aria-label="Download outputs/plots/a.png"' in page.html


def test_names_and_contents_never_become_markup(member: Visitor, told: Run) -> None:
    script = b"<script>alert(2)</script>"
    cases = {
        f"outputs/{EVIL}.txt": script,
        "outputs/page.html": script,
        "outputs/image.svg": b"<svg xmlns='http://www.w3.org/2000/svg'>%s</svg>" % script,
        "outputs/values.json": json.dumps({EVIL: "<script>alert(2)</script>"}).encode(),
        "outputs/table.csv": b"a,b\n<script>alert(2)</script>," + EVIL.encode() + b"\n",
    }
    for path, data in cases.items():
        made(told, path, data)
    pages = ["artifacts/", *(f"preview/{path}" for path in cases)]
    for path in [*pages, "preview/outputs/values.json?as=text", ""]:
        page = member.get(f"/runs/{told.pk}/{path}")
        assert page.status == 200
        assert "<script>alert" not in page.html, path
        assert "<img src=x" not in page.html, path


def test_a_name_may_have_line_breaks(member: Visitor, told: Run) -> None:
    made(told, "outputs/new\nline.txt", b"x")
    assert "outputs/new%0Aline.txt" in member.get(f"/runs/{told.pk}/artifacts/").html
    assert member.get(f"/runs/{told.pk}/preview/outputs/new%0Aline.txt").status == 200
    page = member.get(f"/runs/{told.pk}/artifacts/outputs/new%0Aline.txt")
    assert (page.status, page.content) == (200, b"x")
    assert page.headers["Content-Disposition"] == 'attachment; filename="new_line.txt"'


def test_values_fold(member: Visitor, told: Run) -> None:
    made(told, "m.json", b'{"scores": [1, 2.5, null], "name": "x"}')
    page = member.get(f"/runs/{told.pk}/preview/m.json")
    assert page.html.count("<details open>") == 2
    assert '"scores" : [ 3 items ] 1 2.5 null' in page.text
    as_text = member.get(f"/runs/{told.pk}/preview/m.json", {"as": "text"})
    assert 'id="L1"' in as_text.html
    many = made(told, "many.json", json.dumps(list(range(9000))).encode())
    page = member.get(f"/runs/{told.pk}/preview/{many.path}")
    assert "4,001 more values are not shown: download it." in page.text


@pytest.mark.parametrize("path", ["t.csv", "t.tsv"])
def test_tables_show_their_first_rows(path: str, member: Visitor, told: Run) -> None:
    mark = "," if path.endswith("csv") else "\t"
    lines = [f"epoch{mark}loss"] + [f"{n}{mark}0.{n}" for n in range(250)]
    made(told, path, "\n".join(lines).encode())
    page = member.get(f"/runs/{told.pk}/preview/{path}")
    assert "The first 200 rows; download it for the rest." in page.text
    assert "# epoch loss 1 0 0.0 2 1 0.1" in page.text
    assert "200 199 0.199" in page.text
    assert "201 200" not in page.text


def test_a_file_tells_how_to_fetch_it(member: Visitor, told: Run) -> None:
    page = member.get(f"/runs/{told.pk}/preview/outputs/mo%20del.pkl")
    assert f"runyard download {told.pk} 'outputs/mo del.pkl'" in page.text
    assert f"get_run({told.pk}).download_file('outputs/mo del.pkl')" in page.text
    assert told.artifacts.get().sha in page.text
    assert member.get(f"/runs/{told.pk}/preview/outputs/none").status == 404


def test_the_zip_has_all_or_one_folder(member: Visitor, told: Run) -> None:
    made(told, "outputs/deep/a.txt", b"a" * 300_000)
    made(told, "../up/../../evil\\x", b"e")
    got = member.get(f"/runs/{told.pk}/artifacts.zip")
    assert got.headers["Content-Type"] == "application/zip"
    assert got.headers["Content-Length"] == str(len(got.content))
    with zipfile.ZipFile(io.BytesIO(got.content)) as packed:
        assert packed.testzip() is None
        assert sorted(packed.namelist()) == [
            "outputs/deep/a.txt",
            "outputs/mo del.pkl",
            "up/evil_x",
        ]
    part = member.get(f"/runs/{told.pk}/artifacts.zip", {"folder": "outputs/deep"})
    with zipfile.ZipFile(io.BytesIO(part.content)) as packed:
        assert packed.namelist() == ["outputs/deep/a.txt"]
    assert member.get(f"/runs/{told.pk}/artifacts.zip", {"folder": "out"}).status == 404


def test_a_list_that_is_too_long_says_so(
    member: Visitor, told: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.views.run.LISTED", 2)
    for n in range(3):
        made(told, f"outputs/{n}", b"x")
    page = member.get(f"/runs/{told.pk}/artifacts/")
    assert "4 files" in page.text
    assert "The first 2 are listed" in page.text


def test_models_come_first_among_the_top(told: Run) -> None:
    for path, length in (("a.log", 900), ("small.pt", 2), ("big.onnx", 50), ("b.csv", 100)):
        made(told, path, b"x" * length)
    top = [artifact.path for artifact in artifactlist.top_artifacts(told.artifacts.all())]
    assert top == ["big.onnx", "outputs/mo del.pkl", "small.pt", "a.log", "b.csv"]
