"""Charts of metrics: the page, the series that it draws, and everything as a file."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.template import Context, Template

from runs.metrics import CHUNK_POINTS, Point, Summary, pack
from runs.models import MetricSeries, Run
from studio.lib.lean import lean_script
from tests.pages.visitor import Page, Visitor


def put(run: Run, name: str, values: list[float], first_step: int = 0) -> MetricSeries:
    """A series as if it had been logged, or more of it."""
    series, _ = run.series.get_or_create(name=name)
    points = [Point(name, v, float(first_step + n), 1e9 + n) for n, v in enumerate(values)]
    known = [p.points for p in series.chunks.order_by("index")]
    packed = b"".join(map(bytes, known)) + pack(points)
    series.chunks.all().delete()
    size = CHUNK_POINTS * 24
    for index, at in enumerate(range(0, len(packed), size)):
        series.chunks.create(index=index, points=packed[at : at + size])
    summary = Summary(count=series.count).fold(points)
    MetricSeries.objects.filter(pk=series.pk).update(**vars(summary))
    return series


def drawn(visitor: Visitor, run: Run, **query: Any) -> dict[str, Any]:
    page = visitor.get(f"/runs/{run.pk}/series/", query)
    assert page.status == 200, page.text
    found: dict[str, Any] = json.loads(page.content)["series"]
    return found


def test_the_table_says_it_all_in_text(member: Visitor, run: Run) -> None:
    put(run, "train/loss", [3.0, 1.0, 2.0], first_step=10)
    run.series.create(name="verdict", text="good <enough>", count=0)
    page = member.get(f"/runs/{run.pk}/metrics/")
    assert "train/loss 2 12 1 11 3 10 3" in page.text
    assert "verdict good <enough>" in page.text
    assert 'data-name="train/loss"' in page.html
    assert 'data-group="train"' in page.html


def test_a_run_without_metrics_teaches_how_to_log_one(member: Visitor, run: Run) -> None:
    page = member.get(f"/runs/{run.pk}/metrics/")
    assert 'run.log("train/loss", 0.21, step=3)' in page.text
    assert "No metric so far." in page.text


def test_the_live_part_brings_the_table_and_the_count(member: Visitor, run: Run) -> None:
    put(run, "loss", [1.0, 2.0])
    page = member.get(f"/runs/{run.pk}/live/", {"tab": "metrics"})
    assert 'data-count="2"' in page.html
    assert 'id="metric-count" hx-swap-oob="true">1<' in page.html


def test_a_short_series_is_drawn_whole(member: Visitor, run: Run) -> None:
    put(run, "loss", [1.0, math.nan, 0.25])
    assert drawn(member, run, keys="loss") == {
        "loss": {"width": 0, "x": [0, 1, 2], "last": [1, None, 0.25], "odd": [1], "odd_count": 1,
                 "count": 3, "is_tail": False}
    }  # fmt: skip


def test_a_long_series_is_cut_into_as_many_buckets_as_there_are_columns(
    member: Visitor, run: Run
) -> None:
    values = [math.sin(n / 100) for n in range(10_000)]
    put(run, "loss", values)
    found = drawn(member, run, keys="loss", px=100)["loss"]
    assert found["width"] == 128
    assert len(found["x"]) == 79
    assert (min(found["min"]), max(found["max"])) == (min(values), max(values))
    near = drawn(member, run, keys="loss", px=100, **{"from": 4_090, "to": 4_100})["loss"]
    assert near["last"] == values[4_089:4_102]


def test_a_point_that_comes_after_a_series_was_counted_comes_with_the_next_look(
    member: Visitor, run: Run
) -> None:
    chunk = put(run, "loss", [1.0, 2.0, 3.0]).chunks.get()
    chunk.points = bytes(chunk.points) + pack([Point("loss", 4.0, 3.0, 1e9)])
    chunk.save()
    found = drawn(member, run, keys="loss")["loss"]
    assert (found["count"], found["last"]) == (3, [1, 2, 3])
    run.series.update(count=4)
    more = drawn(member, run, keys="loss", have="3,0,0,2")["loss"]
    assert (more["count"], more["last"]) == (4, [4])


def test_time_is_counted_from_the_start(member: Visitor, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(started_at="2001-09-09T01:46:30Z")
    put(run, "loss", [1.0, 2.0])
    assert drawn(member, run, keys="loss", x="relative")["loss"]["x"] == [10, 11]
    assert drawn(member, run, keys="loss", x="time")["loss"]["x"] == [10**9, 10**9 + 1]


def test_only_what_is_new_comes_to_a_page_that_has_the_rest(member: Visitor, run: Run) -> None:
    put(run, "loss", [float(n) for n in range(20_000)])
    whole = drawn(member, run, keys="loss", px=200)["loss"]
    have = f"20000,{whole['width']},0,{whole['x'][-1]}"
    put(run, "loss", [5.0] * 50, first_step=20_000)
    tail = drawn(member, run, keys="loss", px=200, have=have)["loss"]
    assert tail["is_tail"]
    assert tail["count"] == 20_050
    assert tail["x"] == [19_968]
    assert tail["last"] == [5]


def test_a_page_that_claims_more_than_there_is_gets_all(member: Visitor, run: Run) -> None:
    put(run, "loss", [1.0, 2.0])
    for claimed in ("3", "1e300"):
        anew = drawn(member, run, keys="loss", have=f"{claimed},1,0,1")["loss"]
        assert (anew["is_tail"], anew["count"]) == (False, 2)


def test_an_answer_is_packed_for_who_can_unpack_it(member: Visitor, run: Run) -> None:
    put(run, "loss", [1.0, 2.0])
    path = f"/runs/{run.pk}/series/"
    packed = member.get(path, {"keys": "loss"}, headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == member.get(path, {"keys": "loss"}).content


def test_an_answer_is_kept_until_there_are_more_points(member: Visitor, run: Run) -> None:
    put(run, "loss", [1.0])
    path = f"/runs/{run.pk}/series/"
    tag = member.get(path, {"keys": "loss"}).headers["ETag"]
    again: Page = member.get(path, {"keys": "loss"}, headers={"If-None-Match": tag})
    assert (again.status, again.content) == (304, b"")
    assert (
        member.get(path, {"keys": "loss", "px": 99}, headers={"If-None-Match": tag}).status == 200
    )
    put(run, "loss", [2.0])
    assert member.get(path, {"keys": "loss"}, headers={"If-None-Match": tag}).status == 200


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({}, "Name 1 to 100 metrics in 'keys', not 0."),
        ({"keys": ["loss"] * 101}, "not 101."),
        ({"keys": "loss", "x": "speed"}, "'speed' is no axis: choose from step, time, relative."),
        ({"keys": "loss", "from": "nan"}, "'nan' is no number for 'from'."),
        ({"keys": "loss", "px": "wide"}, "'wide' is no number for 'px'."),
        ({"keys": "loss", "have": "1,2"}, "does not say what a chart has"),
        ({"keys": "loss", "have": "0,0,0,0"}, "does not say what a chart has"),
        ({"keys": ["loss", "loss"], "have": "1,0,0,0"}, "for each of the 'keys'"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(
    query: dict[str, Any], sentence: str, member: Visitor, run: Run
) -> None:
    put(run, "loss", [1.0])
    page = member.get(f"/runs/{run.pk}/series/", query)
    assert page.status == 422
    assert sentence in page.text


def test_a_metric_that_is_not_there_is_not_found(member: Visitor, run: Run) -> None:
    put(run, "loss", [1.0])
    page = member.get(f"/runs/{run.pk}/series/", {"keys": "lost"})
    assert page.status == 404
    assert "has no metric 'lost': it has loss." in page.text


@pytest.mark.django_db(transaction=True)
def test_every_point_is_exported(member: Visitor, run: Run) -> None:
    values = [n / 7 for n in range(CHUNK_POINTS + 5)]
    put(run, "train/loss", values)
    put(run, 'a,"b"', [math.nan, -math.inf])
    page = member.get(f"/runs/{run.pk}/metrics/export/")
    assert "attachment" in page.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(page.html)))
    assert rows[0] == ["name", "step", "time", "value"]
    assert rows[1:3] == [['a,"b"', "0", "1000000000", "nan"], ['a,"b"', "1", "1000000001", "-inf"]]
    assert [float(row[3]) for row in rows[3:]] == values
    found = json.loads(member.get(f"/runs/{run.pk}/metrics/export/", {"format": "json"}).content)
    assert [value for _, _, value in found["train/loss"]] == values
    assert found['a,"b"'][0] == [0, 1000000000, "nan"]
    one = member.get(f"/runs/{run.pk}/metrics/export/", {"keys": "train/loss"})
    assert one.html.count("\n") == len(values) + 1
    assert member.get(f"/runs/{run.pk}/metrics/export/", {"keys": "none"}).status == 422


def test_a_run_without_metrics_exports_nothing(member: Visitor, run: Run) -> None:
    assert member.get(f"/runs/{run.pk}/metrics/export/").html == "name,step,time,value\r\n"
    empty = member.get(f"/runs/{run.pk}/metrics/export/", {"format": "json"})
    assert json.loads(empty.content) == {}


def test_pages_with_charts_stay_light(member: Visitor, run: Run) -> None:
    static = Path(settings.BASE_DIR) / "static"
    for tab in ("metrics", "resources"):
        html = member.get(f"/runs/{run.pk}/{tab}/").html
        names = set(re.findall(r'(?:src|modulepreload" href)="/static/([^"]+\.js)"', html))
        assert "vendor/uPlot.iife.min.js" in names
        names |= {f"js/{name}" for name in shell_modules(static)}
        packed = {name: len(gzip.compress(served(static, name))) for name in names}
        assert sum(packed.values()) < 60_000, packed


def served(static: Path, name: str) -> bytes:
    """What a browser gets of a script."""
    script = (static / name).read_bytes()
    return lean_script(script.decode()).encode() if name.startswith("js/") else script


def shell_modules(static: Path) -> list[str]:
    """What every page's module imports."""
    return re.findall(r'import "\./([^"]+)"', (static / "js" / "runyard.js").read_text())


def test_a_metric_has_a_shape_in_the_size_of_a_word(
    run: Run, django_assert_num_queries: Any
) -> None:
    put(run, "loss <b>", [3.0, math.nan, *(float(n) for n in range(10_000))])
    put(run, "one", [1.0])
    tags = (f"{{% spark run '{name}' %}}" for name in ("loss <b>", "one", "x"))
    page = Template("{% load runyard %}" + "|".join(tags))
    known = Run.objects.prefetch_related("series").get(pk=run.pk)
    with django_assert_num_queries(0):
        line, *nothing = page.render(Context({"run": known})).split("|")
    assert nothing == ["", ""]
    assert 'aria-label="loss &lt;b&gt;: 0 to 9,999"' in line
    drawn = re.search(r'points="([^"]+)"', line)
    assert drawn
    assert 20 < len(drawn[1].split()) <= 41
