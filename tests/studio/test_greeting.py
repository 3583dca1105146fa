"""What the terminal says about how to reach the studio."""

from __future__ import annotations

import getpass
import shlex
import socket

import pytest

from studio.up.greeting import greeting, page_urls, tunnel_command

PAGE = "http://127.0.0.1:8765/"
SSH = {"SSH_CONNECTION": "198.51.100.7 50022 203.0.113.4 22"}


def tunnel(environ: dict[str, str], *, host: str = "127.0.0.1", page: str = PAGE) -> str:
    return tunnel_command(page, host=host, environ=environ)


class TestTunnel:
    def test_it_brings_the_page_to_where_the_person_sits(self) -> None:
        assert tunnel(SSH) == f"ssh -L 8765:127.0.0.1:8765 {getpass.getuser()}@203.0.113.4"

    def test_another_port_of_the_server_is_named(self) -> None:
        said = tunnel({"SSH_CONNECTION": "198.51.100.7 50022 203.0.113.4 2222"})
        assert said.startswith("ssh -p 2222 -L 8765:127.0.0.1:8765 ")

    def test_addresses_of_version_6(self) -> None:
        said = tunnel({"SSH_CONNECTION": "2001:db8::7 50022 2001:db8::4 22"}, host="::1",
                      page="http://[::1]:8765/")  # fmt: skip
        assert shlex.split(said)[:3] == ["ssh", "-L", "8765:[::1]:8765"]
        assert said.endswith("@2001:db8::4")

    def test_who_became_another_user_logs_in_as_before(self) -> None:
        assert tunnel(SSH | {"SUDO_USER": "ada"}).endswith(" ada@203.0.113.4")

    def test_an_odd_variable_still_gives_the_name_of_the_machine(self) -> None:
        assert tunnel({"SSH_CONNECTION": "odd"}).endswith(f"@{socket.gethostname()}")

    @pytest.mark.parametrize(
        ("environ", "host", "page"),
        [
            ({}, "127.0.0.1", PAGE),
            ({"SSH_CONNECTION": ""}, "127.0.0.1", PAGE),
            (SSH, "0.0.0.0", "http://gpu-1:8765/"),
            (SSH, "127.0.0.1", "https://runs.example.org/"),
        ],
    )
    def test_without_need_there_is_none(
        self, environ: dict[str, str], host: str, page: str
    ) -> None:
        assert tunnel(environ, host=host, page=page) == ""


class TestGreeting:
    def test_on_loopback_it_is_the_link_alone(self) -> None:
        said = greeting([PAGE], host="127.0.0.1", login_path="login/x/", environ={})
        assert said == "Runyard is up:  http://127.0.0.1:8765/login/x/"

    def test_over_ssh_the_tunnel_stands_under_it(self) -> None:
        said = greeting([PAGE], host="127.0.0.1", login_path="login/x/", environ=SSH)
        assert said.splitlines()[1] == f"From your side: {tunnel(SSH)}"

    def test_open_to_a_network_it_says_how_to_sign_in_and_what_to_mind(self) -> None:
        pages = ["http://203.0.113.4:8765/", "http://gpu-1:8765/"]
        said = greeting(pages, host="0.0.0.0", login_path="", environ=SSH)
        assert [line for line in said.splitlines() if "http://" in line] == [
            "Runyard is up:  http://203.0.113.4:8765/",
            "                http://gpu-1:8765/",
        ]
        assert "'manage.py login_link' prints a link that works once" in said
        assert "plain HTTP" in said
        assert "RUNYARD_PUBLIC_URL" in said
        assert "-L 8765" not in said

    def test_behind_tls_there_is_nothing_to_mind(self) -> None:
        pages = page_urls("0.0.0.0", 8765, "https://runs.example.org")
        said = greeting(pages, host="0.0.0.0", login_path="", environ={})
        assert "https://runs.example.org/" in said
        assert "plain HTTP" not in said


class TestPages:
    def test_a_wildcard_is_the_machine_by_address_and_by_name(self) -> None:
        pages = page_urls("0.0.0.0", 8765, "")
        assert f"http://{socket.gethostname()}:8765/" in pages
        assert not any("0.0.0.0" in page for page in pages)

    @pytest.mark.parametrize(
        ("host", "page"),
        [
            ("127.0.0.1", PAGE),
            ("::1", "http://[::1]:8765/"),
            ("gpu.lan", "http://gpu.lan:8765/"),
        ],
    )
    def test_any_other_is_itself(self, host: str, page: str) -> None:
        assert page_urls(host, 8765, "") == [page]
