"""Logs as pages: every line can be reached, nothing is left out in silence."""

from __future__ import annotations

import json
import re
import struct
from functools import partial

import pytest

from environments.models import Build
from runs import display
from runs.logsearch import search
from runs.models import Run
from runs.stores import log_store
from runs.views import logparts
from tests.pages.conftest import end
from tests.pages.visitor import DASH, Visitor


@pytest.fixture
def key(run: Run) -> str:
    return f"run/{run.pk}/1/run.log"


def say(key: str, data: bytes) -> None:
    log_store().append(key, log_store().size(key), data)


def numbered(first: int, last: int) -> bytes:
    return b"".join(b"line %d\n" % n for n in range(first, last + 1))


def test_a_short_log_is_shown_whole(member: Visitor, run: Run, key: str) -> None:
    say(key, b"one\ntwo \x1b[1;31mred\x1b[0m <b>\nhalf")
    page = member.get(f"/runs/{run.pk}/log/")
    assert f"lines 1{DASH}3 of 3" in page.text
    assert '<span class="a-b a-f1">red</span> &lt;b&gt;' in page.html
    assert re.search(r'id="L3" data-n="3" data-unfinished>half', page.html)


def test_a_long_log_shows_its_end_and_leads_to_the_rest(
    member: Visitor, run: Run, key: str
) -> None:
    say(key, numbered(1, 5_500))
    page = member.get(f"/runs/{run.pk}/log/")
    assert f"lines 4,601{DASH}5,500 of 5,500" in page.text
    assert "line 5500" in page.text
    assert ">line 4600\n" not in page.html
    seen, address = set(re.findall(r">line (\d+)\n", page.html)), f"/runs/{run.pk}/log/?from=2601"
    assert f'href="{address}"' in page.html
    middle = member.get(address)
    assert f"lines 2,601{DASH}4,600 of 5,500" in middle.text
    assert f'href="/runs/{run.pk}/log/?from=601"' in middle.html
    for part in (middle, member.get(f"/runs/{run.pk}/log/?from=601")):
        seen |= set(re.findall(r">line (\d+)\n", part.html))
    first = member.get(f"/runs/{run.pk}/log/?from=1")
    assert f"lines 1{DASH}2,000 of 5,500" in first.text
    assert f'href="/runs/{run.pk}/log/?from=2001"' in first.html
    seen |= set(re.findall(r">line (\d+)\n", first.html))
    assert seen == {str(n) for n in range(1, 5_501)}


def test_a_line_is_shown_with_what_stands_around_it(member: Visitor, run: Run, key: str) -> None:
    say(key, numbered(1, 5_500))
    page = member.get(f"/runs/{run.pk}/log/?line=2750")
    assert f"lines 2,201{DASH}4,200 of 5,500" in page.text
    assert 'data-line="2750"' in page.html
    assert "of 5,500" in member.get(f"/runs/{run.pk}/log/?line=5500").text


@pytest.mark.parametrize("given", ["0", "-5", "x", "999999999999999999999", "26000"])
def test_a_line_that_is_not_there_means_the_end(
    given: str, member: Visitor, run: Run, key: str
) -> None:
    say(key, numbered(1, 30))
    assert f"lines 1{DASH}30 of 30" in member.get(f"/runs/{run.pk}/log/", {"from": given}).text


def test_colours_carry_into_a_part(member: Visitor, run: Run, key: str) -> None:
    say(key, b"\x1b[35m" + numbered(1, 2000))
    cluster = member.get(f"/runs/{run.pk}/log/cluster/7/")
    assert '<span class="a-f5">line 1401</span>' in cluster.html


def test_bytes_bound_a_page_as_well(
    member: Visitor, run: Run, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logparts, "PART_BYTES", 3000)
    say(key, numbered(1, 1300))
    page = member.get(f"/runs/{run.pk}/log/")
    assert f"lines 1,001{DASH}1,300 of 1,300" in page.text
    seen, address = set(), f"/runs/{run.pk}/log/?from=1"
    while address:
        html = member.get(address).html
        seen |= set(re.findall(r">line (\d+)\n", html))
        later = re.search(r'href="([^"]+from=\d+)">\s*later', html)
        address = later[1] if later else ""
    assert seen == {str(n) for n in range(1, 1301)}


