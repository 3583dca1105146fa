"""Runs beside each other: what was asked of them, and their files."""

from __future__ import annotations

import re
import time

from environments.models import Lock
from runs.models import Run
from runs.stores import blob_store
from tests.api.conftest import MakeRun
from tests.pages.conftest import RunOf, end
from tests.pages.visitor import MINUS, Page, Visitor

ADDED = re.compile(r'<tr class="add">.*?<td class="t">(.*?)</td>')


def words(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html)


def added(page: Page) -> list[str]:
    return [words(text) for text in ADDED.findall(page.html)]


def test_the_changed_line_is_shown(member: Visitor, run_of: RunOf) -> None:
    old = run_of({"train.py": b"a = 1\nb = '<old>'\nc = 3\n", "gone.py": b"x\n"})
    new = run_of({"train.py": b"a = 1\nb = '<new>'\nc = 3\n", "more.py": b"y\n"})
    page = member.get(f"/runs/{new.pk}/compare/", {"with": old.pk})
    assert added(page) == ["b = '&lt;new&gt;'", "y"]
    assert f"3 files +2 {MINUS}2" in page.text
    assert f"modified train.py +1 {MINUS}1" in page.text
    assert f"added more.py +1 {MINUS}0" in page.text
    assert f"removed gone.py +0 {MINUS}1" in page.text
    split = member.get(f"/runs/{new.pk}/compare/", {"with": old.pk, "view": "split"})
    assert re.search(r'class="n del" data-n="2"></td><td class="t del">.*class="n add" data-n="2"',
                     split.html)  # fmt: skip


def test_the_changed_words_of_a_line_are_marked(member: Visitor, run_of: RunOf) -> None:
    old = run_of({"train.py": b"rate = step(1) if a < b else 'x'\nsame = 1\n"})
    new = run_of({"train.py": b"rate = step(22) if a <= b else 'x'\nall.other.words()\n"})
    page = member.get(f"/runs/{new.pk}/compare/", {"with": old.pk})
    assert [words(text) for text in re.findall("<mark>(.*?)</mark>", page.html)] == [
        "1", "22", "=",
    ]  # fmt: skip
    assert added(page) == ["rate = step(22) if a &lt;= b else 'x'", "all.other.words()"]


def test_what_was_asked_for_is_compared(member: Visitor, make_run: MakeRun) -> None:
    old = make_run(command=["python", "train.py", "--lr", "0.1"], variables={"SEED": "1"})
    new = make_run(command=["python", "train.py", "--lr", "<0.2>"], gpus=2, time_limit_s=60)
    for run, text in ((old, "numpy==1.0\nscipy==1.0\n"), (new, "numpy==2.0\ntorch==2.9\n")):
        lock = Lock.objects.create(
            version=run.environment_version, python_version=f"3.{run.pk}", platform="p", text=text
        )
        build = run.target.builds.create(
            version=run.environment_version, lock=lock, key=f"k{run.pk}", status="ready"
        )
        Run.objects.filter(pk=run.pk).update(build=build)
    page = member.get(f"/runs/{new.pk}/compare/", {"with": old.pk})
    assert "<mark>&#x27;&lt;0.2&gt;&#x27;</mark>" in page.html
    text = page.text.replace(" ,", ",").replace(" :", ":")
    for line in ("GPUs 0 2", "Variable SEED 1 —", "Time limit — 1 min",
                 "Packages 3 differ: numpy 1.0 2.0, scipy 1.0, torch 2.9"):  # fmt: skip
        assert line in text, line
    assert "Both ran exactly the same files." in page.text


def test_what_came_of_both_is_compared(member: Visitor, make_run: MakeRun) -> None:
    old, new = make_run(), make_run()
    end(old, "completed", "exited_zero")
    for run, last in ((old, 0.5), (new, 0.25)):
        run.series.create(name="loss", last=last, count=1)
    old.series.create(name="r2", last=1, count=1)
    new.series.create(name="phase", text="nan", count=1)
    text = member.get(f"/runs/{new.pk}/compare/", {"with": old.pk}).text
    for line in ("Status completed queued", "loss 0.5 0.25 -0.25", "r2 1 —", "phase — nan"):
        assert line in text, line


def test_suggestions_name_the_run_before(
    member: Visitor, make_run: MakeRun, stranger: Visitor
) -> None:
    other = make_run(name="other", script="eval.py")
    before = make_run(name="before")
    run = make_run()
    make_run(name="later")
    page = member.get(f"/runs/{run.pk}/compare/")
    assert f"{before.pk} before the one before it" in page.text
    assert f'<option value="{other.pk}">' in page.html
    assert stranger.get(f"/runs/{run.pk}/compare/", {"with": before.pk}).status == 404


