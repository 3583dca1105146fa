"""Sending what is due, once more after a growing pause, until it arrives or is given up.

A try begins by moving the row's next time into the future. So two workers never send the
same message at once, and after the death of one the sweep finds the row due again: a
message arrives at least once, under the same id.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from runs.models import Delivery, MetricSeries
from runs.selectors.notices import notices_of
from runs.services.move import run_note
from runs.webhooks import NotSent, post, signed
from studio.lib.address import studio_url
from studio.lib.push import push
from studio.lib.vault import decrypt

PAUSES = tuple(
    timedelta(seconds=s) for s in (30, 120, 600, 1800, 2 * 3600, 6 * 3600, 12 * 3600, 24 * 3600)
)
"""After the first try, the second, and so on; then it is given up, after two days in all."""
_HELD = timedelta(seconds=90)
"""Longer than a try may take: until then the message of a worker that died stays untouched."""
_TYPE = "run.ended"


def delivery_send(*, delivery_id: int) -> None:
    """Try to deliver a message if it is due; may be called any number of times at once."""
    due = Delivery.objects.filter(pk=delivery_id, next_at__lte=Now())
    if not due.update(attempts=F("attempts") + 1, next_at=Now() + _HELD):
        return
    delivery = Delivery.objects.select_related(
        "user", "run__experiment", "run__target", "run__workspace"
    ).get(pk=delivery_id)
    if delivery.attempts > len(PAUSES) + 1:
        _failed(delivery, "The tries ended without an answer.")
        return
    try:
        answer = _WAYS[delivery.channel](delivery)
    except NotSent as error:
        _failed(delivery, str(error))
    else:
        _arrived(delivery, answer)


def _post(delivery: Delivery) -> str:
    wanted = notices_of(user=delivery.user)
    if not wanted.webhook_host:
        raise NotSent("There is no webhook.")
    try:
        url, secret = decrypt(wanted.secret_url), decrypt(wanted.secret_key)
    except ValueError as error:
        raise NotSent("The webhook was encrypted with another key: save it again.") from error
    body = json.dumps(_message(delivery), separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"Runyard/{settings.VERSION}"}
    headers |= signed(secret, uid=delivery.uid, timestamp=int(time.time()), body=body)
    status = post(url, headers=headers, body=body, allowed=settings.WEBHOOK_NETWORKS)
    said = f"{wanted.webhook_host} answered {status}"
    if 300 <= status < 400:
        raise NotSent(f"{said}: redirects are not followed, so give the URL that it leads to.")
    if not 200 <= status < 300:
        raise NotSent(f"{said}.")
    return f"{said}."


def _mail(delivery: Delivery) -> str:
    address = notices_of(user=delivery.user).email
    if not address or not settings.SENDS_EMAIL:
        raise NotSent("There is no address, or the studio has no mail server.")
    headers = {"Message-ID": f"<{delivery.uid}@runyard>", "Auto-Submitted": "auto-generated"}
    subject, body = _letter(delivery)
    try:
        EmailMessage(subject, body, to=[address], headers=headers).send()
    except SMTPException as error:
        raise NotSent(f"The mail server refused it: {type(error).__name__}.") from error
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise NotSent(f"The mail server cannot be reached: {why}.") from error
    return f"The mail server took it for {address}."


_WAYS = {Delivery.Channel.WEBHOOK.value: _post, Delivery.Channel.EMAIL.value: _mail}


def _message(delivery: Delivery) -> dict[str, Any]:
    """The body of a webhook: what happened, when it was written down, and to what."""
    run = delivery.run
    message: dict[str, Any] = {
        "type": _TYPE if run else "test",
        "timestamp": delivery.created_at.isoformat(),
    }
    if run is None:
        return message | {"data": {"sentence": "This is a test: no run ended."}}
    times = {name: getattr(run, name) for name in ("created_at", "started_at", "ended_at")}
    return message | {
        "data": {
            "run": run.pk,
            "name": run.name,
            "experiment": run.experiment.name,
            "target": run.target.name,
            "workspace": run.workspace.slug,
            "status": run.status,
            "reason": run.end_reason,
            "exit_code": run.exit_code,
            "sentence": run.end_sentence,
            "error": run.error,
            "url": _page(delivery),
            **{name: moment and moment.isoformat() for name, moment in times.items()},
            "metrics": {series.name: _last(series) for series in run.series.all()},
        }
    }


def _letter(delivery: Delivery) -> tuple[str, str]:
    """Subject and text of an e-mail."""
    run = delivery.run
    foot = f"You asked for this on {studio_url(reverse('runs:notices'))}\n"
    if run is None:
        return "Runyard: a test", f"This is a test: no run ended.\n\n{foot}"
    subject = " ".join(f"Run {run.pk} {run.status}: {run.name}".split())[:200]
    lines = [run.end_sentence, ""]
    lines += [run.error, ""] if run.error else []
    lines += [f"{run.experiment.name} on {run.target.name}", _page(delivery), ""]
    lines += [f"{series.name} = {_last(series)}" for series in run.series.all()]
    return subject, "\n".join([*lines, "", foot])


def _page(delivery: Delivery) -> str:
    return studio_url(reverse("runs:detail", args=[delivery.run_id]))


def _last(series: MetricSeries) -> float | str | None:
    """Its last value; JSON has no number for NaN and the infinities."""
    value = series.last
    is_plain = value is None or abs(value) < float("inf")
    return series.text or (value if is_plain else str(value))


@transaction.atomic
def _arrived(delivery: Delivery, answer: str) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(
        delivered_at=timezone.now(), next_at=None, answer=answer
    )
    _tell(delivery, answer)


@transaction.atomic
def _failed(delivery: Delivery, answer: str) -> None:
    """Note the failure and when it is tried again; what goes the same way waits a little too."""
    pause = PAUSES[delivery.attempts - 1] if delivery.attempts <= len(PAUSES) else None
    again = timezone.now() + pause if pause else None
    Delivery.objects.filter(pk=delivery.pk).update(next_at=again, answer=answer)
    if again:
        others = Delivery.objects.filter(user=delivery.user, channel=delivery.channel)
        soon = timezone.now() + PAUSES[0]
        others.filter(next_at__lt=soon).update(next_at=soon)
        _tell(delivery, f"{answer} The next try is at {again:%Y-%m-%d %H:%M:%S} UTC.")
    else:
        _tell(delivery, f"{answer} It was tried {delivery.attempts} times and is given up.")


def _tell(delivery: Delivery, sentence: str) -> None:
    """Say it where people look: on the page of notices, and in the history of the run."""
    push(f"user.{delivery.user_id}", {"type": "notice.changed"})
    if delivery.run_id:
        text = f"{delivery.get_channel_display().capitalize()} to {delivery.user}: {sentence}"
        run_note(run_id=delivery.run_id, kind="notice", text=text)
