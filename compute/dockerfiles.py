"""Building an image from a Dockerfile by the docker command: a program of its own.

Usage: python -m compute.dockerfiles ORDER, in a folder with `order/Dockerfile` and the build
context `code`. ORDER is a JSON file
{"cli", "engine": {"address", "tls", "platform"}, "tag", "labels", "secrets", "authority", "fresh"};
the variables that `secrets` names are there in RUN steps that mount them, and in no layer. With
"authority" what is trusted stands in `order/authorities.pem`, and is there by the id SSL_CERT_FILE.
With "fresh" every step is done again; the image that it begins with stays the engine's.
RUNYARD_REGISTRY_LOGINS may hold {host: {"username", "password"}}.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

LOGINS = "RUNYARD_REGISTRY_LOGINS"
AUTHORITY = "order/authorities.pem"
_DENIED = ("401 Unauthorized", "403 Forbidden", "authorization failed", "access denied")
_LOGIN_HINT = (
    "The image that it begins with may need a login for its registry, which an admin of the "
    "workspace adds."
)
_HUB = "https://index.docker.io/v1/"
_HELPER = f"""#!{sys.executable} -I
import json, os, sys
if sys.argv[1:] == ["list"]:
    print("{{}}")
elif sys.argv[1:] == ["get"]:
    server = sys.stdin.read().strip()
    host = "docker.io" if server == "{_HUB}" else server.partition("://")[2] or server
    login = json.loads(os.environ.get("{LOGINS}") or "{{}}").get(host.rstrip("/"))
    if login is None:
        print("credentials not found in native keychain")  # what it listens for, there
        sys.exit(1)
    print(json.dumps({{"ServerURL": server, "Username": login["username"],
                      "Secret": login["password"]}}))
"""
"""What the docker command asks for logins: so they are in no file."""


def main(path: str) -> int:
    """Do what the order says: the exit code of the docker command."""
    order = json.loads(Path(path).read_text())
    tools, context = Path("docker").resolve(), Path("code")
    (tools / "bin").mkdir(parents=True, exist_ok=True)
    context.mkdir(exist_ok=True)
    (tools / "config.json").write_text(json.dumps({"credsStore": "runyard"}))
    helper = tools / "bin" / "docker-credential-runyard"
    helper.write_text(_HELPER)
    helper.chmod(0o700)
    argv = [order["cli"], *_words(order), str(context)]
    try:
        return _build(argv, {**os.environ, **_variables(order["engine"], tools)})
    except OSError as error:
        _say(f"{argv[0]} cannot be started: {error.strerror}.")
        return 2


def _build(argv: Sequence[str], variables: Mapping[str, str]) -> int:
    """Let the command speak, and after its last word say what may help: its exit code."""
    last = ""
    with subprocess.Popen(
        argv, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as command:
        for line in command.stdout or ():
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            last = line.decode("utf-8", "replace").strip() or last
    if command.returncode and any(word in last for word in _DENIED):
        _say(f"{last.rstrip('.')}. {_LOGIN_HINT}")
    return command.returncode


def _say(sentence: str) -> None:
    print(sentence, flush=True)  # noqa: T201


def _words(order: Mapping[str, Any]) -> Iterator[str]:
    yield from ("build", "--progress=plain", "--file=order/Dockerfile", f"--tag={order['tag']}")
    if order.get("fresh"):
        yield "--no-cache"
    if platform := order["engine"].get("platform"):
        yield f"--platform={platform}"
    for name, value in order["labels"].items():
        yield f"--label={name}={value}"
    for name in order["secrets"]:
        yield f"--secret=id={name},env={name}"
    if order.get("authority"):
        yield f"--secret=id=SSL_CERT_FILE,src={AUTHORITY}"
    elif Path(os.environ.get("SSL_CERT_FILE", "")).is_file():
        yield f"--secret=id=SSL_CERT_FILE,src={os.environ['SSL_CERT_FILE']}"


def _variables(engine: Mapping[str, str], tools: Path) -> dict[str, str]:
    tls = engine.get("tls", "")
    return {
        "DOCKER_HOST": engine["address"],
        "DOCKER_BUILDKIT": "1",
        "DOCKER_CONFIG": str(tools),
        "PATH": f"{tools}/bin:{os.environ.get('PATH', os.defpath)}",
        **({"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": tls} if tls else {}),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
