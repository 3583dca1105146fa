"""Runs over REST: submitting, finding, ending, deleting."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from runs.metrics import Point, pack
from runs.models import Artifact, MetricSeries, Run, RunEvent
from runs.states import EndReason, Status
from runs.stores import blob_store, log_store
from tests.api.caller import Caller
from tests.api.conftest import MakeRun


@pytest.fixture
def body(digest: str, target: ComputeTarget, run: Run) -> dict[str, Any]:
    return {"source": {"snapshot": digest}, "script": "train.py"}


def test_a_member_submits(member: Caller, body: dict[str, Any]) -> None:
    answer = member.post(
        "/runs",
        body
        | {
            "arguments": ["--alpha", "1"],
            "environment": "minimal",
            "experiment": "ridge",
            "name": "first",
            "description": "why",
            "tags": {"k": "v"},
            "priority": 3,
            "time_limit_s": 60,
            "variables": {"A": "1", "API_TOKEN": "hidden"},
            "outputs": ["out/**"],
            "git": {"commit": "abc", "diff": "+x\n"},
        },
    )
    assert answer.status == 201
    made = answer.json
    assert made["command"] == ["python", "train.py", "--alpha", "1"]
    assert (made["name"], made["experiment"], made["status"]) == ("first", "ridge", "queued")
    assert made["environment"] == "minimal:1"
    assert made["variables"] == {"A": "1"}
    assert made["secret_variables"] == ["API_TOKEN"]
    assert "hidden" not in answer.content.decode()
    assert made["git"]["commit"] == "abc"
    assert made["url"] == f"http://testserver/runs/{made['id']}/"
    assert made["waiting"]
    assert member.get(f"/runs/{made['id']}").json["uid"] == made["uid"]


def test_what_is_left_out_is_chosen(member: Caller, body: dict[str, Any]) -> None:
    made = member.post("/runs", body).json
    assert (made["target"], made["experiment"]) == ("local", "default")
    assert made["outputs"] == ["outputs/**"]
    assert made["environment_why"]


def test_a_snapshot_that_is_not_here_has_its_own_code(member: Caller, body: dict[str, Any]) -> None:
    answer = member.post("/runs", body | {"source": {"snapshot": "0" * 64}})
    assert (answer.status, answer.json["code"]) == (409, "snapshot_missing")


@pytest.mark.parametrize(
    ("change", "status", "field", "words"),
    [
        ({"script": "trian.py"}, 422, "script", "did you mean train.py"),
        ({"target": "moon"}, 404, "target", "There is no target 'moon'"),
        ({"environment": "moon"}, 404, "environment", "There is no environment 'moon'"),
        ({"priority": "x"}, 422, "priority", "`priority` must be a whole number, not 'x'."),
        ({"priority": 1.5}, 422, "priority", "`priority` must be a whole number, not 1.5."),
        ({"arguments": "x"}, 422, "arguments", "`arguments` must be a list, not 'x'."),
        ({"tags": {"a": 1}}, 422, "tags.a", "`tags.a` must be text, not 1."),
        ({"enviroment": "e"}, 422, "enviroment", "`enviroment` is not known here"),
        ({"source": {}}, 422, "source", "`source` must name a \"snapshot\""),
        ({"source": None}, 422, "source", "`source` must be an object, not nothing."),
        ({"name": "a\0b"}, 422, "name", "`name` contains a NUL character."),
        ({"source": {"folder": "/etc"}}, 422, "source", "RUNYARD_LINK_ROOTS"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_in_a_sentence(
    member: Caller,
    body: dict[str, Any],
    change: dict[str, Any],
    status: int,
    field: str,
    words: str,
) -> None:
    before = Run.objects.count()
    answer = member.post("/runs", body | change)
    assert (answer.status, answer.json["field"]) == (status, field), answer.json
    assert words in answer.detail
    assert Run.objects.count() == before


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"\xff", b"null"])
def test_a_body_that_is_no_object_is_refused(member: Caller, run: Run, text: bytes) -> None:
    answer = member.post("/runs", text)
    assert answer.status in {400, 422}
    assert answer.detail


def test_viewers_and_strangers_cannot_submit(
    viewer: Caller, stranger: Caller, nobody: Caller, body: dict[str, Any]
) -> None:
    assert viewer.post("/runs", body).status == 403
    assert stranger.post("/runs", body | {"workspace": "main"}).status == 404
    assert stranger.post("/runs", body).status in {404, 409, 422}
    assert nobody.post("/runs", body).status == 401


def test_the_list_filters_sorts_and_pages(member: Caller, make_run: MakeRun) -> None:
    first = make_run(name="alpha", tags={"kind": "a"})
    second = make_run(name="beta", tags={"kind": "b"})
    make_run(name="gone", archived_at=timezone.now())

    def names(query: str) -> list[str]:
        return [item["name"] for item in member.get(f"/runs?{query}").json["items"]]

    assert names("") == ["beta", "alpha"]
    assert names("filter=sort:name") == ["alpha", "beta"]
    assert names("filter=tag:kind=a") == ["alpha"]
    assert names("filter=tag:kind") == ["beta", "alpha"]
    assert names("filter=ALPH") == ["alpha"]
    assert names("filter=status:ended") == []
    assert names("filter=experiment:ridge+target:local+status:queued") == ["beta", "alpha"]
    assert names("filter=is:archived") == ["gone"]
    page = member.get("/runs?page=99").json
    assert (page["total"], page["page"], page["pages"]) == (2, 1, 1)
    assert {first.pk, second.pk} == {item["id"] for item in page["items"]}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("filter=status:asleep", "'asleep' is no status"),
        ("filter=sort:moon", "cannot be sorted by 'moon'"),
        ("filter=train+metrics>1", "metrics.NAME. (at character 7)"),
        ("status=failed", "'status' is not known here: `filter` says which runs"),
        ("page=x", "`page` must be a whole number, not 'x'."),
    ],
)
def test_a_filter_that_means_nothing_is_refused(
    member: Caller, run: Run, query: str, words: str
) -> None:
    answer = member.get(f"/runs?{query}")
    assert answer.status == 422
    assert words in answer.detail


@pytest.mark.parametrize(
    "tag", ["contains", "has_key", "isnull=x", "a__b=c", "0=x", "%00", "regex=("]
)
def test_a_tag_may_be_called_anything(member: Caller, run: Run, tag: str) -> None:
    assert member.get(f"/runs?filter=tag:{tag}").status in {200, 422}


def test_a_run_has_many_names(member: Caller, run: Run) -> None:
    for ref in (str(run.pk), run.uid[:6], run.name, "last"):
        assert member.get(f"/runs/{ref}").json["id"] == run.pk
    for ref in ("999999", "nothing", "²", "%00", "9" * 40):
        assert member.get(f"/runs/{ref}").status in {404, 422}


def test_a_stranger_learns_nothing_of_a_run(
    stranger: Caller, nobody: Caller, member: Caller, run: Run
) -> None:
    missing = member.get("/runs/999999").detail.replace("999999", str(run.pk))
    for method, path in (
        ("get", ""), ("get", "/log"), ("get", "/follow"), ("get", "/events"), ("get", "/artifacts"),
        ("get", "/artifacts/outputs/x"), ("get", "/metrics"), ("get", "/metrics/r2"),
        ("get", "/series?keys=r2"), ("get", "/streams"), ("get", "/samples"), ("get", "/deletion"),
        ("get", "/extra-files"),
        ("post", "/cancel"), ("post", "/archive"), ("post", "/unarchive"), ("delete", ""),
    ):  # fmt: skip
        for ref in (run.pk, run.uid):
            answer = getattr(stranger, method)(f"/runs/{ref}{path}")
            assert (answer.status, answer.json["code"]) == (404, "not_found"), path
        assert answer.detail.replace(run.uid, str(run.pk)) == missing
        assert getattr(nobody, method)(f"/runs/{run.pk}{path}").status == 401
    assert stranger.post(f"/runs/{run.pk}/extra-files", {"path": "x"}).status == 404
    assert stranger.get("/runs").json["total"] == 0
    assert stranger.get("/runs?workspace=main").status == 404


def test_a_viewer_sees_and_changes_nothing(viewer: Caller, run: Run) -> None:
    assert viewer.get(f"/runs/{run.pk}").status == 200
    for path in ("cancel", "archive", "unarchive"):
        assert viewer.post(f"/runs/{run.pk}/{path}").status == 403
    assert viewer.delete(f"/runs/{run.pk}").status == 403


def test_cancel_archive_delete(member: Caller, run: Run) -> None:
    assert member.delete(f"/runs/{run.pk}").status == 422
    canceled = member.post(f"/runs/{run.pk}/cancel").json
    assert (canceled["status"], canceled["end_reason"]) == ("canceled", "canceled_by_user")
    assert member.post(f"/runs/{run.pk}/cancel").json["status"] == "canceled"
    assert member.post(f"/runs/{run.pk}/archive").json["archived_at"]
    assert member.post(f"/runs/{run.pk}/unarchive").json["archived_at"] is None
    log_store().append(f"run/{run.pk}/1/run.log", 0, b"12345")
    preview = member.get(f"/runs/{run.pk}/deletion").json
    assert (preview["runs"], preview["log_bytes"]) == (1, 5)
    assert member.delete(f"/runs/{run.pk}").json == preview
    assert member.get(f"/runs/{run.pk}").status == 404


def test_metrics_events_and_samples(member: Caller, run: Run) -> None:
    MetricSeries.objects.create(
        run=run,
        name="val/r2",
        count=2,
        last=0.5,
        last_step=2,
        minimum=0.25,
        minimum_step=1,
        maximum=0.5,
        maximum_step=2,
    )
    MetricSeries.objects.create(run=run, name="odd", count=1, last=float("inf"))
    RunEvent.objects.create(run=run, kind="note", text="Something.")
    found = member.get(f"/runs/{run.pk}/metrics").json
    assert found["val/r2"] == {"last": 0.5, "last_step": 2, "min": 0.25, "min_step": 1,
                               "max": 0.5, "max_step": 2, "count": 2}  # fmt: skip
    assert found["odd"]["last"] == "inf"
    assert member.get(f"/runs/{run.pk}").json["metrics"] == {"val/r2": 0.5, "odd": "inf"}
    assert member.get(f"/runs/{run.pk}/metrics/none").status == 404
    assert member.get(f"/runs/{run.pk}/metrics/val/r2").json == []
    assert [event["text"] for event in member.get(f"/runs/{run.pk}/events").json] == ["Something."]
    sample = b'{"t": 1.5, "rss_bytes": 10}\n'
    log_store().append(f"run/{run.pk}/1/samples.jsonl", 0, b"xx}\n[1]\n" + sample + b'{"t": 2')
    assert member.get(f"/runs/{run.pk}/samples").json == [{"t": 1.5, "rss_bytes": 10}]


def test_series_come_as_a_chart_needs_them(member: Caller, viewer: Caller, run: Run) -> None:
    points = [Point("loss", float(n % 7), float(n), 0.0) for n in range(1_000)]
    MetricSeries.objects.create(run=run, name="loss", count=1_000).chunks.create(
        index=0, points=pack(points)
    )
    found = viewer.get(f"/runs/{run.pk}/series?keys=loss&px=16").json["series"]["loss"]
    assert (found["count"], found["width"], len(found["x"])) == (1_000, 64, 16)
    assert (found["min"][0], found["max"][0], found["last"][0]) == (0, 6, 0)
    near = member.get(f"/runs/{run.pk}/series?keys=loss&px=16&from=10&to=12").json
    assert near["series"]["loss"]["last"] == [2, 3, 4, 5, 6]
    assert member.get(f"/runs/{run.pk}/series?keys=lost").status == 404
    assert member.get(f"/runs/{run.pk}/series").status == 422
    assert member.get(f"/runs/{run.pk}/series?keys=loss&from=nan").status == 422


@pytest.mark.django_db(transaction=True)
def test_every_point_of_a_series(member: Caller, run: Run) -> None:
    from runs.services.metrics import metrics_ingest

    lines = b"".join(b'{"n": "loss", "v": %d, "s": %d, "t": 1.5}\n' % (n, n) for n in range(5000))
    log_store().append(f"run/{run.pk}/1/metrics.jsonl", 0, lines)
    metrics_ingest(attempt_id=run.attempts.get().pk)
    points = member.get(f"/runs/{run.pk}/metrics/loss").json
    assert [point["value"] for point in points] == list(range(5000))
    assert points[4097] == {"step": 4097, "time": 1.5, "value": 4097}


def test_labels_change_only_where_they_are_named(member: Caller, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(tags={"a": "1", "b": "2"})
    path = f"/runs/{run.pk}"
    changed = member.patch(path, {"tags": {"a": None, "c": "3"}, "description": "why"}).json
    assert changed["tags"] == {"b": "2", "c": "3"}
    assert (changed["description"], changed["name"]) == ("why", "train")
    assert member.patch(path, {"name": " best "}).json["name"] == "best"
    assert member.patch(path, {}).json["tags"] == {"b": "2", "c": "3"}
    assert member.patch(path, {"tags": {"c": "3"}}).status == 200
    texts = [event["text"] for event in member.get(f"{path}/events").json]
    assert texts == ["Changed description and tags.", "Changed name."]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": " "}, "A run needs a name"),
        ({"name": "x" * 256}, "longer than 255"),
        ({"tags": {"": "1"}}, "The tag '' cannot be kept"),
        ({"tags": {"a": "x" * 1001}}, "The tag 'a' cannot be kept"),
        ({"tags": {str(n): "" for n in range(51)}}, "51 tags are too many"),
        ({"tags": {"a": 1}}, "`tags.a` must be text"),
        ({"status": "completed"}, "`status` is not known here"),
    ],
)
def test_labels_that_cannot_be_kept_change_nothing(
    member: Caller, run: Run, body: dict[str, Any], words: str
) -> None:
    answer = member.patch(f"/runs/{run.pk}", {"description": "new", **body})
    assert (answer.status, words in answer.detail) == (422, True), answer.detail
    run.refresh_from_db()
    assert (run.name, run.description, run.tags) == ("train", "", {})


def test_only_who_may_write_labels_a_run(viewer: Caller, stranger: Caller, run: Run) -> None:
    assert viewer.patch(f"/runs/{run.pk}", {"name": "x"}).status == 403
    assert stranger.patch(f"/runs/{run.pk}", {"name": "x"}).status == 404


def test_artifacts_are_downloads(member: Caller, run: Run) -> None:
    sha, size = blob_store().put(b"<script>0123456789</script>")
    Artifact.objects.create(run=run, path="outputs/ä/page.html", sha=sha, size_bytes=size)
    listed = member.get(f"/runs/{run.pk}/artifacts").json
    (found,) = listed
    assert (found["path"], found["size"], found["sha"]) == ("outputs/ä/page.html", size, sha)
    path = f"/runs/{run.pk}/artifacts/outputs/ä/page.html"
    whole = member.get(path)
    assert whole.content == b"<script>0123456789</script>"
    assert whole.headers["Content-Disposition"] == 'attachment; filename="page.html"'
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.headers["Content-Type"] == "application/octet-stream"
    assert whole.headers["Content-Length"] == str(size)
    tag = whole.headers["ETag"]
    assert sha in tag
    assert member.get(path, headers={"If-None-Match": tag}).status == 304
    part = member.get(path, headers={"Range": "bytes=8-17"})
    assert (part.status, part.content) == (206, b"0123456789")
    assert part.headers["Content-Range"] == f"bytes 8-17/{size}"
    assert member.get(f"/runs/{run.pk}/artifacts/outputs/none").status == 404


def test_files_outside_the_patterns(member: Caller, make_run: MakeRun) -> None:
    run = make_run(extra_files=[{"path": "model.bin", "size": 7}])
    assert member.get(f"/runs/{run.pk}/extra-files").json == [{"path": "model.bin", "size": 7}]
    refused = member.post(f"/runs/{run.pk}/extra-files", {"path": "other"})
    assert (refused.status, refused.json["field"]) == (422, "path")


def test_experiments(member: Caller, stranger: Caller, make_run: MakeRun) -> None:
    make_run()
    make_run(status=Status.FAILED, end_reason=EndReason.EXIT_LOST)
    (found,) = member.get("/experiments").json
    assert (found["name"], found["runs"], found["live"]) == ("ridge", 2, 1)
    assert found["last_run_at"]
    assert stranger.get("/experiments").json == []
    assert stranger.get("/experiments?workspace=main").status == 404


def test_experiments_are_made_and_changed(
    member: Caller, viewer: Caller, stranger: Caller, make_run: MakeRun
) -> None:
    made = member.post("/experiments", {"name": "wide", "primary_metric": "loss"})
    assert (made.status, made.json["direction"], made.json["runs"]) == (201, "maximize", 0)
    refused = member.post("/experiments", {"name": "wide"})
    assert (refused.status, refused.json["field"]) == (422, "name")
    changed = member.patch("/experiments/wide", {"direction": "minimize", "name": "wider"})
    assert (changed.json["name"], changed.json["direction"]) == ("wider", "minimize")
    assert member.patch("/experiments/wider", {"archived": True}).json["archived"]
    assert [each["name"] for each in member.get("/experiments").json] == ["ridge"]
    assert member.patch("/experiments/wider", {"direction": "up"}).status == 422
    assert viewer.patch("/experiments/wider", {"archived": False}).status == 403
    assert viewer.post("/experiments", {"name": "x"}).status == 403
    assert stranger.patch("/experiments/wider?workspace=main", {"name": "y"}).status == 404
