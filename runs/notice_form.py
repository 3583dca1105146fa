"""The form of the notices page; the service judges what it says."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings

from runs.models import Notices
from runs.services.notices import notices_update
from studio.lib.refusal import Refused
from studio.models import User

_NO_MAIL = (
    "No mail is sent now: the owner of this studio has set no mail server (RUNYARD_EMAIL_URL)."
)


class NoticesForm(forms.Form):
    """Which ends, one address, one webhook."""

    only_failures = forms.ChoiceField(
        label="Tell me of",
        choices=[("", "every end"), ("1", "failures only")],
        required=False,
    )
    email = forms.CharField(label="E-mail to", required=False, max_length=254)
    webhook_url = forms.CharField(
        label="Webhook",
        required=False,
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "inputmode": "url",
                                      "autocomplete": "off"}),
    )  # fmt: skip
    remove_webhook = forms.BooleanField(label="Remove the webhook", required=False)

    def __init__(self, data: Any = None, *, wanted: Notices) -> None:
        super().__init__(
            data,
            initial={
                "only_failures": "1" if wanted.only_failures else "",
                "email": wanted.email,
            },
        )
        if not settings.SENDS_EMAIL:
            self.fields["email"].help_text = _NO_MAIL
        if wanted.webhook_host:
            self.fields[
                "webhook_url"
            ].help_text = f"Goes to {wanted.webhook_host}. Leave this empty to keep it."
        else:
            self.fields["webhook_url"].help_text = "A URL that takes a signed POST with JSON."
            del self.fields["remove_webhook"]

    def save(self, *, user: User) -> str | None:
        """The secret of a new webhook or ""; None after a refusal, which the form then shows."""
        values = self.cleaned_data
        try:
            return notices_update(
                user=user, **values | {"only_failures": bool(values["only_failures"])}
            )
        except Refused as error:
            self.add_error(error.field if error.field in self.fields else None, error.sentence)
            return None
