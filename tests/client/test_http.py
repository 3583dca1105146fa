"""The HTTP client against real sockets that say awkward things."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from studio.client.errors import Refused, Unreachable
from studio.client.http import Connection, quote, with_query
from tests.client.server import ScriptedServer, Talk, answering, json_answer, serve

Connect = Callable[..., Connection]


@pytest.fixture
def to() -> Iterator[Callable[..., Connection]]:
    """Makes connections, and closes them in the end."""
    made: list[Connection] = []

    def connect(server: ScriptedServer, token: str = "") -> Connection:
        made.append(Connection(server.url, token))
        return made[-1]

    yield connect
    for connection in made:
        connection.close()


def chunked(*pieces: bytes, trailer: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + body + b"0\r\n" + trailer + b"\r\n"


def test_a_kept_connection_carries_one_request_after_the_other(to: Connect) -> None:
    answers = (json_answer('{"a": 1}'), chunked(b'{"b"', b": 2}"), json_answer("[]"))
    with serve(answering(*answers)) as server:
        studio = to(server, "secret")
        assert studio.json("GET", "/one") == {"a": 1}
        assert studio.json("POST", "/two", {"x": "é"}) == {"b": 2}
        assert studio.json("GET", "/three") == []
    first, second, _ = server.requests
    assert first.startswith(b"GET /api/v1/one HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer secret\r\n" in first
    assert second.endswith(b'\r\n\r\n{"x": "\\u00e9"}')


def test_a_body_arrives_piece_by_piece_as_it_is_sent(to: Connect) -> None:
    heard = threading.Event()

    def talk(server: ScriptedServer) -> Talk:
        def say(link: socket.socket) -> None:
            server.read_request(link)
            link.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            heard.wait(10)
            link.sendall(b"6\r\nsecond\r\n0\r\nX: y\r\n\r\n")
            server.read_request(link)
            link.sendall(json_answer("{}"))

        return say

    with serve(talk) as server:
        studio = to(server)
        response = studio.request("GET", "/")
        assert response.read1() == b"first"
        heard.set()
        assert response.read1() == b"second"
        assert response.read1() == b""
        assert response.read1() == b""
        assert studio.json("GET", "/again") == {}


def test_a_connection_that_was_closed_meanwhile_is_made_anew(to: Connect) -> None:
    with serve(answering(json_answer("1")), answering(json_answer("2"))) as server:
        studio = to(server)
        assert studio.json("GET", "/") == 1
        assert studio._link is not None
        assert studio._link[0].recv(1, socket.MSG_PEEK) == b""  # it has hung up by now
        assert studio.json("POST", "/", {}) == 2


def test_an_answer_that_was_not_read_is_not_taken_for_the_next(to: Connect) -> None:
    with serve(answering(json_answer('"old"')), answering(json_answer('"new"'))) as server:
        studio = to(server)
        studio.request("GET", "/old")
        assert studio.json("GET", "/new") == "new"


def test_without_a_length_the_end_of_the_connection_ends_the_body(to: Connect) -> None:
    with serve(answering(b"HTTP/1.1 200 OK\r\n\r\nall of it")) as server:
        studio = to(server)
        assert studio.all_of(studio.request("GET", "/")) == b"all of it"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 what\r\n\r\n",
    ],
)
def test_a_broken_answer_is_a_lost_connection(answer: bytes, to: Connect) -> None:
    with serve(answering(answer)) as server, pytest.raises(Unreachable) as caught:
        to(server).json("GET", "/")
    assert str(caught.value).startswith(f"The studio at {server.url} cannot be reached (")


def test_nobody_there_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable, match=r"\(connection refused\): is it running"):
        Connection(f"http://127.0.0.1:{port}").json("GET", "/me")


def test_silence_ends_in_a_sentence(to: Connect) -> None:
    with serve(answering(b"", b"")) as server, pytest.raises(Unreachable, match="no answer in"):
        to(server).request("GET", "/", timeout_s=0.05)


def test_a_refusal_is_the_studios_own_sentence(to: Connect) -> None:
    body = '{"detail": "There is no run \'9\'.", "field": null, "code": "not_found"}'
    with serve(answering(json_answer(body, "404 Not Found"), json_answer("1"))) as server:
        studio = to(server)
        with pytest.raises(Refused) as caught:
            studio.json("GET", "/runs/9")
        assert (str(caught.value), caught.value.status, caught.value.code) == (
            "There is no run '9'.",
            404,
            "not_found",
        )
        assert studio.json("GET", "/") == 1  # the connection is still good


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\n<h1>", "answered 502 without"),
        (b"HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n[]", "answered 500 without"),
        (b"HTTP/1.1 301 X\r\nLocation: https://b\r\nContent-Length: 0\r\n\r\n", "on to https://b"),
    ],
)
def test_an_error_of_something_else_is_explained(answer: bytes, sentence: str, to: Connect) -> None:
    with serve(answering(answer)) as server, pytest.raises(Refused, match=sentence):
        to(server).json("GET", "/")


def test_a_streamed_body_is_sent_whole(to: Connect) -> None:
    with serve(answering(json_answer("1"))) as server:
        pieces = [b"a" * 100_000, b"b" * 100_000]
        studio = to(server)
        studio.all_of(studio.request("POST", "/blobs", body=iter(pieces), length=200_000))
        assert server.requests[0].endswith(b"\r\n\r\n" + b"".join(pieces))


@pytest.mark.parametrize("reads_on", [True, False])
def test_a_refusal_in_the_middle_of_an_upload_is_heard(reads_on: bool, to: Connect) -> None:
    size = 64 * 65536

    def talk(server: ScriptedServer) -> Talk:
        def refuse(link: socket.socket) -> None:
            link.recv(1024)
            link.sendall(json_answer('{"detail": "Too big.", "code": "too_big"}', "413 Too Large"))
            left = size - 1024 if reads_on else 0
            while left > 0:
                left -= len(link.recv(1 << 20))

        return refuse

    with serve(talk, answering(json_answer("1"))) as server:
        studio = to(server)
        body = (b"x" * 65536 for _ in range(64))
        with pytest.raises(Refused, match="Too big"):
            studio.request("POST", "/blobs", body=body, length=size)
        assert studio.json("GET", "/") == 1


@pytest.mark.parametrize(
    ("url", "split"),
    [
        ("http://studio:8000", (False, "studio", 8000, "")),
        ("https://studio.example/runyard", (True, "studio.example", 443, "/runyard")),
        ("http://[::1]:80", (False, "::1", 80, "")),
        ("http://[::1]", (False, "::1", 80, "")),
    ],
)
def test_addresses(url: str, split: tuple[bool, str, int, str]) -> None:
    studio = Connection(url + "/")
    assert (studio._tls, studio._host, studio._port, studio._base) == split


@pytest.mark.parametrize(
    "url", ["studio:8000", "ftp://studio", "http://", "http://a:b", "http://u@h"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="is not the address of a studio"):
        Connection(url)


def test_quoting() -> None:
    assert quote("outputs/ä b?.txt") == "outputs/%C3%A4%20b%3F.txt"
    assert quote("a/b", keep="") == "a%2Fb"
    assert with_query("/runs", tag="k=v&w", page=None, stream=["a", "b"]) == (
        "/runs?tag=k%3Dv%26w&stream=a&stream=b"
    )
    assert with_query("/runs", page=None) == "/runs"


def test_https_is_spoken_and_the_certificate_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: Connect
) -> None:
    certificate, key = _self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def over_tls(server: ScriptedServer) -> Talk:
        def talk(link: socket.socket) -> None:
            with contextlib.suppress(OSError), context.wrap_socket(link, server_side=True) as safe:
                answering(json_answer('"safe"'), json_answer('"kept"'))(server)(safe)

        return talk

    with serve(over_tls, over_tls) as server:
        server.url = server.url.replace("http://127.0.0.1", "https://localhost")
        with pytest.raises(Unreachable, match="certificate verify failed"):
            to(server).json("GET", "/")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        studio = to(server)
        assert studio.json("GET", "/") == "safe"
        assert studio.json("GET", "/") == "kept"


def _self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that nobody vouches for, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    pem = serialization.Encoding.PEM
    paths[0].write_bytes(certificate.public_bytes(pem))
    paths[1].write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
