"""Colleagues: who belongs to a workspace, and as what. Only its admins change that."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import Membership, Role, User, Workspace
from studio.selectors import require_role, workspaces_of
from studio.services.access import access_changed
from studio.services.audit import audit
from studio.services.links import INVITATION_S, login_link_create


@dataclass(frozen=True)
class NewMember:
    """A member, and the secret of their sign-in link; "" for who has an account already."""

    member: Membership
    link: str


@transaction.atomic
def member_add(
    *, by: User, workspace: Workspace, name: str, role: str, email: str = ""
) -> NewMember:
    """Let somebody into the workspace. Who has no account gets one, with a link to sign in.

    Who has one, from another workspace, keeps it and signs in as before: an admin of one
    workspace never gets a key to another.

    Raises:
        Refused: the name, role or e-mail cannot be, or they are a member already.
        Forbidden, NotFound: `by` is no admin here.
    """
    _lock(by, workspace)
    name, email, role = User.normalize_username(name.strip()), email.strip(), _role(role)
    _require_name(name)
    user = User.objects.filter(username__iexact=name).first()
    if user is not None and workspace.memberships.filter(user=user).exists():
        raise Refused(
            f"{user.username} is a member of {workspace.name} already: change the role instead.",
            field="name",
        )
    is_new = user is None
    user = user or _user_create(name, email)
    member = Membership.objects.create(user=user, workspace=workspace, role=role)
    subject = f"{user.username} as {role}"
    audit(user=by, workspace=workspace, action="person.add", subject=subject)
    link = login_link_create(user=user, ttl_s=INVITATION_S) if is_new else ""
    return NewMember(member, link)


@transaction.atomic
def member_change(*, by: User, workspace: Workspace, name: str, role: str) -> Membership:
    """Give a member another role.

    Raises:
        Refused: they are the last admin, or there is no such role.
        Forbidden: they own the studio, or `by` is no admin here.
        NotFound: there is no such member.
    """
    _lock(by, workspace)
    member, role = member_get(workspace, name), _role(role)
    if role != Role.ADMIN:
        _require_replaceable(member)
    if member.role != role:
        member.role = role
        member.save(update_fields=["role"])
        subject = f"{member.user.username} to {role}"
        audit(user=by, workspace=workspace, action="person.role", subject=subject)
        access_changed(user=member.user)
    return member


@transaction.atomic
def member_remove(*, by: User, workspace: Workspace, name: str) -> None:
    """Take a member out of the workspace; at once they see nothing of it any more.

    Their account and what they ran stay.

    Raises:
        Refused: they are the last admin.
        Forbidden: they own the studio, or `by` is no admin here.
        NotFound: there is no such member.
    """
    _lock(by, workspace)
    member = member_get(workspace, name)
    _require_replaceable(member)
    member.delete()
    audit(user=by, workspace=workspace, action="person.remove", subject=member.user.username)
    access_changed(user=member.user)


@transaction.atomic
def member_link(*, by: User, workspace: Workspace, name: str) -> str:
    """The secret of a new sign-in link for a member.

    Raises:
        Forbidden: it would open more than `by` looks after; the sentence says who can.
        NotFound: there is no such member.
    """
    _lock(by, workspace)
    user = member_get(workspace, name).user
    if not by.is_superuser:
        _require_no_more(by, user)
    audit(user=by, workspace=workspace, action="person.link", subject=user.username)
    return login_link_create(user=user, ttl_s=INVITATION_S)


def member_get(workspace: Workspace, name: str) -> Membership:
    """The member of that name.

    Raises:
        NotFound: there is none.
    """
    member = workspace.memberships.select_related("user").filter(user__username=name).first()
    if member is None:
        raise NotFound(f"{workspace.name} has no member '{name}'.")
    return member


def _lock(by: User, workspace: Workspace) -> None:
    """One change of a workspace's people at a time: two admins cannot remove each other."""
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    require_role(by, workspace, Role.ADMIN)


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        known = ", ".join(Role.values)
        raise Refused(f"There is no role '{text}': it is one of {known}.", field="role") from error


def _require_name(name: str) -> None:
    try:
        User._meta.get_field("username").clean(name, None)
    except ValidationError as error:
        raise Refused(
            f"'{name}' cannot be a name: use 1 to 150 letters, digits and @ . + - _, like ada.",
            field="name",
        ) from error


def _user_create(name: str, email: str) -> User:
    user = User(username=name, email=email)
    user.set_unusable_password()
    try:
        validate_email(email or "nobody@example.org")
        with transaction.atomic():
            user.save()
    except ValidationError as error:
        raise Refused(f"'{email}' is no e-mail address.", field="email") from error
    except IntegrityError as error:
        raise Refused(f"Somebody else has just added '{name}': try again.", field="name") from error
    return user


def _require_replaceable(member: Membership) -> None:
    if member.user.is_superuser:
        raise Forbidden(f"{member.user.username} owns this studio and stays an admin everywhere.")
    others = member.workspace.memberships.filter(role=Role.ADMIN, user__is_active=True)
    if member.role == Role.ADMIN and not others.exclude(pk=member.pk).exists():
        raise Refused(
            f"{member.user.username} is the last admin of {member.workspace.name}: make somebody "
            "else an admin first."
        )


def _require_no_more(by: User, user: User) -> None:
    """A link is a key to all that its user may do: only who looks after all of that makes one."""
    looked_after = by.memberships.filter(role=Role.ADMIN).values("workspace")
    if user.is_superuser or user.is_staff:
        raise Forbidden(
            f"{user.username} owns this studio: `manage.py login_link` on its machine makes a link."
        )
    if workspaces_of(user=user).exclude(pk__in=looked_after).exists():
        raise Forbidden(
            f"{user.username} belongs to workspaces that you are no admin of: only the owner of "
            "this studio can give them a link."
        )
