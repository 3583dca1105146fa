"""Writing where a workspace's packages come from: admins only; passwords are never read back."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from environments.indexes import (
    MOST,
    authority_problem,
    index_check,
    password_problem,
    url_problem,
)
from environments.models import PackageIndex
from environments.selectors import index_list
from studio.lib.refusal import NotFound, Refused
from studio.lib.vault import encrypt
from studio.models import Role, User, Workspace
from studio.selectors import require_role
from studio.services import audit

_MAX_AUTHORITY = 256 << 10
_MAX_WORD = 4096


@transaction.atomic
def index_set(
    *,
    user: User,
    workspace: Workspace,
    url: str,
    extra_urls: Sequence[str] = (),
    authority: str = "",
) -> PackageIndex:
    """Have the packages of a workspace come from these indexes; known credentials stay theirs.

    Raises:
        Refused: an address or the certificate cannot be used; `field` says which.
        Forbidden: the user is no admin of the workspace.
    """
    require_role(user, workspace, Role.ADMIN)
    urls = _checked_urls(url, extra_urls)
    authority = authority.strip().replace("\r\n", "\n")
    if len(authority) > _MAX_AUTHORITY:
        raise Refused(
            "The certificates are larger than 256 KiB: keep those needed.", field="authority"
        )
    if authority and (problem := authority_problem(authority)):
        raise Refused(problem, field="authority")
    known = PackageIndex.objects.filter(workspace=workspace).first()
    usernames, passwords = (known.usernames, known.passwords) if known else ({}, {})
    found, _ = PackageIndex.objects.update_or_create(
        workspace=workspace,
        defaults={
            "url": urls[0],
            "extra_urls": urls[1:],
            "authority": f"{authority}\n" if authority else "",
            "usernames": {each: usernames[each] for each in urls if each in usernames},
            "passwords": {each: passwords[each] for each in urls if each in passwords},
            "changed_by": user,
            "changed_at": timezone.now(),
        },
    )
    audit(user=user, workspace=workspace, action="index.set", subject=urls[0][:200])
    return found


@transaction.atomic
def index_credentials(
    *, user: User, workspace: Workspace, url: str, username: str, password: str
) -> PackageIndex:
    """Keep what one index asks for, the password encrypted; two empty ones forget it.

    Raises:
        NotFound: it is none of the workspace's indexes.
        Refused: the password would travel in the clear, or cannot be sent.
        Forbidden: the user is no admin of the workspace.
    """
    require_role(user, workspace, Role.ADMIN)
    found = PackageIndex.objects.select_for_update().filter(workspace=workspace).first()
    if found is None or url not in found.urls:
        raise NotFound(
            "This is none of the workspace's package indexes: add it first.", field="url"
        )
    found.usernames.pop(url, None)
    found.passwords.pop(url, None)
    if username or password:
        if problem := password_problem(url):
            raise Refused(problem, field="url")
        _check_words(username, password)
        found.usernames[url] = username
        found.passwords[url] = encrypt(password)
    found.changed_by, found.changed_at = user, timezone.now()
    found.save()
    audit(user=user, workspace=workspace, action="index.credentials", subject=url[:200])
    return found


@transaction.atomic
def index_remove(*, user: User, workspace: Workspace) -> None:
    """Have packages come from where the studio itself gets them; environments that exist stay.

    Raises:
        NotFound: nothing was set.
        Forbidden: the user is no admin of the workspace.
    """
    require_role(user, workspace, Role.ADMIN)
    deleted, _ = PackageIndex.objects.filter(workspace=workspace).delete()
    if not deleted:
        raise NotFound("The workspace has no package index of its own.")
    audit(user=user, workspace=workspace, action="index.remove", subject=workspace.slug)


def index_try(*, user: User, workspace: Workspace) -> list[tuple[str, bool, str]]:
    """Ask each index from the studio's machine: (address, whether it works, a sentence).

    Raises:
        NotFound: nothing was set.
        Forbidden: the user is no admin of the workspace.
    """
    require_role(user, workspace, Role.ADMIN)
    indexes, authority = index_list(workspace=workspace)
    if not indexes:
        raise NotFound("The workspace has no package index of its own: save one first.")
    return [(index.url, *index_check(index, authority)) for index in indexes]


def _checked_urls(url: str, extra_urls: Sequence[str]) -> list[str]:
    urls = [url.strip(), *(each.strip() for each in extra_urls if each.strip())]
    for number, each in enumerate(urls):
        if problem := url_problem(each):
            raise Refused(problem, field="extra_urls" if number else "url")
    if len(urls) > MOST:
        raise Refused(f"{len(urls)} indexes are too many: {MOST} at most.", field="extra_urls")
    if len(set(urls)) < len(urls):
        raise Refused("One of the indexes is given twice: leave one out.", field="extra_urls")
    return urls


def _check_words(username: str, password: str) -> None:
    for name, word in (("username", username), ("password", password)):
        if len(word) > _MAX_WORD or not word.isprintable():
            raise Refused(
                f"The {'user name' if name == 'username' else name} has characters that cannot be "
                f"sent, or more than {_MAX_WORD:,} of them.",
                field=name,
            )
    if ":" in username:
        raise Refused("A user name cannot hold a colon: give the password apart.", field="username")
