"""Logs as pages: every line can be reached, nothing is left out in silence."""

from __future__ import annotations

import re

import pytest

from environments.models import Build
from runs.models import Run
from runs.stores import log_store
from runs.views import logparts
from runs.views.logparts import log_part, log_tail
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


def test_the_live_reader_goes_on_at_the_unfinished_line(run: Run, key: str) -> None:
    say(key, b"one\n\x1b[32mgreen\nhalf\x1b[1m")
    part = log_tail(key)
    assert (part.offset, part.next, part.pen) == (len(b"one\n\x1b[32mgreen\n"), 3, "32")
    say(key, b" and\n")
    part = log_tail(key)
    assert (part.offset, part.next, part.pen) == (log_store().size(key), 4, "1;32")


def test_a_long_log_shows_its_end_and_leads_to_the_rest(
    member: Visitor, run: Run, key: str
) -> None:
    say(key, numbered(1, 25_000))
    page = member.get(f"/runs/{run.pk}/log/")
    assert f"lines 15,001{DASH}25,000 of 25,000" in page.text
    assert "line 25000" in page.text
    assert ">line 15000\n" not in page.html
    seen, address = set(re.findall(r">line (\d+)\n", page.html)), f"/runs/{run.pk}/log/?from=5001"
    assert f'href="{address}"' in page.html
    middle = member.get(address)
    assert f"lines 5,001{DASH}15,000 of 25,000" in middle.text
    seen |= set(re.findall(r">line (\d+)\n", middle.html))
    first = member.get(f"/runs/{run.pk}/log/?from=1")
    assert f"lines 1{DASH}10,000 of 25,000" in first.text
    assert f'href="/runs/{run.pk}/log/?from=10001"' in first.html
    seen |= set(re.findall(r">line (\d+)\n", first.html))
    assert seen == {str(n) for n in range(1, 25_001)}


@pytest.mark.parametrize("given", ["0", "-5", "x", "999999999999999999999", "26000"])
def test_a_line_that_is_not_there_means_the_end(
    given: str, member: Visitor, run: Run, key: str
) -> None:
    say(key, numbered(1, 30))
    assert f"lines 1{DASH}30 of 30" in member.get(f"/runs/{run.pk}/log/", {"from": given}).text


def test_colours_carry_into_a_part(key: str) -> None:
    say(key, b"\x1b[35m" + numbered(1, 2000))
    part = log_part(key, first=1500)
    assert part.lines[0].html == '<span class="a-f5">line 1500</span>'


def test_bytes_bound_a_part_as_well(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logparts, "PART_BYTES", 1000)
    say(key, numbered(1, 500))
    tail = log_tail(key)
    assert tail.last == tail.total == 500
    assert 1 < tail.first < 450
    seen, first = [], 1
    while first:
        part = log_part(key, first=first)
        seen += [line.number for line in part.lines]
        assert [line.html for line in part.lines] == [f"line {line.number}" for line in part.lines]
        first = part.later
    assert seen == list(range(1, 501))


def test_a_giant_line_is_cut_and_says_so(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logparts, "PART_BYTES", 1000)
    monkeypatch.setattr(logparts, "LONG_LINE", 100)
    say(key, b"before\n" + b"x" * 5000 + b"\nafter\n")
    part = log_part(key, first=2)
    assert part.lines[0].html == "x" * 100 + " … the rest of this line is in the raw log"
    assert part.later == 3
    assert [line.html for line in log_part(key, first=3).lines] == ["after"]
    assert [line.html for line in log_tail(key).lines] == ["after"]


def test_a_giant_unfinished_line_is_cut_too(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logparts, "PART_BYTES", 1000)
    monkeypatch.setattr(logparts, "LONG_LINE", 100)
    say(key, b"before\n" + b"x" * 5000)
    tail = log_tail(key)
    assert (tail.first, tail.last, tail.offset) == (2, 2, len(b"before\n"))
    assert tail.earlier == 1


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
