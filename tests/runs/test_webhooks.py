"""Signing, and what may be posted to; how it is posted is tested with real servers."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator

import pytest

from runs import webhooks
from runs.webhooks import NotSent, may_go, post, secret_new, signed, url_problem

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1")]


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """Values from the specification's own reference libraries."""
    headers = signed(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        uid="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_secret_is_another() -> None:
    assert secret_new() != secret_new()
    assert len(secret_new()) == len("whsec_") + 44


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "127.8.8.8", "::1", "169.254.169.254", "fe80::1%eth0", "10.1.2.3", "192.168.0.9",
     "172.16.0.1", "100.64.0.1", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "fc00::1",
     "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
     "ff02::1", "198.18.0.1"],
)  # fmt: skip
def test_what_is_not_public_is_refused(text: str) -> None:
    assert not may_go(ipaddress.ip_address(text), [])


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_what_is_public_may_be_posted_to(text: str) -> None:
    assert may_go(ipaddress.ip_address(text), [])


def test_the_owner_may_allow_more() -> None:
    assert may_go(ipaddress.ip_address("127.0.0.1"), LOOPBACK)
    assert may_go(ipaddress.ip_address("::ffff:127.0.0.1"), LOOPBACK)
    assert not may_go(ipaddress.ip_address("169.254.169.254"), LOOPBACK)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://hooks.example.org/x?y=1", ""),
        ("http://8.8.8.8:8080/", ""),
        ("ftp://example.org/", "write it like"),
        ("hooks.example.org", "write it like"),
        ("https:///path", "write it like"),
        ("https://example.org:99999/", "cannot be read"),
        ("https://[::1", "cannot be read"),
        ("https://me:word@example.org/", "leave out the user"),
        ("https://example.org/a b", "without spaces"),
        ("https://example.org/a\r\nHost: x", "without spaces"),
        ("https://exämple.org/", "plain ASCII"),
        ("http://169.254.169.254/latest/meta-data/", "not a public address"),
        ("http://[::ffff:7f00:1]/", "not a public address"),
        ("http://localhost:8765/", "not a public address"),
    ],
)
def test_an_address_is_looked_at_before_it_is_kept(url: str, said: str) -> None:
    problem = url_problem(url, allowed=[])
    assert said in problem
    assert bool(said) == bool(problem)


def test_a_name_that_leads_inside_is_found_out_when_posting() -> None:
    with pytest.raises(NotSent, match=r"Nothing was sent to localhost: .* is not a public address"):
        post("http://localhost:9/", headers={}, body=b"", allowed=[])


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(NotSent, match=r"The name no-such-host.invalid is not known"):
        post("http://no-such-host.invalid/", headers={}, body=b"", allowed=[])


@pytest.fixture
def trickle() -> Iterator[int]:
    """A server that says a byte of a header now and then, for ever: its port."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        stop.set()
        thread.join(5)


def test_an_answer_that_trickles_is_cut(trickle: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "LIMIT_S", 0.5)
    with pytest.raises(NotSent, match=r"127.0.0.1 did not answer within"):
        post(f"http://127.0.0.1:{trickle}/", headers={}, body=b"{}", allowed=LOOPBACK)
