"""`make screenshots`: every page in both themes, wide and narrow, from a studio with real runs.

python -m tests.screenshots [FOLDER] takes them into ./screenshots, or another folder.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.pages import PAGES
from tests.chaos.conftest import free_port, make_plain_environment
from tests.studio_process import TOP, Studio
from tests.waiting import eventually

WIDTHS = {"wide": {"width": 1280, "height": 800}, "narrow": {"width": 390, "height": 844}}
THEMES = ("light", "dark")
SEEDS = 5
TRAIN = """
import json, math, os, random, sys, time

kind, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
random.seed(seed)


def log(name, value, step):
    with open(os.environ["RUNYARD_METRICS"], "a") as file:
        file.write(json.dumps({"n": name, "v": value, "s": step, "t": time.time()}) + "\\n")


print("\\x1b[1mtraining\\x1b[0m with seed", seed)
for epoch in range(60):
    loss = math.exp(-epoch / 15) + 0.02 * seed + random.random() / 20
    print(f"epoch {epoch:02d} \\x1b[36mloss\\x1b[0m {loss:.4f}", flush=True)
    log("loss", loss, epoch)
    log("accuracy", 1 - loss / 2, epoch)
    time.sleep(seconds / 60)
if kind == "fail":
    raise KeyError("column 'target' is missing in batch 7")
os.makedirs("outputs/checkpoints", exist_ok=True)
for name, text in (("model.txt", "weights " * 4000), ("checkpoints/last.txt", "state"),
                   ("metrics.json", json.dumps({"loss": loss}, indent=2)),
                   ("curve.csv", "step,loss\\n1,0.9\\n2,0.4\\n")):
    with open(f"outputs/{name}", "w") as file:
        file.write(text)
"""
"""train.py KIND SECONDS SEED: sixty epochs, then it fails, or leaves files behind."""


def main(folder: Path) -> None:
    """Take all pictures anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="runyard-pictures-") as kept:
        data = Path(kept) / "data"
        with Studio(data, port=free_port(), link_root=Path(kept)) as studio:
            paths = addresses(furnish(studio, Path(kept) / "scripts"))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
                for name in pictures(browser, studio, paths, folder):
                    sys.stdout.write(f"{name}\n")


def furnish(studio: Studio, scripts: Path) -> dict[str, int]:
    """Runs of every kind: the number of one of each."""
    scripts.mkdir()
    (scripts / "train.py").write_text(TRAIN)
    make_plain_environment(studio)
    studio.api("/targets/local", {"slots": 2}, method="PATCH")
    studio.api("/data/mnist", {"paths": {"local": str(scripts)}}, method="PUT")
    made = {
        "experiment": "ridge",
        "primary_metric": "loss",
        "direction": "minimize",
        "description": "Which seed does it like best?",
    }
    studio.api("/experiments", {"name": made.pop("experiment"), **made})

    def submit(name: str, *words: str) -> int:
        place = ("--environment", "here", "--experiment", "ridge", "--name", name)
        return studio.submit(scripts, *place, "--save-as", "counted", "train.py", *words)

    ended = [submit(f"seed-{n}", "ok", "1", str(n)) for n in range(SEEDS)]
    failed = submit("broken", "fail", "1", "0")
    for run in (*ended, failed):
        studio.finished(run)
    live = [submit(name, "ok", "3000", "1") for name in ("long-a", "long-b", "waits-a", "waits-b")]
    eventually(lambda: studio.run(live[0])["metrics"], timeout_s=30, what="the first metrics")
    return {"run": ended[-1], "failed": failed, "running": live[0], "queued": live[2]}


def addresses(runs: dict[str, int]) -> list[str]:
    """What to look at: every page, and the pages of runs that are not over or went wrong."""
    more = [
        f"/runs/{runs[name]}/{tab}"
        for name in ("failed", "running", "queued")
        for tab in ("", "log/", "resources/")
    ]
    return [*(path.format(run=runs["run"]) for path in PAGES), *more]


def pictures(browser: Browser, studio: Studio, paths: list[str], folder: Path) -> Iterator[str]:
    """Take each, in every width and theme; the names of the files."""
    name, _, value = studio.session_cookie().partition("=")
    cookie = {"name": name, "value": value, "url": studio.record.url}
    for width, viewport in WIDTHS.items():
        context = browser.new_context(
            base_url=studio.record.url, viewport=viewport, reduced_motion="reduce"
        )
        context.add_cookies([cookie])  # type: ignore[list-item]  # the stub wants its own dict
        page = context.new_page()
        for path in paths:
            page.goto(path)
            for theme in THEMES:
                yield picture(page, theme, folder / f"{title(path)}.{width}.{theme}.png")
        context.close()


def picture(page: Page, theme: str, file: Path) -> str:
    """One of the page as it is, in a theme."""
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=file, full_page=True)
    return file.name


def title(path: str) -> str:
    """A page's address as the name of a file."""
    return re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-") or "home"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "screenshots")
