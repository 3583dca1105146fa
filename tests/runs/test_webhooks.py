"""Signing, and what may be posted to; how it is posted is tested with real servers."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

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


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A server that speaks TLS with a certificate of its own making: its port, and that."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            """A caller that does not trust us is no news."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.server_address[1], certificate
        server.shutdown()
        thread.join(5)


def test_https_needs_a_certificate_that_is_trusted(
    tls: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, certificate = tls
    url = f"https://127.0.0.1:{port}/"
    with pytest.raises(NotSent, match=r"127.0.0.1 has no valid certificate: self-signed"):
        post(url, headers={}, body=b"{}", allowed=LOOPBACK)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert post(url, headers={}, body=b"{}", allowed=LOOPBACK) == 202


def test_what_speaks_no_tls_is_said(trickle: int) -> None:
    with pytest.raises(NotSent, match=r"127.0.0.1 (broke off|cannot be reached)"):
        post(f"https://127.0.0.1:{trickle}/", headers={}, body=b"{}", allowed=LOOPBACK)
