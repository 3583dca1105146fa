"""Writing about people: accounts, links, tokens, workspaces, and the instance itself."""

from studio.services.access import access_changed, user_seen
from studio.services.audit import audit
from studio.services.instance import instance_key, user_bootstrap
from studio.services.links import login_link_create, login_link_use
from studio.services.passwords import password_set, password_verify
from studio.services.people import (
    NewMember,
    member_add,
    member_change,
    member_link,
    member_remove,
)
from studio.services.secrets import secret_forget, secret_set, secret_values
from studio.services.tokens import (
    NewToken,
    token_create,
    token_issue,
    token_revoke,
    token_use,
)

__all__ = [
    "NewMember",
    "NewToken",
    "access_changed",
    "audit",
    "instance_key",
    "login_link_create",
    "login_link_use",
    "member_add",
    "member_change",
    "member_link",
    "member_remove",
    "password_set",
    "password_verify",
    "secret_forget",
    "secret_set",
    "secret_values",
    "token_create",
    "token_issue",
    "token_revoke",
    "token_use",
    "user_bootstrap",
    "user_seen",
]
