"""Where packages come from: addresses and authorities that can be used, and how uv is told."""

from __future__ import annotations

import base64
import http.client
import ipaddress
import os
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from cryptography import x509

TIMEOUT_S = 5.0
"""How long one index may take to answer a check."""
MOST = 10
"""So many indexes one resolution asks at most."""
_OF_INDEXES = re.compile(
    r"UV_(INDEX\w*|DEFAULT_INDEX|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|KEYRING_PROVIDER"
    r"|INSECURE_HOST|OFFLINE)"
)
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


@dataclass(frozen=True)
class Index:
    """A package index, and who asks it."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)


def uv_variables(indexes: Sequence[Index], environ: Mapping[str, str]) -> dict[str, str]:
    """What has uv ask these indexes and no others: the first one last, for what the rest lack.

    May hold passwords: never to be stored. Of the studio's own variables those stay that say
    how long to wait, not where to ask.
    """
    named = [(f"runyard{number}", index) for number, index in enumerate(indexes)]
    found = {name: value for name, value in environ.items() if not _OF_INDEXES.fullmatch(name)}
    found["UV_DEFAULT_INDEX"] = f"{named[0][0]}={named[0][1].url}"
    if len(named) > 1:
        found["UV_INDEX"] = " ".join(f"{name}={index.url}" for name, index in named[1:])
    for name, index in named:
        if index.username or index.password:
            found[f"UV_INDEX_{name.upper()}_USERNAME"] = index.username
            found[f"UV_INDEX_{name.upper()}_PASSWORD"] = index.password
    return found


def with_authority(authority: str, environ: Mapping[str, str] = os.environ) -> str:
    """This machine's authorities and one more, as one text for SSL_CERT_FILE."""
    trusted = environ.get("SSL_CERT_FILE", "")
    files = [Path(path) for path in (trusted, *_BUNDLES) if path]
    own = next((file for file in files if file.is_file()), None)
    return f"{own.read_text(errors='replace')}\n{authority}" if own else authority


def url_problem(url: str) -> str:
    """Why an address cannot be that of an index, as a sentence that holds no password; else ""."""
    if re.search(r"[\s\x00-\x1f]", url) or len(url) > 1000:
        return "An address holds no spaces and 1,000 characters at most: give one a line."
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "One of the addresses cannot be read: write it like https://pypi.example.org/simple."
    if parts.username is not None or parts.password is not None:
        return (
            f"The address of {host} carries a user name or password: leave them out, and give "
            "them as the credentials of this index, where they are kept encrypted."
        )
    if parts.scheme not in {"http", "https"} or not host:
        return f"'{url[:100]}' is no index: write it like https://pypi.example.org/simple."
    if parts.query or parts.fragment:
        return f"The address of {host} has a ? or #, and may carry a secret: leave that out."
    return ""


def password_problem(url: str) -> str:
    """Why no password is sent to an address; "" when it may be."""
    parts = urlsplit(url)
    if parts.scheme == "https" or _is_loopback(parts.hostname or ""):
        return ""
    return f"{url} is plain http, where others could read the password: use its https address."


def authority_problem(pem: str) -> str:
    """Why a text is no certificate of an authority, as a sentence; else ""."""
    from cryptography import x509  # noqa: PLC0415  (23 ms at each start, for a rare question)

    if "PRIVATE KEY" in pem:
        return "This holds a private key, which nobody here needs: paste the certificate alone."
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return (
            "This is no certificate in PEM form: paste the whole file, from BEGIN CERTIFICATE to "
            "END CERTIFICATE."
        )
    if not any(map(_may_sign, found)):
        return "None of these certificates is that of an authority: paste the one that signs."
    return ""


def _may_sign(certificate: x509.Certificate) -> bool:
    """Certificates of before there was a word for it may."""
    from cryptography import x509  # noqa: PLC0415

    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return certificate.issuer == certificate.subject


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def index_check(index: Index, authority: str, *, timeout_s: float = TIMEOUT_S) -> tuple[bool, str]:
    """Ask an index for one package: whether it can be used from here, and a sentence.

    Nothing of what it answers is told but the status, and no redirect is followed.
    """
    parts = urlsplit(index.url)
    try:
        status = _ask(parts, index, authority, timeout_s)
    except ssl.SSLCertVerificationError as error:
        return False, (
            f"{parts.hostname} shows a certificate that is not trusted ({error.verify_message}): "
            "paste the certificate of its authority."
        )
    except TimeoutError:
        return False, f"{parts.hostname} did not answer within {timeout_s:.0f} s."
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        return False, f"{parts.hostname} cannot be reached: {why}."
    if status in {401, 403}:
        given = index.username or index.password
        return False, (
            f"{parts.hostname} answers {status}: "
            + ("it does not accept these credentials." if given else "it asks for credentials.")
        )
    if status < 400 or status == 404:
        return True, f"{parts.hostname} answers."
    return False, f"{parts.hostname} answers {status}: it may be out of order."


def _ask(parts: SplitResult, index: Index, authority: str, timeout_s: float) -> int:
    headers = {"Accept": "application/vnd.pypi.simple.v1+json, text/html"}
    if index.username or index.password:
        pair = f"{index.username}:{index.password}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    host, port = str(parts.hostname), parts.port
    if parts.scheme == "https":
        context = ssl.create_default_context()
        if authority:
            context.load_verify_locations(cadata=authority)
        asked: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=timeout_s, context=context
        )
    else:
        asked = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        asked.request("GET", f"{parts.path.rstrip('/')}/pip/", headers=headers)
        return asked.getresponse().status
    finally:
        asked.close()
