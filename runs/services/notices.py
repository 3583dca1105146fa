"""Asking for notices, and writing down what is to be sent when a run ends."""

from __future__ import annotations

import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from runs.models import Delivery, Notices, Run
from runs.selectors.notices import notices_of
from runs.states import Status
from runs.webhooks import secret_new, url_problem
from studio.lib.push import push
from studio.lib.queue import enqueue
from studio.lib.refusal import Refused
from studio.lib.vault import encrypt
from studio.models import User
from studio.selectors import role_of
from studio.services import audit

_URL_CHARACTERS = 1000
_BETWEEN_TESTS = timedelta(seconds=5)


@transaction.atomic
def notices_update(
    *,
    user: User,
    only_failures: bool,
    email: str,
    webhook_url: str = "",
    remove_webhook: bool = False,
) -> str:
    """Change where notices go: the secret of a webhook that is new, shown this once; else "".

    An empty `webhook_url` leaves the webhook as it is; another URL keeps the secret.

    Raises:
        Refused: nothing could be sent there.
    """
    wanted, _ = Notices.objects.select_for_update().get_or_create(user=user)
    _check_email(email)
    wanted.only_failures, wanted.email = only_failures, email
    secret = ""
    if remove_webhook:
        wanted.webhook_host = wanted.secret_url = wanted.secret_key = ""
    elif webhook_url:
        _check_url(webhook_url)
        wanted.webhook_host = urlsplit(webhook_url).netloc
        wanted.secret_url = encrypt(webhook_url)
        if not wanted.secret_key:
            secret = secret_new()
            wanted.secret_key = encrypt(secret)
    wanted.save()
    _drop(wanted)
    audit(user=user, workspace=None, action="notices.update", subject=user.username)
    return secret


@transaction.atomic
def notices_secret_renew(*, user: User) -> str:
    """Another secret for the webhook, shown this once; the old one signs nothing any more."""
    secret = secret_new()
    rows = Notices.objects.filter(user=user).exclude(webhook_host="")
    if not rows.update(secret_key=encrypt(secret)):
        raise Refused("There is no webhook to make a secret for: save its URL first.")
    audit(user=user, workspace=None, action="notices.secret", subject=user.username)
    return secret


@transaction.atomic
def notices_test(*, user: User, channel: str) -> Delivery:
    """Send a message that tells of no run, to see whether it arrives.

    Raises:
        Refused: there is nowhere to send it, or one was sent just now.
    """
    if channel not in channels_of(notices_of(user=user)):
        raise Refused("There is nowhere to send a test to: save a webhook or an address first.")
    tests = Delivery.objects.filter(user=user, channel=channel, run=None)
    if tests.filter(created_at__gt=timezone.now() - _BETWEEN_TESTS).exists():
        raise Refused("A test was sent just now: look at what came of it, then try again.")
    tests.delete()  # the last one is what one wants to know of
    return _write(user=user, channel=channel, run=None)


def channels_of(wanted: Notices) -> list[str]:
    """Over which channels somebody is told; without a mail server there is no e-mail."""
    return [
        channel
        for channel, is_on in (
            (Delivery.Channel.WEBHOOK.value, bool(wanted.webhook_host)),
            (Delivery.Channel.EMAIL.value, bool(wanted.email) and settings.SENDS_EMAIL),
        )
        if is_on
    ]


def _drop(wanted: Notices) -> None:
    """End the messages that have nowhere to go any more."""
    waiting = Delivery.objects.filter(user=wanted.user).exclude(next_at=None)
    if not wanted.webhook_host:
        waiting.filter(channel=Delivery.Channel.WEBHOOK).update(
            next_at=None, answer="The webhook was removed."
        )
    if not wanted.email:
        waiting.filter(channel=Delivery.Channel.EMAIL).update(
            next_at=None, answer="The address was removed."
        )


def run_announce(*, run_id: int, status: Status) -> None:
    """Tell whoever submitted a run that it ended: within the transaction of its last move.

    Open pages hear it once that commits; what goes elsewhere is a row a channel, which
    workers send as often as it takes.
    """
    run = Run.objects.select_related("submitted_by", "workspace").get(pk=run_id)
    user = run.submitted_by
    if user is None or not user.is_active or role_of(user=user, workspace=run.workspace) is None:
        return
    wanted = notices_of(user=user)
    if wanted.only_failures and status is not Status.FAILED:
        return
    push(f"user.{user.pk}", {"type": "run.ended", "run": run_id})
    for channel in channels_of(wanted):
        _write(user=user, channel=channel, run=run)


def _write(*, user: User, channel: str, run: Run | None) -> Delivery:
    delivery = Delivery.objects.create(
        user=user, run=run, channel=channel, uid=secrets.token_hex(12), next_at=Now()
    )
    enqueue("runs.jobs.deliver", delivery.pk)
    push(f"user.{user.pk}", {"type": "notice.changed"})
    return delivery


def _check_url(url: str) -> None:
    problem = url_problem(url, allowed=settings.WEBHOOK_NETWORKS)
    if not problem and (len(url) > _URL_CHARACTERS or len(urlsplit(url).netloc) > 255):
        problem = f"it is longer than {_URL_CHARACTERS:,} characters, or its host than 255"
    if problem:
        raise Refused(f"This URL cannot be posted to: {problem}.", field="webhook_url")


def _check_email(email: str) -> None:
    if not email:
        return
    try:
        validate_email(email)
    except ValidationError as error:
        raise Refused(f"'{email}' is no e-mail address: correct it.", field="email") from error
