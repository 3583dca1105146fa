"""Charts in Chromium: how long after their data they are drawn, and how the cursor follows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from tests.benchmarks.rig import Rig, Row
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.studio_process import TOP

CHARTS, POINTS, LONG = 12, 2_000, 1_000_000
ROUNDS = 5
FRAMES = 120
VIEWPORT = {"width": 1280, "height": 1400}  # so that twelve charts are on screen

_SEED = """
import sys, time, django
django.setup()
import numpy as np
from runs.metrics import CHUNK_POINTS
from runs.models import MetricChunk, Run
from django.utils import timezone
run, charts, points, long = (int(word) for word in sys.argv[1:])
rng = np.random.default_rng(0)
def log(run, name, count):
    steps = np.arange(float(count))
    values = np.exp(-steps / count) + rng.normal(0, 0.02, count)
    rows = np.stack([steps, time.time() + steps, values], axis=1)
    series = run.series.create(name=name, count=count, last=values[-1], last_step=count - 1,
                               minimum=values.min(), maximum=values.max())
    MetricChunk.objects.bulk_create(
        MetricChunk(series=series, index=n, points=rows[at:at + CHUNK_POINTS].tobytes())
        for n, at in enumerate(range(0, count, CHUNK_POINTS)))
first, second = Run.objects.filter(pk__gte=run).order_by("pk")[:2]
for n in range(charts):
    log(first, f"chart {n:02}", points)
log(second, "long", long)
print(first.pk, second.pk)
"""
_TELL = """
window.drawn = new Promise((resolve) => {
  new MutationObserver(() => {
    const wanted = document.querySelectorAll("tr[data-name]").length;
    if (!wanted || document.querySelectorAll(".chart canvas").length < wanted) return;
    requestAnimationFrame(() => setTimeout(() => {
      const asked = performance.getEntriesByType("resource").filter(({ name }) =>
        name.includes("/series/"));
      resolve({
        now: performance.now(),
        asked: asked.length,
        answered: Math.max(...asked.map((entry) => entry.responseEnd)),
        took: Math.max(...asked.map((entry) => entry.responseEnd - entry.requestStart)),
        bytes: asked.reduce((sum, entry) => sum + entry.encodedBodySize, 0),
      });
    }));
  }).observe(document, { childList: true, subtree: true });
});
"""
_FOLLOW = """
async () => {
  const over = document.querySelector(".u-over");
  const { left, top, width } = over.getBoundingClientRect();
  const frame = () => new Promise(requestAnimationFrame);
  const spent = [];
  await frame();
  for (let n = 0; n < 120; n++) {
    const clientX = left + (width * n) / 120;
    const began = performance.now();
    over.dispatchEvent(new MouseEvent("mousemove", { clientX, clientY: top + 40, bubbles: true }));
    await frame();
    await new Promise((resolve) => setTimeout(resolve));
    spent.push(performance.now() - began);
  }
  return spent.sort((a, b) => a - b)[Math.floor(spent.length * 0.95)];
}
"""


def charts(rig: Rig) -> Iterator[Row]:
    """Twelve charts of 2,000 points, and one of a million."""
    few, long = _seed(rig)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        rounds = [_open(rig, browser, few) for _ in range(ROUNDS)]
        many = _middle([found for found, *_ in rounds])
        yield Row("12 charts x 2,000: drawn after data, ms", many["after"], None, "< 500")
        yield Row("12 charts x 2,000: requests", many["asked"], None, "1")
        yield Row("12 charts x 2,000: kB", many["bytes"] / 1000, None, "")
        yield Row("cursor over 12 charts, ms a frame (p95)", rounds[-1][1], None, "< 33")
        yield Row("cursor over 12 charts, page thread ms a frame", rounds[-1][2], None, "")
        rounds = [_open(rig, browser, long) for _ in range(ROUNDS)]
        one = _middle([found for found, *_ in rounds])
        yield Row("1,000,000 points: page opened and drawn, ms", one["now"], None, "< 500")
        yield Row("1,000,000 points: the request for them, ms", one["took"], None, "< 100")
        yield Row("1,000,000 points: kB", one["bytes"] / 1000, None, "")
        browser.close()


def _seed(rig: Rig) -> tuple[int, int]:
    first = rig.studio.api("/runs?page=2")["items"][-1]["id"]
    words = [str(first), str(CHARTS), str(POINTS), str(LONG)]
    env = {**os.environ, **rig.studio.env, "DJANGO_SETTINGS_MODULE": "studio.settings"}
    argv = [sys.executable, "-c", _SEED, *words]
    done = subprocess.run(argv, cwd=TOP, check=True, env=env, capture_output=True, text=True)
    few, long = map(int, done.stdout.split())
    return few, long


def _middle(found: list[dict[str, float]]) -> dict[str, float]:
    """The round that is neither fast nor slow."""
    return sorted(found, key=lambda each: each["now"])[len(found) // 2]


def _open(rig: Rig, browser: Browser, run: int) -> tuple[dict[str, float], float, float]:
    """What the page says of its drawing, and how long a frame takes while the cursor moves.

    The last figure is what of it the page's own thread works: it stays true on a busy machine.
    """
    context = browser.new_context(base_url=rig.studio.record.url, viewport=VIEWPORT)
    name, _, value = rig.studio.session_cookie().partition("=")
    context.add_cookies([{"name": name, "value": value, "url": rig.studio.record.url}])
    page: Page = context.new_page()
    page.add_init_script(_TELL)
    page.goto(f"/runs/{run}/metrics/")
    found: dict[str, float] = page.evaluate("() => window.drawn")
    inside = context.new_cdp_session(page)
    inside.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _thread_ms(inside)
    frame: float = page.evaluate(_FOLLOW)
    work = (_thread_ms(inside) - before) / FRAMES
    context.close()
    return {**found, "after": found["now"] - found["answered"]}, frame, work


def _thread_ms(inside: CDPSession) -> float:
    metrics = inside.send("Performance.getMetrics")["metrics"]
    return 1000 * float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))