def test_a_giant_line_is_cut_and_says_so(
    member: Visitor, run: Run, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "LONG_LINE", 100)
    say(key, b"before\n" + b"x" * 5000 + b"\nafter\n" + b"y" * 5000)
    html = member.get(f"/runs/{run.pk}/log/").html
    for letter in "xy":
        assert f">{letter * 100} … the rest of this line is in the raw log\n" in html
    assert ">after\n" in html


def test_a_progress_bar_is_one_line(member: Visitor, run: Run, key: str) -> None:
    say(key, b"".join(b"\r%3d%%" % n for n in range(101)) + b"\nWindows\r\n")
    page = member.get(f"/runs/{run.pk}/log/")
    assert ">100%\n" in page.html
    assert "99%" not in page.html
    assert ">Windows\n" in page.html


def test_the_log_files_of_a_run_are_streams(member: Visitor, told: Run) -> None:
    page = member.get(f"/runs/{told.pk}/log/")
    link = f"/runs/{told.pk}/log/?stream=logs%2Fside.txt"
    assert f'href="{link}"' in page.html
    side = member.get(link)
    assert "aside" in side.text
    assert f'href="/runs/{told.pk}/log/raw/?stream=logs%2Fside.txt"' in side.html
    raw = member.get(f"/runs/{told.pk}/log/raw/?stream=logs%2Fside.txt")
    assert raw.content == b"aside\n"


@pytest.mark.parametrize(
    "stream", ["none.txt", "../../secret.key", "samples.jsonl", "metrics.jsonl", "a\0b", "x" * 999]
)
def test_other_streams_are_not_found(stream: str, member: Visitor, told: Run) -> None:
    assert member.get(f"/runs/{told.pk}/log/", {"stream": stream}).status == 404
    assert member.get(f"/runs/{told.pk}/log/raw/", {"stream": stream}).status == 404


def test_the_raw_log_is_a_download_of_exact_bytes(member: Visitor, run: Run, key: str) -> None:
    data = bytes(range(256)) * 10
    say(key, data)
    page = member.get(f"/runs/{run.pk}/log/raw/")
    assert page.content == data
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert page.headers["Runyard-Log-Size"] == str(len(data))
    assert page.headers["Runyard-Log-Sealed"] == "0"


def test_polling_asks_from_an_offset(member: Visitor, run: Run, key: str) -> None:
    say(key, b"0123456789")
    raw = f"/runs/{run.pk}/log/raw/"
    assert member.get(raw, {"offset": "4"}).content == b"456789"
    assert member.get(raw, {"offset": "4", "limit": "2"}).content == b"45"
    assert member.get(raw, {"offset": "99"}).content == b""
    log_store().seal(key, size=10, sha256=None)
    assert member.get(raw, {"offset": "10"}).headers["Runyard-Log-Sealed"] == "1"


def test_a_build_has_its_log(member: Visitor, build: Build) -> None:
    page = member.get(f"/builds/{build.pk}/")
    assert "Installed 1 package" in page.text
    assert member.get(f"/builds/{build.pk}/log/raw/").content == b"Installed 1 package\n"


def test_a_build_that_never_was_is_not_found(member: Visitor, build: Build) -> None:
    for path in ("", "live/", "log/raw/"):
        assert member.get(f"/builds/{2**70}/{path}").status == 404
        assert member.get(f"/builds/999999/{path}").status == 404


