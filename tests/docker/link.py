"""A network link to an engine that can be cut, and certificates for both of its ends."""

from __future__ import annotations

import datetime
import ipaddress
import os
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests import network

_TWO_DAYS = datetime.timedelta(days=2)


class Link:
    """A pair of interfaces, one of which lies in the namespace of a process.

    A context manager. Nothing for this network ever leaves the machine: where the link is cut
    on the far side, this side's route stays, and below it lies one that swallows everything.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        number = os.getpid() % 60 * 4
        self._network = f"10.213.{100 + os.getpid() // 60 % 150}.{number}/30"
        here, there = list(ipaddress.ip_network(self._network).hosts())
        self.here, self.address = str(here), str(there)
        self._near, self._far = f"ryn{os.getpid()}", f"ryf{os.getpid()}"

    def __enter__(self) -> Link:
        try:
            with network.changing():
                self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _connect(self) -> None:
        self._ip("route", "add", "blackhole", self._network, "metric", "9999")
        self._ip("link", "add", self._near, "type", "veth", "peer", "name", self._far)
        self._ip("link", "set", self._far, "netns", str(self._pid))
        # no address of its own making, which would come and go with each cut
        self._ip("link", "set", self._near, "addrgenmode", "none")
        self._ip("addr", "add", f"{self.here}/30", "dev", self._near)
        self._ip("link", "set", self._near, "up")
        self._ip_there("addr", "add", f"{self.address}/30", "dev", self._far)
        self._ip_there("link", "set", "lo", "up")
        self.mend()

    def __exit__(self, *error: object) -> None:
        with network.changing():
            for words in (
                ("link", "del", self._near),
                ("route", "del", "blackhole", self._network),
            ):
                subprocess.run(["ip", *words], stderr=subprocess.DEVNULL, check=False)

    def cut(self) -> None:
        """Nothing gets through from now on, in either direction."""
        self._ip_there("link", "set", self._far, "down")

    def mend(self) -> None:
        """What is sent from now on gets through."""
        self._ip_there("link", "set", self._far, "up")

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, timeout=10)

    def _ip_there(self, *words: str) -> None:
        argv = ["nsenter", "-t", str(self._pid), "-n", "ip", *words]
        subprocess.run(argv, check=True, timeout=10)


def certificates(folder: Path, address: str) -> None:
    """ca.pem, cert.pem and key.pem for whoever calls; server-cert.pem and server-key.pem."""
    authority = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("authority", authority, "authority", authority, None)
    (folder / "ca.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    for name, prefix in (("server", "server-"), ("client", "")):
        key = ec.generate_private_key(ec.SECP256R1())
        found = _certificate(name, key, "authority", authority, address)
        (folder / f"{prefix}cert.pem").write_bytes(found.public_bytes(serialization.Encoding.PEM))
        (folder / f"{prefix}key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    address: str | None,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _TWO_DAYS)
        .not_valid_after(now + _TWO_DAYS)
        .add_extension(x509.BasicConstraints(ca=address is None, path_length=None), critical=True)
    )
    if address is not None:
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        names = [x509.IPAddress(ipaddress.ip_address(address))]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
