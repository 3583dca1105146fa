"""The pages of one run."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from environments.models import Build, Lock
from runs.logs import LogStore
from runs.models import Artifact, Attempt, MetricSeries, Run, RunEvent
from runs.stores import blob_store, log_store
from tests.api.conftest import MakeRun
from tests.pages.conftest import end
from tests.pages.visitor import Visitor


def test_the_overview_says_what_it_is(member: Visitor, make_run: MakeRun) -> None:
    run = make_run(
        name="<i>my run</i>",
        command=["python", "train.py", "--name", "two words"],
        description="line one\nline <two>",
        tags={"items": "x", "keys": ""},
        variables={"items": "1"},
        secret_variables={"API_TOKEN": "ciphertext"},
        git={"repository": "https://host/r.git", "branch": "main", "commit": "c" * 40,
             "dirty": True, "untracked": ["notes.txt"]},
        priority=7,
        time_limit_s=90,
    )  # fmt: skip
    page = member.get(f"/runs/{run.pk}/")
    assert "<i>my run</i>" in page.text
    for shown in (
        "python train.py --name 'two words'", "line <two>", "items=x", "keys", "items=1",
        "API_TOKEN encrypted, not shown", "https://host/r.git", "c" * 12, "uncommitted",
        "1 untracked file", "notes.txt", "1 min 30 s", "minimal:1", run.environment_why,
    ):  # fmt: skip
        assert shown in page.text, shown
    assert "ciphertext" not in page.html


def test_a_waiting_run_says_why(member: Visitor, make_run: MakeRun, redis_server: str) -> None:
    make_run()
    run = make_run()
    page = member.get(f"/runs/{run.pk}/")
    assert "No worker is running" in page.text
    assert "queued" in page.text


def test_without_the_queue_the_page_still_answers(member: Visitor, run: Run) -> None:
    page = member.get(f"/runs/{run.pk}/")
    assert page.status == 200
    assert "The queue (Redis) does not answer" in page.text


def test_phases_have_durations(member: Visitor, told: Run) -> None:
    page = member.get(f"/runs/{told.pk}/")
    assert re.search(r"queue \d+\.\d s", page.text)
    assert re.search(r"build \d+\.\d s", page.text)
    assert 'class="phase-preparing"' in page.html


def test_metrics_show_their_last_value(member: Visitor, told: Run) -> None:
    told.series.create(name="verdict", text="good <enough>", count=1)
    page = member.get(f"/runs/{told.pk}/")
    assert "items 0.5 0.1 0.9 3" in page.text
    assert "good <enough>" in page.text


def test_of_very_many_metrics_the_first_are_on_the_overview(member: Visitor, told: Run) -> None:
    MetricSeries.objects.bulk_create(MetricSeries(run=told, name=f"m{n}") for n in range(1000))
    for part in ("", "live/?tab=overview"):
        page = member.get(f"/runs/{told.pk}/{part}")
        assert "last values of the first 200 of 1,001" in page.text
        assert page.html.count('<td class="mono">m') < 200


@pytest.mark.parametrize(
    ("receipt", "text"),
    [
        ({"complete": True, "stored_bytes": 1234, "masked": 2, "gap": ""},
         "Complete: 1,234 bytes written on the target, all stored, hashes equal. 2 secret places "
         "are masked."),
        ({"complete": False, "stored_bytes": 10, "masked": 0, "gap": "5 bytes are missing."},
         "10 bytes stored. 5 bytes are missing."),
    ],
)  # fmt: skip
def test_the_receipt_is_a_sentence(
    receipt: dict[str, object], text: str, member: Visitor, told: Run
) -> None:
    Attempt.objects.filter(run=told).update(receipt=receipt)
    assert text in member.get(f"/runs/{told.pk}/").text


def test_a_failed_run_says_what_to_do(member: Visitor, run: Run) -> None:
    end(run, "failed", "exited_nonzero", "Read the end of the log.", error="KeyError: 'x'",
        exit_code=3)  # fmt: skip
    page = member.get(f"/runs/{run.pk}/")
    assert "KeyError: 'x'" in page.text
    assert "Read the end of the log." in page.text
    assert "exit code 3" in page.text


def test_a_failed_run_says_it_once(member: Visitor, run: Run) -> None:
    end(run, "failed", "build_failed", "There is no package x.", error="There is no package x.")
    panel = member.get(f"/runs/{run.pk}/live/", {"tab": "overview"}).text
    assert panel.count("There is no package x.") == 1


def test_a_missing_module_offers_the_environment_that_has_it(member: Visitor, run: Run) -> None:
    error = "ModuleNotFoundError: No module named 'sklearn'"
    end(run, "failed", "exited_nonzero", error=error)
    page = member.get(f"/runs/{run.pk}/")
    assert "Run again with scikit-learn" in page.text
    link = re.search(r'href="(/submit/\?from=\d+&amp;environment=scikit-learn)"', page.html)
    assert link
    form = member.get(link[1].replace("&amp;", "&"))
    assert re.search(r'value="scikit-learn" checked', form.html)


def test_a_module_that_no_environment_has_leads_to_a_new_one(member: Visitor, run: Run) -> None:
    end(run, "failed", "exited_nonzero", error="ModuleNotFoundError: No module named 'nowhere'")
    assert "Make an environment with nowhere" in member.get(f"/runs/{run.pk}/").text


def test_the_live_part_brings_the_head_and_the_panel(member: Visitor, run: Run) -> None:
    page = member.get(f"/runs/{run.pk}/live/", {"tab": "overview"})
    assert 'id="run-head"' in page.html
    assert 'hx-swap-oob="true"' in page.html
    alone = member.get(f"/runs/{run.pk}/live/", {"tab": "files"})
    assert 'id="panel"' not in alone.html
    assert "data-live" in alone.html
    end(run, "completed", "exited_zero")
    ended = member.get(f"/runs/{run.pk}/live/", {"tab": "overview"})
    assert "data-live" not in ended.html


def test_the_overview_shows_the_build_log_while_it_is_made(
    member: Visitor, run: Run, build: Build
) -> None:
    Run.objects.filter(pk=run.pk).update(status="preparing")
    Build.objects.filter(pk=build.pk).update(status="running")
    assert "Installed 1 package" in member.get(f"/runs/{run.pk}/").text
    shown = {"shown": f"build/{build.pk}"}
    assert member.get(f"/runs/{run.pk}/output/", shown).status == 204
    Run.objects.filter(pk=run.pk).update(status="running")
    now = member.get(f"/runs/{run.pk}/output/", shown)
    assert f'data-name="run/{run.pk}"' in now.html


def test_a_failed_build_shows_its_log(member: Visitor, run: Run, build: Build) -> None:
    end(run, "failed", "build_failed", "The environment could not be built.")
    page = member.get(f"/runs/{run.pk}/")
    assert "Installed 1 package" in page.text
    assert "Open the build log" in page.text


def test_a_part_of_a_page_whose_session_ended_reloads_the_page(nobody: Visitor, run: Run) -> None:
    page = nobody.get(f"/runs/{run.pk}/live/", headers={"HX-Request": "true"})
    assert (page.status, page.headers["HX-Refresh"]) == (204, "true")


def test_artifacts_are_downloads_and_never_shown(member: Visitor, told: Run) -> None:
    sha, size = blob_store().put(b"<script>alert(1)</script>")
    Artifact.objects.create(run=told, path="outputs/page.html", sha=sha, size_bytes=size)
    page = member.get(f"/runs/{told.pk}/artifacts/")
    assert "outputs/ 32 B 2 files mo del.pkl" in page.text.replace("<", "")
    got = member.get(f"/runs/{told.pk}/artifacts/outputs/page.html")
    assert got.content == b"<script>alert(1)</script>"
    assert got.headers["Content-Disposition"] == 'attachment; filename="page.html"'
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert member.get(f"/runs/{told.pk}/artifacts/outputs/none").status == 404


def test_files_outside_the_patterns_can_be_kept(member: Visitor, told: Run) -> None:
    Run.objects.filter(pk=told.pk).update(extra_files=[{"path": "big.bin", "size": 5_000_000}])
    page = member.get(f"/runs/{told.pk}/artifacts/")
    assert "big.bin 5.0 MB Keep" in page.text
    Attempt.objects.filter(run=told).update(folder_cleared_at=timezone.now())
    gone = member.get(f"/runs/{told.pk}/artifacts/")
    assert "big.bin 5.0 MB Keep" not in gone.text
    assert "is gone" in gone.text


def test_keeping_what_is_not_there_is_refused(member: Visitor, told: Run) -> None:
    page = member.post(f"/runs/{told.pk}/keep/", {"path": "../../etc/passwd"})
    assert page.status == 422
    assert "'../../etc/passwd' is not" in page.text


def test_files_are_shown_with_their_syntax(member: Visitor, told: Run) -> None:
    page = member.get(f"/runs/{told.pk}/files/")
    assert "train.py" in page.text
    assert 'class="nb"' in page.html  # print
    assert "<b>hello</b>" in page.text
    for name in ("items/", "deep/", "util.py", "picture.bin", "→ train.py"):
        assert name in page.text, name


def test_a_file_has_an_address(member: Visitor, told: Run) -> None:
    page = member.get(f"/runs/{told.pk}/files/items/deep/util.py")
    assert "x = 1" in page.text
    assert "Not a text: download it." in member.get(f"/runs/{told.pk}/files/picture.bin").text
    assert "A link to train.py." in member.get(f"/runs/{told.pk}/files/same.py").text
    assert member.get(f"/runs/{told.pk}/raw/picture.bin").content == b"\0\1\2"


@pytest.mark.parametrize("path", ["none.py", "items", "../train.py", "%2e%2e/x", "a\0b"])
def test_what_is_not_in_the_snapshot_is_not_found(path: str, member: Visitor, told: Run) -> None:
    assert member.get(f"/runs/{told.pk}/files/{path}").status in {400, 404}
    assert member.get(f"/runs/{told.pk}/raw/{path}").status in {400, 404}


def test_a_git_that_refused_is_quoted(member: Visitor, told: Run) -> None:
    Run.objects.filter(pk=told.pk).update(git={"trouble": "git did not describe <it>"})
    assert "git did not describe <it>. The snapshot holds" in member.get(f"/runs/{told.pk}/").text


def test_the_diff_is_shown_and_downloaded_whole(member: Visitor, told: Run) -> None:
    text = b"diff --git a/x b/x\n@@ -1 +1 @@\n-old <b>\n+new\n"
    sha, size = blob_store().put(text)
    Run.objects.filter(pk=told.pk).update(git={"commit": "abc", "diff": sha, "diff_bytes": size})
    page = member.get(f"/runs/{told.pk}/diff/")
    assert 'data-n="1"></td><td class="n" data-n=""></td><td class="t">old &lt;b&gt;<' in page.html
    assert '<tr class="add">' in page.html
    assert member.get(f"/runs/{told.pk}/diff/raw/").content == text


def test_a_run_without_changes_says_so(member: Visitor, told: Run) -> None:
    without = member.get(f"/runs/{told.pk}/diff/").text
    assert "Without a commit nothing is uncommitted: the snapshot holds" in without
    Run.objects.filter(pk=told.pk).update(git={"commit": "c0ffee"})
    assert "There were none." in member.get(f"/runs/{told.pk}/diff/").text


def test_the_environment_tab_has_definition_lock_and_build(
    member: Visitor, told: Run, build: Build
) -> None:
    page = member.get(f"/runs/{told.pk}/environment/")
    assert "minimal:1" in page.text
    assert "numpy==2.0" in page.text
    assert f"build {build.pk}" in page.text


def test_events_tell_the_history(member: Visitor, told: Run) -> None:
    RunEvent.objects.create(run=told, kind="cancel", text="Asked <kindly>.", user=told.submitted_by)
    page = member.get(f"/runs/{told.pk}/events/")
    assert "Asked <kindly>. bob" in page.text


def test_the_environment_of_another_run_is_compared(
    member: Visitor, told: Run, build: Build, make_run: MakeRun
) -> None:
    other = make_run(name="other")
    lock = Lock.objects.create(
        version=other.environment_version, python_version="3.12", platform="linux",
        text="numpy==1.0\nscipy[all]==1.5 ; python_version > '3'\n",
    )  # fmt: skip
    theirs = Build.objects.create(
        target=other.target, version=other.environment_version, lock=lock, key="z", status="ready"
    )
    Run.objects.filter(pk=other.pk).update(build=theirs)
    page = member.get(f"/runs/{told.pk}/environment/", {"with": str(other.pk)})
    assert "numpy 1.0 2.0 changed" in page.text
    assert "scipy 1.5 — removed" in page.text
    same = member.get(f"/runs/{told.pk}/environment/", {"with": str(told.pk)})
    assert "None: both had the same packages" in same.text
    assert (
        "There is no run 'x9'" in member.get(f"/runs/{told.pk}/environment/", {"with": "x9"}).text
    )


def test_events_tell_how_long_it_was_between_them(member: Visitor, run: Run) -> None:
    at = run.created_at
    for seconds in (2.5, 92.5):
        RunEvent.objects.create(
            run=run, kind="note", text=f"at {seconds}", at=at + timedelta(seconds=seconds)
        )
    text = member.get(f"/runs/{run.pk}/events/").text
    assert "+2.5 s note at 2.5" in text
    assert "+1 min 30 s note at 92.5" in text


def test_the_receipt_can_be_read_and_copied(member: Visitor, told: Run) -> None:
    receipt = {"complete": True, "log_bytes": 1234, "stored_bytes": 1234, "masked": 1, "gap": "",
               "sha256_target": "a" * 64, "sha256_stored": "a" * 64}  # fmt: skip
    Attempt.objects.filter(run=told).update(receipt=receipt)
    page = member.get(f"/runs/{told.pk}/events/")
    assert "Written there 1,234 bytes Stored here 1,234 bytes Masked 1 place" in page.text
    assert f"Hash here {'a' * 64} equal" in page.text
    assert "&quot;stored_bytes&quot;: 1234" in page.html
    gone = receipt | {"complete": False, "log_bytes": None, "sha256_target": None, "gap": "Gone."}
    Attempt.objects.filter(run=told).update(receipt=gone)
    page = member.get(f"/runs/{told.pk}/events/")
    assert "not whole 1,234 bytes stored. Gone." in page.text
    assert "Written there not known" in page.text


def test_resources_are_curves_and_figures(member: Visitor, told: Run) -> None:
    facts = {"cores": 4, "memory_bytes": 8_000_000_000}
    ComputeTarget.objects.filter(pk=told.target_id).update(facts=facts)
    page = member.get(f"/runs/{told.pk}/resources/")
    assert "local : 4 cores, 8.0 GB of memory" in page.text
    assert "CPU 50 % 50 % 50 % 400 % 2" in page.text
    assert "Memory 1.0 MB 1.0 MB 1.0 MB 8.0 GB 2" in page.text
    assert page.html.count("<polyline") == 3


def test_a_sample_that_comes_while_resources_are_shown_waits_for_the_next_look(
    member: Visitor, told: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told.started_at
    key, line = f"run/{told.pk}/1/samples.jsonl", {"t": told.started_at.timestamp() + 20}
    read = LogStore.read

    def and_one_comes(store: LogStore, key_: str, offset: int, size: int) -> bytes:
        found = read(store, key_, offset, size)
        if key_ == key:
            more = json.dumps(line | {"cpu_percent": 80}) + "\n"
            store.append(key, store.size(key), more.encode())
        return found

    monkeypatch.setattr(LogStore, "read", and_one_comes)
    assert "CPU 50 % 50 % 50 % 2" in member.get(f"/runs/{told.pk}/resources/").text


def test_resources_are_lanes_for_charts(member: Visitor, told: Run) -> None:
    started = told.started_at
    assert started
    key = f"run/{told.pk}/1/samples.jsonl"
    sample = {"t": started.timestamp() + 20, "cpu_percent": 80, "net_rx_bytes": 10}
    later = sample | {"t": sample["t"] + 2, "net_rx_bytes": 70}
    more = "".join(json.dumps(each) + "\n" for each in (sample, later)) + '{"t": 99, "cp'
    assert json.loads(member.get(f"/runs/{told.pk}/usage/").content)["count"] == 2
    log_store().append(key, log_store().size(key), more.encode())
    page = member.get(f"/runs/{told.pk}/usage/")
    found = json.loads(page.content)
    lanes = {lane["title"]: lane for lane in found["lanes"]}
    assert list(lanes) == ["CPU", "Memory", "Network", "Processes"]
    assert found["count"] == 4
    assert lanes["CPU"]["x"][2:] == pytest.approx([20, 22], abs=0.001)
    assert lanes["CPU"]["lines"] == [{"label": "CPU", "values": [50, 50, 80, 80]}]
    assert lanes["Network"]["lines"] == [{"label": "received", "values": [None, None, None, 30]}]
    again = member.get(f"/runs/{told.pk}/usage/", headers={"If-None-Match": page.headers["ETag"]})
    assert again.status == 304


def test_a_run_without_samples_says_so(member: Visitor, run: Run) -> None:
    assert "The first sample comes" in member.get(f"/runs/{run.pk}/resources/").text


def test_cancel_ends_a_queued_run(member: Visitor, run: Run) -> None:
    assert member.post(f"/runs/{run.pk}/cancel/").location == f"/runs/{run.pk}/"
    run.refresh_from_db()
    assert run.status == "canceled"


def test_a_live_run_is_not_deleted(member: Visitor, run: Run) -> None:
    refused = member.post(f"/runs/{run.pk}/delete/")
    assert refused.status == 422
    assert "cancel it and wait for its end" in refused.text
    assert Run.objects.filter(pk=run.pk, deleted_at=None).exists()


@pytest.mark.parametrize("ref", ["0", "999999", "99999999999999999999999"])
def test_a_run_that_never_was_is_not_found(ref: str, member: Visitor, run: Run) -> None:
    page = member.get(f"/runs/{ref}/")
    assert page.status == 404
    assert f"There is no run '{ref}'" in page.text


def test_a_target_that_is_gone_unreachable_is_said(
    member: Visitor, run: Run, target: ComputeTarget
) -> None:
    Run.objects.filter(pk=run.pk).update(status="running", started_at=timezone.now())
    ComputeTarget.objects.filter(pk=target.pk).update(unreachable_since=timezone.now())
    assert "is unreachable since" in member.get(f"/runs/{run.pk}/").text


def test_the_log_store_can_be_empty(member: Visitor, run: Run) -> None:
    assert "The command has printed nothing so far." in member.get(f"/runs/{run.pk}/log/").text
    assert log_store().size(f"run/{run.pk}/1/run.log") == 0