class TestClusters:
    """200 lines each; what cannot change any more is kept by the browser."""

    def test_a_full_one_of_a_sealed_log_is_kept_for_ever(
        self, member: Visitor, run: Run, key: str
    ) -> None:
        say(key, numbered(1, 500))
        log_store().seal(key, size=None, sha256=None)
        address = f"/runs/{run.pk}/log/cluster/1/?v=1.1"
        page = member.get(address)
        assert re.findall(r'id="L(\d+)"', page.html) == [str(n) for n in range(201, 401)]
        assert page.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert "Cookie" in page.headers["Vary"]
        tag = page.headers["ETag"]
        assert tag.startswith('"')
        again = member.get(address, headers={"If-None-Match": tag})
        assert (again.status, again.content) == (304, b"")

    def test_of_a_growing_log_the_last_ones_are_asked_for_again(
        self, member: Visitor, run: Run, key: str
    ) -> None:
        say(key, numbered(1, 449))
        log_store().append(f"run/{run.pk}/1/times", 0, struct.pack("<Qd", 10**6, 1.0))
        kept = {
            number: "immutable" in page.headers["Cache-Control"]
            for number in range(3)
            if (page := member.get(f"/runs/{run.pk}/log/cluster/{number}/?v=1.1"))
        }
        assert kept == {0: True, 1: False, 2: False}  # a cursor may still go 50 lines up
        say(key, b"line 450\n")
        page = member.get(f"/runs/{run.pk}/log/cluster/1/?v=1.1")
        assert "immutable" in page.headers["Cache-Control"]

    def test_one_whose_times_are_not_known_is_not_kept(
        self, member: Visitor, run: Run, key: str
    ) -> None:
        say(key, numbered(1, 600))
        page = member.get(f"/runs/{run.pk}/log/cluster/0/?v=1.1")
        assert page.headers["Cache-Control"] == "private, no-cache"

    def test_an_address_of_another_attempt_is_not_kept(
        self, member: Visitor, run: Run, key: str
    ) -> None:
        say(key, numbered(1, 600))
        log_store().seal(key, size=None, sha256=None)
        for query in ("", "?v=2.1", "?v=1.0"):
            page = member.get(f"/runs/{run.pk}/log/cluster/0/{query}")
            assert page.headers["Cache-Control"] == "private, no-cache"

    def test_one_behind_the_end_is_not_found(self, member: Visitor, run: Run, key: str) -> None:
        say(key, numbered(1, 200))
        assert member.get(f"/runs/{run.pk}/log/cluster/0/").status == 200
        assert member.get(f"/runs/{run.pk}/log/cluster/1/").status == 404
        assert member.get(f"/runs/{run.pk}/log/cluster/{2**62}/").status == 404

    def test_a_build_has_them_too(self, member: Visitor, build: Build) -> None:
        page = member.get(f"/builds/{build.pk}/log/cluster/0/?v=1.1")
        assert ">Installed 1 package\n" in page.html


def test_lines_bear_the_time_at_which_they_were_written(
    member: Visitor, run: Run, key: str
) -> None:
    say(key, b"one\ntwo\nthree\n")
    notes = struct.pack("<QdQd", 4, 100.0, 8, 107.25)
    log_store().append(f"run/{run.pk}/1/times", 0, notes)
    html = member.get(f"/runs/{run.pk}/log/cluster/0/").html
    assert re.findall(r'data-t="([\d.]+)">(\w+)', html) == [("100.00", "one"), ("107.25", "two")]
    assert 'data-n="3">three' in html  # not noted yet
    assert member.json(f"/runs/{run.pk}/log/marks/")["start"] == 100.0


def test_a_page_without_a_socket_asks_for_the_end(member: Visitor, run: Run, key: str) -> None:
    say(key, numbered(1, 700) + b"half")
    address = f"/runs/{run.pk}/log/tail/"
    told = member.json(address)
    assert (told["from"], told["total"], told["sealed"]) == (401, 701, False)
    assert told["html"].count('class="l"') == 301
    tag = member.get(address).headers["ETag"]
    assert member.get(address, headers={"If-None-Match": tag}).status == 304
    log_store().seal(key, size=None, sha256=None)
    assert member.json(address)["sealed"] is True


