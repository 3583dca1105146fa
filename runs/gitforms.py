"""The form that adds what opens private repositories."""

from __future__ import annotations

from django import forms
from django.http import QueryDict

from runs.models import GitCredential

_MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "off"}


class CredentialForm(forms.Form):
    """A token or deploy key; the service judges what it says."""

    name = forms.CharField(max_length=64, help_text="What members call it.")
    kind = forms.ChoiceField(
        widget=forms.RadioSelect,
        initial=GitCredential.Kind.TOKEN,
        choices=[
            (GitCredential.Kind.TOKEN, "a token, for https addresses"),
            (GitCredential.Kind.SSH_KEY, "a deploy key, for ssh addresses"),
        ],
    )
    host = forms.CharField(
        max_length=255,
        widget=forms.TextInput(attrs={**_MONO, "placeholder": "git.example.org"}),
        help_text="It is sent nowhere else. With its port, if that is not the usual one.",
    )
    username = forms.CharField(
        required=False,
        label="User name",
        max_length=255,
        widget=forms.TextInput(attrs={**_MONO, "autocomplete": "off"}),
        help_text="Only some hosts ask for one. Empty: git.",
    )
    secret = forms.CharField(
        required=False,
        strip=False,
        max_length=16_384,
        widget=forms.Textarea(attrs={**_MONO, "rows": 4, "autocomplete": "off"}),
        label="Token or private key",
        help_text="Kept encrypted and never shown again. Empty for a deploy key: a new pair is "
        "made here, and you give its public half to the host.",
    )

    def forget_secret(self) -> None:
        """Leave the secret out when the form is shown again."""
        shown = QueryDict(mutable=True)
        for name in self.data:
            shown[name] = "" if name == "secret" else self.data[name]
        self.data = shown
