"""Sign-in links, tokens, and who may see and do what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from studio.lib.refusal import Forbidden, NotFound
from studio.models import ApiToken, LoginLink, Membership, Role, User, Workspace
from studio.selectors import require_role, role_of, workspace_for, workspaces_of
from studio.services import (
    instance_key,
    login_link_create,
    login_link_use,
    token_create,
    token_use,
    user_bootstrap,
)


def test_the_owner_is_made_once(alice: User) -> None:
    assert user_bootstrap() == alice
    assert User.objects.count() == Workspace.objects.count() == Membership.objects.count() == 1
    assert alice.is_superuser
    assert not alice.has_usable_password()


def test_the_instance_keeps_its_key(db: None) -> None:
    assert instance_key() == instance_key()
    assert len(instance_key()) == 8


class TestLinks:
    def test_a_link_signs_in_once(self, bob: User) -> None:
        token = login_link_create(user=bob)
        assert login_link_use(token=token) == bob
        with pytest.raises(NotFound, match="used already or is too old"):
            login_link_use(token=token)

    def test_a_link_grows_old(self, bob: User) -> None:
        token = login_link_create(user=bob, ttl_s=-1)
        with pytest.raises(NotFound):
            login_link_use(token=token)

    def test_an_unknown_link_is_refused_like_a_used_one(self, db: None) -> None:
        with pytest.raises(NotFound, match="used already or is too old"):
            login_link_use(token="never made")

    def test_a_link_of_somebody_who_left_is_refused(self, bob: User) -> None:
        token = login_link_create(user=bob)
        User.objects.filter(pk=bob.pk).update(is_active=False)
        with pytest.raises(NotFound):
            login_link_use(token=token)

    def test_only_the_digest_is_kept(self, bob: User) -> None:
        token = login_link_create(user=bob)
        assert token not in str(LoginLink.objects.values().get())

    def test_opening_it_spends_nothing_and_the_click_signs_in(self, bob: User, client: Any) -> None:
        path = f"/login/{login_link_create(user=bob)}/"
        assert client.get(path).status_code == 200
        assert "_auth_user_id" not in client.session
        assert client.post(path).status_code == 302
        assert client.session["_auth_user_id"] == str(bob.pk)
        assert client.post(path).status_code == 410


class TestTokens:
    def test_a_token_names_its_user_and_scope(self, bob: User) -> None:
        token = token_create(user=bob, name="laptop", scope=ApiToken.Scope.READ)
        found = token_use(secret=token)
        assert found is not None
        assert (found.user, found.scope) == (bob, "read")
        assert token_use(secret=f"{token}x") is None

    def test_only_the_digest_is_kept(self, bob: User) -> None:
        token = token_create(user=bob, name="laptop")
        kept = str(ApiToken.objects.values().get())
        assert token not in kept
        assert token.removeprefix("ry_") not in kept

    def test_a_token_expires(self, bob: User) -> None:
        now = timezone.now()
        old = token_create(user=bob, name="old", expires_at=now - timedelta(seconds=1))
        fresh = token_create(user=bob, name="fresh", expires_at=now + timedelta(hours=1))
        assert token_use(secret=old) is None
        assert token_use(secret=fresh) is not None

    def test_a_token_of_somebody_who_left_is_refused(self, bob: User) -> None:
        token = token_create(user=bob, name="laptop")
        User.objects.filter(pk=bob.pk).update(is_active=False)
        assert token_use(secret=token) is None

    def test_its_use_is_noted_at_most_once_a_minute(self, bob: User) -> None:
        token = token_create(user=bob, name="laptop")
        token_use(secret=token)
        first = ApiToken.objects.get().last_used_at
        assert first is not None
        token_use(secret=token)
        assert ApiToken.objects.get().last_used_at == first


class TestRoles:
    def test_everybody_sees_their_own_workspaces(
        self, alice: User, bob: User, vera: User, charlie: User
    ) -> None:
        seen = {
            user.username: [w.slug for w in workspaces_of(user=user).order_by("slug")]
            for user in (alice, bob, vera, charlie)
        }
        assert seen == {
            "owner": ["elsewhere", "main"],
            "bob": ["main"],
            "vera": ["main"],
            "charlie": ["elsewhere"],
        }

    def test_somebody_who_left_sees_nothing(self, alice: User) -> None:
        alice.is_active = False
        assert not workspaces_of(user=alice).exists()

    def test_a_stranger_learns_the_same_as_of_nothing(
        self, charlie: User, workspace: Workspace
    ) -> None:
        with pytest.raises(NotFound) as there:
            workspace_for(user=charlie, slug="main")
        with pytest.raises(NotFound) as nowhere:
            workspace_for(user=charlie, slug="mainly")
        assert there.value.sentence.replace("main", "mainly") == nowhere.value.sentence
        with pytest.raises(NotFound):
            require_role(charlie, workspace, Role.VIEWER)

    @pytest.mark.parametrize("who", ["alice", "bob", "vera"])
    @pytest.mark.parametrize("needed", list(Role))
    def test_a_role_includes_those_before_it(
        self, who: str, needed: Role, workspace: Workspace, request: pytest.FixtureRequest
    ) -> None:
        user = request.getfixturevalue(who)
        allowed = {
            "alice": {Role.VIEWER, Role.CONTRIBUTOR, Role.ADMIN},
            "bob": {Role.VIEWER, Role.CONTRIBUTOR},
            "vera": {Role.VIEWER},
        }[who]
        if needed in allowed:
            assert workspace_for(user=user, slug="main", role=needed) == workspace
        else:
            with pytest.raises(Forbidden, match=f"this needs an? {needed}"):
                workspace_for(user=user, slug="main", role=needed)

    def test_without_a_name_the_first_workspace_is_taken(self, bob: User) -> None:
        assert workspace_for(user=bob).slug == "main"

    def test_somebody_without_a_workspace_is_told_whom_to_ask(self, bob: User) -> None:
        Membership.objects.filter(user=bob).delete()
        with pytest.raises(NotFound, match="ask an admin"):
            workspace_for(user=bob)

    def test_roles_by_name(
        self, alice: User, vera: User, charlie: User, workspace: Workspace
    ) -> None:
        assert role_of(user=alice, workspace=workspace) == Role.ADMIN
        assert role_of(user=vera, workspace=workspace) == Role.VIEWER
        assert role_of(user=charlie, workspace=workspace) is None