class TestSearch:
    def test_it_counts_all_lines_and_tells_a_thousand(
        self, member: Visitor, run: Run, key: str
    ) -> None:
        say(key, numbered(1, 2500) + b"Line \x1b[1mfe\x1b[0mll\n")
        address = f"/runs/{run.pk}/log/search/"
        told = member.json(address, {"q": "line"})
        assert (told["count"], told["skipped"]) == (2501, 0)
        assert told["lines"] == list(range(1, 1001))
        more = member.json(address, {"q": "line", "from": "2001"})
        assert (more["count"], more["skipped"]) == (2501, 2000)
        assert more["lines"] == list(range(2001, 2502))
        assert member.json(address, {"q": "line", "case": "1"})["count"] == 2500
        assert member.json(address, {"q": "fell"})["lines"] == [2501]
        assert member.json(address, {"q": r"^line \d7$", "regex": "1"})["lines"] == [
            17, 27, 37, 47, 57, 67, 77, 87, 97,
        ]  # fmt: skip
        assert member.json(address, {"q": ""}) == {"count": 0, "skipped": 0, "lines": []}

    def test_a_pattern_that_cannot_be_is_told_in_a_sentence(
        self, member: Visitor, run: Run, key: str
    ) -> None:
        say(key, b"x\n")
        page = member.get(f"/runs/{run.pk}/log/search/", {"q": "(", "regex": "1"})
        assert page.status == 422
        assert "'(' is no regular expression" in json.loads(page.content)["sentence"]
        assert member.get(f"/runs/{run.pk}/log/search/", {"q": "x" * 1001}).status == 422

    def test_a_pattern_without_end_is_stopped(
        self, member: Visitor, run: Run, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("runs.views.loganswers.search", partial(search, patience_s=1.0))
        say(key, b"a" * 60 + b"\n")
        page = member.get(f"/runs/{run.pk}/log/search/", {"q": "(a+)+$x", "regex": "1"})
        assert page.status == 422
        assert "takes too long on this log" in json.loads(page.content)["sentence"]


class TestMarks:
    def test_errors_and_groups_are_told_by_line(self, member: Visitor, run: Run, key: str) -> None:
        say(key, b"##[group]Install\nok\n##[endgroup]\n--- Train\nERROR bad\n+++ Test\nok\n")
        log_store().append(f"run/{run.pk}/1/times", 0, struct.pack("<QdQd", 5, 10.0, 30, 12.5))
        told = member.json(f"/runs/{run.pk}/log/marks/")
        assert (told["errors"], told["error_lines"]) == (1, [5])
        assert told["groups"] == [
            [1, 3, "Install", 0, 2.5],
            [4, 5, "Train", 1, None],
            [6, 0, "Test", 0, None],
        ]

    def test_what_was_added_is_looked_at(self, member: Visitor, run: Run, key: str) -> None:
        say(key, b"ok\n")
        assert member.json(f"/runs/{run.pk}/log/marks/")["errors"] == 0
        say(key, b"ValueError: no\nhalf an Error: ")
        assert member.json(f"/runs/{run.pk}/log/marks/")["error_lines"] == [2]

    def test_a_failed_run_opens_at_its_first_error(
        self, member: Visitor, run: Run, key: str
    ) -> None:
        say(key, numbered(1, 4000) + b"ERROR one\n" + numbered(4002, 9000) + b"ERROR two\n")
        end(run, "failed", "exited_nonzero")
        page = member.get(f"/runs/{run.pk}/log/")
        assert "Opened at the first error, line 4,001" in page.text
        assert 'data-line="4001"' in page.html
        assert ">ERROR</span> one" in page.html or ">ERROR one\n" in page.html
        last = member.get(f"/runs/{run.pk}/log/?end=1")
        assert f"lines 8,201{DASH}9,001 of 9,001" in last.text
        end(run, "completed", "exited_zero")
        assert "Opened at" not in member.get(f"/runs/{run.pk}/log/").text


def test_each_state_of_a_progress_bar_can_be_seen(member: Visitor, run: Run, key: str) -> None:
    say(key, b"x\n" + b"".join(b"\r%d%%" % n for n in range(1284)) + b"\n")
    assert 'data-u="1284"' in member.get(f"/runs/{run.pk}/log/").html
    address = f"/runs/{run.pk}/log/states/2/"
    first, more = member.get(address), member.get(address, {"from": "1000"})
    assert first.headers["Runyard-States"] == "1284"
    states = re.findall(r'class="st">(\d+)%', first.html + more.html)
    assert states == [str(n) for n in range(1284)]
    for no_such_line in (0, 99):
        assert member.get(f"/runs/{run.pk}/log/states/{no_such_line}/").html == ""


def test_a_range_of_the_raw_log_can_be_asked_for(member: Visitor, run: Run, key: str) -> None:
    say(key, b"0123456789")
    part = member.get(f"/runs/{run.pk}/log/raw/", headers={"Range": "bytes=3-5"})
    assert (part.status, part.content) == (206, b"345")
    assert part.headers["Content-Range"] == "bytes 3-5/10"


@pytest.mark.parametrize("number", ["²", "9" * 5000, "-1"])
def test_what_is_no_number_asks_for_the_whole_log(
    number: str, member: Visitor, run: Run, key: str
) -> None:
    say(key, b"0123456789")
    address = f"/runs/{run.pk}/log/"
    assert "0123456789" in member.get(address, {"from": number, "line": number}).text
    asked = {"offset": number, "limit": number}
    whole = member.get(f"{address}raw/", asked, headers={"Range": f"bytes={'9' * 5000}-"})
    assert (whole.status, whole.content) == (200, b"0123456789")
