"""A real browser before a real studio.

`studio` is one for all of them, with the environment `here` (the tests' own Python, nothing to
build). `open_tab` opens signed-in pages; whatever a page complains of on its console, a policy
that was broken among it, fails the test. Wait with `expect` and `eventually`: what is given to
`page.wait_for_function` is evaluated by the page itself, which its policy forbids.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, sync_playwright

from tests import network
from tests.chaos.conftest import free_port, make_plain_environment
from tests.studio_process import Studio, migrate_once, share_packages

CHROMIUM = Path("/usr/bin/chromium-headless-shell")  # a third less work than the whole browser
WHOLE_CHROMIUM = Path("/usr/bin/chromium")  # which alone shows notifications
FEATURES_OFF = (
    # the pages of the address bar's own list, which each new tab loads: more work than ours
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    # what Playwright turns off itself, whose list this one takes the place of
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",  # who opens the next tab starts no process anew if it need not
    f"--disable-features={','.join(FEATURES_OFF)}",
]
# what a page complains of while its studio is away, whatever it was fetching at that moment
STUDIO_AWAY = ("WebSocket", "ERR_", "Failed to fetch", "502", "503", "htmx:")
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""

OpenTab = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs Chromium, and shares one worker."""
    for item in items:
        if "/tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Who drives browsers."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Debian's browser, without its window and all that belongs to it."""
    yield from launched(playwright, CHROMIUM)


def launched(playwright: Playwright, program: Path) -> Iterator[Browser]:
    """A browser that is there until the next step."""
    if not program.exists():
        pytest.skip(f"apt-get install {program.name} fonts-dejavu-core: {program} is missing")
    with playwright.chromium.launch(executable_path=program, args=ARGUMENTS) as browser:
        yield browser


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio that was just started; scripts may lie below its `scripts`."""
    folder = tmp_path_factory.mktemp("studio")
    migrate_once(folder / "data")
    share_packages(folder / "data")
    with Studio(folder / "data", port=free_port(), link_root=folder) as studio:
        make_plain_environment(studio)
        yield studio


@pytest.fixture(scope="package")
def session(studio: Studio) -> Any:
    """The cookie of the owner's session."""
    name, _, value = studio.session_cookie().partition("=")
    return {"name": name, "value": value, "url": studio.record.url}


@pytest.fixture(autouse=True)
def steady_network() -> Iterator[None]:
    """Nobody takes the network away under a page."""
    with network.steady():
        yield


@pytest.fixture
def open_tab(chromium: Browser, studio: Studio, session: Any) -> Iterator[OpenTab]:
    """Opens pages as the owner; `forgiven` names complaints that a test brings about."""
    complaints: list[str] = []
    forgiven: list[str] = []
    contexts = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(f"{message.text} ({message.location.get('url')})")

    def open_it(
        path: str = "/", *, signed_in: bool = True, forgive: tuple[str, ...] = (), **options: Any
    ) -> Page:
        forgiven.extend(forgive)
        context = chromium.new_context(
            base_url=studio.record.url, **{"viewport": {"width": 1280, "height": 800}} | options
        )
        contexts.append(context)
        if signed_in:
            context.add_cookies([session])
        page = context.new_page()
        page.add_init_script(TELL_VIOLATIONS)
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    yield open_it
    for context in contexts:
        context.close()
    left = [line for line in complaints if not any(word in line for word in forgiven)]
    assert left == []


@pytest.fixture
def scripts(studio: Studio) -> Path:
    """A script directory: count.py N PAUSE [GO] prints numbered lines, without pause from GO on."""
    folder = studio.data_dir.parent / "scripts"
    folder.mkdir(exist_ok=True)
    (folder / "count.py").write_text(
        "import os, sys, time\n"
        "for n in range(1, int(sys.argv[1]) + 1):\n"
        "    print('\\x1b[32mline\\x1b[0m', n, flush=True)\n"
        "    if not any(map(os.path.exists, sys.argv[3:])):\n"
        "        time.sleep(float(sys.argv[2]))\n"
    )
    return folder


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """Not there yet: what a script waits for, so that it ends when a test has seen enough."""
    return tmp_path / "go"


@pytest.fixture(scope="package")
def wants_screenshots() -> bool:
    """Whether the picture in the README is to be taken anew."""
    return os.environ.get("RUNYARD_SCREENSHOTS") == "1"
