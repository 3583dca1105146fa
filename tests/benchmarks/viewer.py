"""The log viewer in a real browser: a million lines, and a flood of them."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import websockets
from playwright.sync_api import CDPSession, Page, sync_playwright

from tests.benchmarks.rig import Rig, Row
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.studio_process import Studio

JUMPS, STEPS, FOLLOWERS = 40, 120, 100
MILLION = (
    "import sys\nsay = sys.stdout.write\nfor n in range(1_000_000):\n"
    '    say(f"\\x1b[90m12:00:{n % 60:02d}\\x1b[0m \\x1b[32mINFO\\x1b[0m step {n} "\n'
    '        f"loss={1 / (n + 1):.6f} lr=0.0003 throughput={n % 977} samples/s "\n'
    '        f"batch {n * 7 % 1000}\\n")\n'
)
FLOOD = (
    "import sys, time\nbegan = time.monotonic()\nfor n in range(300_000):\n"
    '    sys.stdout.write(f"step {n} \\x1b[32mok\\x1b[0m " + "x" * 60 + "\\n")\n'
    "    if n % 1000 == 0:\n"
    "        time.sleep(max(0, began + n / 20_000 - time.monotonic()))\n"
)
FRAMES = """(ms) => new Promise((done) => {
  const gaps = [];
  let last = performance.now();
  const end = last + ms;
  const frame = (now) => {
    gaps.push(now - last);
    last = now;
    now < end ? requestAnimationFrame(frame) : done(gaps);
  };
  requestAnimationFrame(frame);
})"""
SCROLL = """(steps) => new Promise((done) => {
  const box = document.querySelector(".log");
  const gaps = [];
  let last = performance.now();
  const frame = (now) => {
    gaps.push(now - last);
    last = now;
    box.scrollTop -= 120;
    gaps.length < steps ? requestAnimationFrame(frame) : done(gaps);
  };
  requestAnimationFrame(frame);
})"""
JUMP = """async (line) => {
  const log = document.querySelector("run-log");
  const began = performance.now();
  await log.goTo(line);
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - began;
}"""


def log_viewer(rig: Rig) -> Iterator[Row]:
    """A million coloured lines, 110 MB; then 20,000 lines a second for 15 s."""
    (rig.source / "million.py").write_text(MILLION)
    (rig.source / "flood.py").write_text(FLOOD)
    cookie = rig.studio.session_cookie()
    run = rig.studio.submit(rig.source, "--environment", "minimal", "million.py")
    rig.studio.finished(run, timeout_s=180)
    yield from _searched(rig.studio, cookie, run)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(
            base_url=rig.studio.record.url, viewport={"width": 1280, "height": 800}
        )
        name, _, value = cookie.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": rig.studio.record.url}])
        page = context.new_page()
        devtools = browser.new_browser_cdp_session()
        yield from _million(page, devtools, run)
        yield from _flooded(rig, page)
        browser.close()
    yield from _followed(rig, cookie)


def _searched(studio: Studio, cookie: str, run: int) -> Iterator[Row]:
    for what, query in (("text", {"q": "step 9999"}), ("regex", {"q": r"step \d+7 .*batch 9\d+$"})):
        asked = urllib.parse.urlencode(query | ({"regex": "1"} if what == "regex" else {}))
        address = f"{studio.record.url}runs/{run}/log/search/?{asked}"
        request = urllib.request.Request(address, headers={"Cookie": cookie})
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.loads(answer.read())["count"] > 100
        yield Row(f"1M lines: {what} search, s", time.perf_counter() - began, None, "< 1")


def _million(page: Page, devtools: CDPSession, run: int) -> Iterator[Row]:
    opened = []
    for _ in range(5):
        began = time.perf_counter()
        page.goto(f"/runs/{run}/log/", wait_until="commit")
        page.locator("#L1000000").wait_for()
        opened.append(time.perf_counter() - began)
    yield Row("1M lines: opened at the end, s (median)", statistics.median(opened), None, "< 0.5")
    draw = random.Random(4)
    jumps = sorted(page.evaluate(JUMP, draw.randint(1, 1_000_000)) for _ in range(JUMPS))
    yield Row("1M lines: jump, s (p95 of 40)", jumps[int(JUMPS * 0.95)] / 1000, None, "< 0.15")
    gaps = sorted(page.evaluate(SCROLL, STEPS))
    yield Row(
        "1M lines: frame while scrolling, s (p95)", gaps[int(STEPS * 0.95)] / 1000, None, "< 0.033"
    )
    yield Row("1M lines: memory of the tab, MB", _renderer_mb(devtools), None, "< 300")


def _renderer_mb(devtools: CDPSession) -> float:
    """What the largest renderer has to itself."""
    found: dict[str, Any] = devtools.send("SystemInfo.getProcessInfo")
    pids = [each["id"] for each in found["processInfo"] if each["type"] == "renderer"]
    return max(_private_mb(pid) for pid in pids)


def _private_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private")) / 1000


def _flooded(rig: Rig, page: Page) -> Iterator[Row]:
    run = rig.studio.submit(rig.source, "--environment", "minimal", "flood.py")
    page.goto(f"/runs/{run}/log/")
    page.locator(".l").nth(50).wait_for(timeout=30_000)
    gaps = page.evaluate(FRAMES, 5000)
    yield Row(
        "20,000 lines/s: frames/s while following", len(gaps) / (sum(gaps) / 1000), None, "> 30"
    )
    yield Row("20,000 lines/s: longest frame, s", max(gaps) / 1000, None, "")
    ended = rig.studio.finished(run, timeout_s=60)
    page.locator("#L300000").wait_for(timeout=60_000)
    late = time.time() - _seconds(ended["ended_at"])
    yield Row("20,000 lines/s: last line in the page, s", late, None, "< 2")


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def _followed(rig: Rig, cookie: str) -> Iterator[Row]:
    """What the web process spends on one follower and on a hundred."""
    spent = [asyncio.run(_crowd(rig, cookie, count)) for count in (1, FOLLOWERS)]
    yield Row("100 followers: CPU of web against one's", spent[1], spent[0], "ratio < 30")


async def _crowd(rig: Rig, cookie: str, count: int) -> float:
    run = rig.studio.submit(rig.source, "--environment", "minimal", "flood.py")
    web = rig.studio.record.children["web"].pid
    address = rig.studio.record.url.replace("http://", "ws://") + "ws/"
    headers = {"Cookie": cookie, "Origin": rig.studio.record.url.rstrip("/")}
    began = _cpu_s(web)

    async def follow() -> None:
        async with websockets.connect(address, additional_headers=headers, max_size=None) as socket:
            await socket.send(json.dumps({"log": f"run/{run}", "stream": "run.log"}))
            async for text in socket:
                if '"sealed": true' in str(text):
                    return

    await asyncio.gather(*(follow() for _ in range(count)))
    return _cpu_s(web) - began


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
