"""The form that keeps a secret of the workspace."""

from __future__ import annotations

from django import forms
from django.http import QueryDict

_MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"}


class SecretForm(forms.Form):
    """A name and a value; the service judges them."""

    name = forms.CharField(
        max_length=64,
        widget=forms.TextInput(attrs={**_MONO, "placeholder": "HUB_TOKEN"}),
        help_text="The variable that a run finds it in. The name of one that exists replaces its "
        "value.",
    )
    value = forms.CharField(
        strip=False,
        widget=forms.Textarea(attrs={**_MONO, "rows": 3}),
        help_text="Kept encrypted and never shown again. A last line break is left out.",
    )

    def forget_value(self) -> None:
        """Leave the value out when the form is shown again."""
        shown = QueryDict(mutable=True)
        for name in self.data:
            shown[name] = "" if name == "value" else self.data[name]
        self.data = shown
