"""A studio on all addresses is reached by each of its names: pages, forms and websockets."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from studio.up.greeting import page_urls
from tests.chaos.conftest import free_port
from tests.studio_process import TOP, Studio, migrate_once

pytestmark = [pytest.mark.chaos]
NAMES = ["127.0.0.1", "localhost", socket.gethostname(), *(
    str(urlsplit(page).hostname) for page in page_urls("0.0.0.0", 1, "")
)]  # fmt: skip


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio that listens on every address."""
    data_dir = tmp_path_factory.mktemp("reach") / "data"
    migrate_once(data_dir)
    studio = Studio(data_dir, port=free_port())
    studio.env |= {"RUNYARD_HOST": "0.0.0.0", "SSH_CONNECTION": "198.51.100.7 1 203.0.113.4 22"}
    with studio:
        yield studio


class Browser:
    """A browser that calls the studio by one name; the traffic stays on loopback."""

    def __init__(self, port: int, name: str) -> None:
        self.port, self.host = port, f"{name}:{port}"
        self.cookies: dict[str, str] = {}

    def ask(
        self, method: str, path: str, form: dict[str, str] | None = None, origin: str = ""
    ) -> tuple[int, str, str]:
        """Status, body and where it leads."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Host": self.host, "Cookie": self.cookie}
        if form is not None:
            headers["Origin"] = origin or f"http://{self.host}"
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            link.request(method, path, urlencode(form) if form is not None else None, headers)
            answer = link.getresponse()
            for line in answer.headers.get_all("Set-Cookie", []):
                self.cookies |= {name: m.value for name, m in SimpleCookie(line).items()}
            body = answer.read().decode()
            return answer.status, body, answer.headers.get("Location", "")
        finally:
            link.close()

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def sign_in(self, path: str, origin: str = "") -> tuple[int, str, str]:
        """Open a one-time link and click its button."""
        page = self.ask("GET", path)[1]
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found, page
        return self.ask("POST", path, {"csrfmiddlewaretoken": found[1]}, origin)

    def socket(self, origin: str = "") -> ClientConnection:
        """The websocket of a page."""
        return connect(
            f"ws://{self.host}/ws/",
            sock=socket.create_connection(("127.0.0.1", self.port), 10),
            origin=origin or f"http://{self.host}",  # type: ignore[arg-type]
            additional_headers={"Cookie": self.cookie},
            proxy=None,
        )


def browser_of(studio: Studio, name: str) -> Browser:
    return Browser(urlsplit(studio.record.url).port or 0, name)


def link_path(studio: Studio) -> str:
    """Made by the command; by REST it is done twenty times as fast."""
    made = subprocess.run(
        [sys.executable, "manage.py", "login_link"],
        cwd=TOP,
        env={**studio.env, "RUNYARD_HOST": "127.0.0.1"},  # another shell than the one of `up`
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert made.startswith(studio.record.pages[0])
    return urlsplit(made).path


@pytest.mark.parametrize("name", list(dict.fromkeys(NAMES)))
def test_by_each_name_page_form_and_websocket_work(studio: Studio, name: str) -> None:
    browser = browser_of(studio, name)
    assert browser.ask("GET", "/sign-in/")[0] == 200
    link = urlsplit(studio.api("/me/link", {})["link"]).path
    status, _, place = browser.sign_in(link)
    assert (status, place.split("?")[0]) in {(302, "/welcome/"), (302, "/")}
    assert browser.ask("GET", "/runs/")[0] == 200
    with browser.socket() as page:
        page.send(json.dumps({"follow": "run/999"}))
        assert json.loads(page.recv(10))["type"] == "refused"


def test_another_origin_opens_nothing(studio: Studio) -> None:
    browser = browser_of(studio, "localhost")
    path = link_path(studio)
    assert browser.sign_in(path, origin="http://evil.example")[0] == 403
    assert browser.sign_in(path)[0] == 302
    with pytest.raises(InvalidStatus) as refused:
        browser.socket(origin=f"http://127.0.0.1:{browser.port}")
    assert refused.value.response.status_code == 403


def test_it_says_how_to_come_in_and_what_to_mind(studio: Studio) -> None:
    said = (studio.data_dir.parent / f"{studio.data_dir.name}.up.log").read_text()
    for page in studio.record.pages:
        assert page in said
    assert "/login/" not in said
    assert "'manage.py login_link' prints a link that works once" in said
    assert "this is plain HTTP" in said
    assert "ssh -L 8" not in said


def test_the_command_line_of_this_machine_still_works(studio: Studio) -> None:
    assert studio.cli("link").stdout.startswith(f"{studio.record.url}login/".encode())
