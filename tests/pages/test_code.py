"""The code of a run: tree, file, finder, zip."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile

import pytest

from runs.models import Run
from tests.pages.conftest import RunOf
from tests.pages.visitor import Visitor

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def test_lines_have_numbers_and_addresses(member: Visitor, told: Run) -> None:
    page = member.get(f"/runs/{told.pk}/files/train.py")
    assert '<span class="cl" id="L1"><a href="#L1" data-n="1"' in page.html
    assert "1 line, 22 B" in page.text


def test_names_and_texts_are_escaped(run_of: RunOf, member: Visitor) -> None:
    evil = "<img src=x onerror=alert(1)>.py"
    run = run_of({evil: b"</pre><script>alert(1)</script>\n", "a.zzz": b"<b>x</b>"})
    for path in ("", "%3Cimg%20src=x%20onerror=alert(1)%3E.py", "a.zzz"):
        page = member.get(f"/runs/{run.pk}/files/{path}")
        assert page.status == 200
        assert "<img src=x" not in page.html
        assert "<script>alert" not in page.html
        assert "<b>x</b>" not in page.html
        assert evil in page.text


@pytest.mark.parametrize(
    ("letters", "first"),
    [("mod", "src/model.py"), ("srcmod", "src/model.py"), ("TST", "tests/test_model.py")],
)
def test_files_are_found_by_letters(
    letters: str, first: str, run_of: RunOf, member: Visitor
) -> None:
    run = run_of({"src/model.py": b"", "tests/test_model.py": b"", "readme": b""})
    page = member.get(f"/runs/{run.pk}/files/", {"find": letters})
    found = page.html.split('class="tree found"')[1]
    assert re.findall(r'href="/runs/\d+/files/([^"]+)"', found)[0] == first


def test_letters_that_no_path_has_are_told(member: Visitor, told: Run) -> None:
    page = member.get(f"/runs/{told.pk}/files/", {"find": "qqq"})
    assert "No path has these letters" in page.text


def test_the_zip_is_the_snapshot(member: Visitor, told: Run) -> None:
    got = member.get(f"/runs/{told.pk}/code.zip")
    assert got.headers["Content-Length"] == str(len(got.content))
    assert got.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    with zipfile.ZipFile(io.BytesIO(got.content)) as packed:
        assert packed.testzip() is None
        assert packed.read("train.py") == b"print('<b>hello</b>')\n"
        assert packed.read("same.py") == b"train.py"
        assert packed.getinfo("same.py").external_attr >> 28 == 0o12  # a link


def test_an_image_is_shown_and_is_a_download_by_itself(run_of: RunOf, member: Visitor) -> None:
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    run = run_of({"plot.png": PNG, "draw.svg": svg, "fake.png": b"<html>"})
    assert (
        f'<img src="/runs/{run.pk}/raw/plot.png"'
        in member.get(f"/runs/{run.pk}/files/plot.png").html
    )
    for name, kind in (("plot.png", "image/png"), ("draw.svg", "image/svg+xml"),
                       ("fake.png", "application/octet-stream")):  # fmt: skip
        got = member.get(f"/runs/{run.pk}/raw/{name}")
        assert got.headers["Content-Type"] == kind
        assert got.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in got.headers["Content-Security-Policy"]
    assert "alert(1)" not in member.get(f"/runs/{run.pk}/files/draw.svg").html


def test_a_notebook_shows_its_cells(run_of: RunOf, member: Visitor) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# A <b>title</b>"]},
        {"cell_type": "code", "execution_count": 3, "source": "import os\nx = 1\n",
         "outputs": [
            {"output_type": "stream", "text": ["said <i>this</i>\n"]},
            {"output_type": "display_data", "data": {
                "image/png": "iVBORw0KGgo=", "text/html": "<script>alert(1)</script>"}},
            {"output_type": "display_data", "data": {"image/png": '"><script>alert(2)</script>'}},
         ]},
    ]  # fmt: skip
    run = run_of({"n.ipynb": json.dumps({"cells": cells}).encode(), "bad.ipynb": b"{"})
    page = member.get(f"/runs/{run.pk}/files/n.ipynb")
    assert "In [3]" in page.text
    assert "said <i>this</i>" in page.text
    assert 'src="data:image/png;base64,iVBORw0KGgo="' in page.html
    assert "Not shown: text/html." in page.text
    assert "<script>alert" not in page.html
    assert 'id="L1"' in member.get(f"/runs/{run.pk}/files/bad.ipynb").html  # as the text it is


def test_of_a_large_text_the_beginning_is_shown_and_said(run_of: RunOf, member: Visitor) -> None:
    run = run_of({"big.py": b"x = 1\n" * 100_000})
    page = member.get(f"/runs/{run.pk}/files/big.py")
    assert "The first 43,690 lines, 262 kB of 600 kB, without colours: download it" in page.text
    assert 'id="L43690"' in page.html
    assert 'id="L43691"' not in page.html


def test_a_large_tree_and_a_long_file_are_quick_the_second_time(
    run_of: RunOf, member: Visitor
) -> None:
    long = b"".join(b"def f%d(a, b):\n    return 'text', a + %d\n" % (n, n) for n in range(1382))
    run = run_of({"long.py": long} | {f"d{n % 40}/f{n}.py": b"" for n in range(2000)})
    member.get(f"/runs/{run.pk}/files/long.py")
    took = []
    for _ in range(3):
        before = time.process_time()
        assert 'id="L2764"' in member.get(f"/runs/{run.pk}/files/long.py").html
        took.append(time.process_time() - before)
    assert min(took) < 0.2  # of computing; measured: 18 ms for the whole request