def test_a_run_of_others_is_no_run(
    owner: Visitor, stranger: Visitor, run: Run, make_run: MakeRun, charlie: object
) -> None:
    from studio.models import Workspace

    theirs = make_run(name="secret", workspace=Workspace.objects.get(slug="elsewhere"))
    page = owner.get(f"/runs/{run.pk}/compare/", {"with": theirs.pk})
    assert f"There is no run '{theirs.pk}' that you can see" in page.text
    assert "secret" not in page.text


def test_what_is_too_much_is_named_and_shown_alone(member: Visitor, run_of: RunOf) -> None:
    big = {f"f{n}.txt": b"line %d\n" % n * 20_000 for n in range(4)}
    old = run_of({**big, "same.bin": b"\0" * 9})
    new = run_of({path: data + b"more\n" for path, data in big.items()} | {"same.bin": b"\0" * 8})
    page = member.get(f"/runs/{new.pk}/compare/", {"with": old.pk})
    assert "without the lines of 3 files, which are not shown here" in page.text
    assert "Not a text. 9 B → 8 B." in page.text
    assert added(page) == ["more"]
    alone = member.get(f"/runs/{new.pk}/compare/", {"with": old.pk, "path": "f3.txt"})
    assert added(alone) == ["more"]


def test_a_file_that_only_moved_is_told_as_such(member: Visitor, run_of: RunOf) -> None:
    old = run_of({"a.py": b"1\n", "b.py": b"2\n", "__init__.py": b""})
    new = run_of({"lib/a.py": b"1\n", "c.py": b"1\n", "b.py": b"2\n", "lib/__init__.py": b""})
    page = member.get(f"/runs/{new.pk}/compare/", {"with": old.pk})
    assert "renamed c.py It was a.py, with the same content." in page.text
    assert "added lib/a.py +1" in page.text
    assert "removed __init__.py It is empty." in page.text


def test_differences_that_are_no_lines_are_said(member: Visitor, run_of: RunOf) -> None:
    old = run_of({"crlf": b"a\r\nb\r\n", "empty": b"x\n"})
    new = run_of({"crlf": b"a\nb\n", "empty": b"x\n", "none": b""})
    page = member.get(f"/runs/{new.pk}/compare/", {"with": old.pk})
    assert "crlf Only its line ends differ." in page.text
    assert "none It is empty." in page.text


def test_thousands_of_files_are_compared_quickly(member: Visitor, run_of: RunOf) -> None:
    files = {f"d{n % 50}/f{n}.py": b"def f():\n    return %d\n" % n for n in range(2000)}
    old = run_of(files)
    new = run_of(files | {f"d{n}/f{n}.py": b"def f():\n    return 0\n" for n in range(50)})
    before = time.process_time()
    page = member.get(f"/runs/{new.pk}/compare/", {"with": old.pk})
    took = time.process_time() - before
    assert len(added(page)) == 49
    assert took < 0.9, took  # of computing; measured: 40 ms when colours are known


def test_a_patch_is_read_as_git_writes_it(member: Visitor, told: Run) -> None:
    text = (
        'diff --git "a/gr\\303\\274n.py" "b/gr\\303\\274n.py"\nindex 1..2 100644\n'
        '--- "a/gr\\303\\274n.py"\n+++ "b/gr\\303\\274n.py"\n@@ -3,2 +3,3 @@ def f():\n'
        " x = 1\n--- y\n+++ z\n+import os\n\\ No newline at end of file\n"
        "diff --git a/a.png b/b.png\nsimilarity index 90%\nrename from a.png\nrename to b.png\n"
        "Binary files a/a.png and b/b.png differ\n"
    )
    sha, size = blob_store().put(text.encode())
    Run.objects.filter(pk=told.pk).update(
        git={"commit": "abc", "diff": sha, "diff_bytes": size, "untracked": ["train.py"]}
    )
    page = member.get(f"/runs/{told.pk}/diff/")
    assert f"2 files +2 {MINUS}1" in page.text
    assert f"modified grün.py +2 {MINUS}1" in page.text
    assert "@@ -3,2 +3,3 @@ def f():" in page.text
    assert added(page) == ["++ z", "import os"]
    assert '<span class="kn">import</span>' in page.html
    assert "renamed b.png It was a.png. Not a text: the patch has it." in page.text
    assert "1 untracked file ran too" in page.text
    alone = member.get(f"/runs/{told.pk}/diff/", {"path": "b.png"})
    assert "grün.py" not in alone.text
