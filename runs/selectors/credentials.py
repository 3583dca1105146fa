"""Finding what opens private repositories; never a secret."""

from __future__ import annotations

import base64
import difflib
import hashlib

from django.db.models import QuerySet

from runs.giturls import HTTPS, LOCAL, Address
from runs.models import GitCredential, GitHost
from studio.lib.refusal import NotFound, Refused
from studio.models import User, Workspace
from studio.selectors import workspaces_of


def credential_list(*, user: User, workspace: Workspace) -> QuerySet[GitCredential]:
    """The workspace's credentials by name, without their secrets."""
    rows = GitCredential.objects.filter(workspace__in=workspaces_of(user=user))
    return rows.filter(workspace=workspace).defer("secret")


def credential_names(*, user: User, workspace: Workspace) -> list[str]:
    """What forms offer."""
    return list(credential_list(user=user, workspace=workspace).values_list("name", flat=True))


def host_list(*, user: User, workspace: Workspace) -> QuerySet[GitHost]:
    """The SSH hosts that the workspace knows by their keys."""
    rows = GitHost.objects.filter(workspace__in=workspaces_of(user=user))
    return rows.filter(workspace=workspace)


def credential_get(*, workspace: Workspace, name: str) -> GitCredential:
    """A credential by its name.

    Raises:
        NotFound: there is none; the sentence names one that is near.
    """
    rows = GitCredential.objects.filter(workspace=workspace)
    found = rows.filter(name=name).first()
    if found is None:
        names = list(rows.values_list("name", flat=True))
        near = difflib.get_close_matches(name, names, n=1) or names[:5]
        hint = f"there is {', '.join(near)}." if near else "the workspace has none."
        raise NotFound(f"There is no credential '{name[:64]}': {hint}", field="credential")
    return found


def credential_for(*, workspace: Workspace, address: Address, name: str) -> GitCredential | None:
    """What opens the repository: the named credential, else the one for its host, if any.

    Raises:
        Refused: the named one is for another host or kind of address, or several fit.
    """
    if address.kind == LOCAL:
        return None
    kind = GitCredential.Kind.TOKEN if address.kind == HTTPS else GitCredential.Kind.SSH_KEY
    if name:
        found = credential_get(workspace=workspace, name=name)
        if (found.host, found.kind) != (address.host, kind):
            raise Refused(
                f"The credential '{name}' is a {found.get_kind_display()} for {found.host} and is "
                f"not used for {address.url}: that needs a {kind.label} for {address.host}.",
                field="credential",
            )
        return found
    fitting = list(
        GitCredential.objects.filter(workspace=workspace, host=address.host, kind=kind)[:6]
    )
    if len(fitting) > 1:
        names = ", ".join(row.name for row in fitting[:5])
        raise Refused(
            f"Several credentials are for {address.host}: name one of {names}.",
            field="credential",
        )
    return fitting[0] if fitting else None


def fingerprint(key: str) -> str:
    """A public key as ssh shows it: SHA256:… of its base64."""
    digest = hashlib.sha256(base64.b64decode(key)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
