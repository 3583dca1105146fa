"""Writing what opens private repositories: admins only, and the secret is never read back."""

from __future__ import annotations

import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from django.db import transaction

from runs.giturls import HTTPS, SSH, GitRefused, read_address
from runs.models import GitCredential, GitHost
from runs.selectors.credentials import credential_get
from studio.lib.refusal import NotFound, Refused
from studio.lib.vault import encrypt
from studio.models import Role, User, Workspace
from studio.selectors import require_role
from studio.services import audit

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_USERNAME = re.compile(r"[A-Za-z0-9_.@+-]{1,255}")
_ANYBODY = "git"
"""Most hosts read the token alone and take any user name."""
_MAX_SECRET = 16_384


@transaction.atomic
def credential_add(
    *,
    user: User,
    workspace: Workspace,
    name: str,
    kind: str,
    host: str,
    username: str = "",
    secret: str = "",
) -> GitCredential:
    """Keep a token or deploy key for one host, encrypted.

    Without a secret a deploy key is made here: only its public half ever leaves.

    Raises:
        Refused: a value cannot work; `field` names it.
        Forbidden: the user is no admin of the workspace.
    """
    require_role(user, workspace, Role.ADMIN)
    if kind not in GitCredential.Kind.values:
        raise Refused(
            f"'{kind[:40]}' is no kind of credential: choose token or ssh_key.", field="kind"
        )
    public_key = ""
    if kind == GitCredential.Kind.SSH_KEY:
        secret, public_key = _checked_key(secret, name)
        username = ""
    else:
        secret, username = _checked_token(secret), _checked_username(username)
    credential = GitCredential.objects.create(
        workspace=workspace,
        name=_checked_name(workspace, name),
        kind=kind,
        host=_checked_host(host, kind),
        username=username,
        secret=encrypt(secret),
        public_key=public_key,
        created_by=user,
    )
    audit(user=user, workspace=workspace, action="credential.add", subject=credential.name)
    return credential


@transaction.atomic
def credential_remove(*, user: User, workspace: Workspace, name: str) -> None:
    """Forget a credential; what was imported with it stays.

    Raises:
        NotFound: there is none of this name.
    """
    require_role(user, workspace, Role.ADMIN)
    credential = credential_get(workspace=workspace, name=name)
    credential.delete()
    audit(user=user, workspace=workspace, action="credential.remove", subject=name)


@transaction.atomic
def host_forget(*, user: User, workspace: Workspace, host_id: int) -> GitHost:
    """Forget the key of an SSH host: the next one that it shows is pinned.

    Raises:
        NotFound: it is not known.
    """
    require_role(user, workspace, Role.ADMIN)
    host = GitHost.objects.filter(workspace=workspace, pk=host_id).first()
    if host is None:
        raise NotFound("This host is not among those whose keys are known.")
    host.delete()
    audit(user=user, workspace=workspace, action="host.forget", subject=str(host))
    return host


def _checked_name(workspace: Workspace, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refused(
            f"'{name[:80]}' cannot name a credential: begin with a letter or digit, then letters, "
            "digits and - _ . (64 at most).",
            field="name",
        )
    if GitCredential.objects.filter(workspace=workspace, name=name).exists():
        raise Refused(
            f"There is a credential '{name}' already: choose another name, or remove that one.",
            field="name",
        )
    return name


def _checked_host(host: str, kind: str) -> str:
    """The host as addresses are compared with it; a whole address of a repository will do."""
    given = host.strip()
    scheme = HTTPS if kind == GitCredential.Kind.TOKEN else SSH
    is_bare = "/" not in given and "@" not in given
    try:
        address = read_address(f"{scheme}://{given}/x" if is_bare else given)
    except GitRefused as error:
        raise Refused(
            f"'{given[:100]}' is no host: write it like example.org or example.org:8443."
            if is_bare
            else str(error),
            field="host",
        ) from error
    if address.kind != scheme:
        raise Refused(
            f"A {GitCredential.Kind(kind).label} is for {scheme} addresses: '{given[:100]}' is "
            "none.",
            field="host",
        )
    return address.host


def _checked_username(username: str) -> str:
    username = username.strip() or _ANYBODY
    if not _USERNAME.fullmatch(username):
        raise Refused(
            "The user name has characters that are none of letters, digits and _ . @ + -.",
            field="username",
        )
    return username


def _checked_token(secret: str) -> str:
    secret = secret.strip()
    if not secret:
        raise Refused("The token is empty: paste the one that the host gave you.", field="secret")
    if len(secret) > _MAX_SECRET or not secret.isprintable() or " " in secret:
        raise Refused(
            "The token holds spaces, line breaks or other characters that no token has: copy it "
            "once more.",
            field="secret",
        )
    return secret


def _checked_key(secret: str, name: str) -> tuple[str, str]:
    """(private key as OpenSSH writes it, public key as hosts want it); a new pair for nothing."""
    key = _read_key(secret) if secret.strip() else Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return private, f"{public} runyard-{name}"


def _read_key(secret: str) -> Ed25519PrivateKey:
    text = secret.strip().replace("\r\n", "\n").encode() + b"\n"
    is_ssh = b"BEGIN OPENSSH" in text
    try:
        key = load_ssh_private_key(text, None) if is_ssh else load_pem_private_key(text, None)
    except TypeError as error:
        raise Refused(
            "The key is protected by a passphrase, which nobody could type here: make one without "
            "(ssh-keygen -N ''), or leave the field empty and the studio makes one.",
            field="secret",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refused(
            "This is no private SSH key: paste the whole file, from BEGIN to END, or leave the "
            "field empty and the studio makes one.",
            field="secret",
        ) from error
    return key  # type: ignore[return-value]
