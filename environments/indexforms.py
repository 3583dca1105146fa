"""The forms of the page that says where packages come from; the service judges what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.http import QueryDict

from environments.models import PackageIndex

_MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"}


class IndexForm(forms.Form):
    """Addresses, and what has to be trusted for them."""

    url = forms.CharField(
        label="Index",
        max_length=1000,
        widget=forms.TextInput(attrs={**_MONO, "placeholder": "https://pypi.example.org/simple"}),
        help_text="Asked last, for what the extra indexes lack.",
    )
    extra_urls = forms.CharField(
        required=False,
        label="Extra indexes",
        widget=forms.Textarea(attrs={**_MONO, "rows": 3}),
        help_text="One a line. A package that one of them has comes from there alone.",
    )
    authority = forms.CharField(
        required=False,
        label="Certificate of an authority",
        widget=forms.Textarea(
            attrs={**_MONO, "rows": 4, "placeholder": "-----BEGIN CERTIFICATE-----"}
        ),
        help_text="In PEM form; trusted beside the usual ones.",
    )

    def clean_extra_urls(self) -> list[str]:
        """A line each."""
        return str(self.cleaned_data["extra_urls"]).split()


class IndexCredentialsForm(forms.Form):
    """What one of the indexes asks for."""

    url = forms.ChoiceField(label="Index")
    username = forms.CharField(
        required=False,
        label="User name",
        widget=forms.TextInput(attrs=_MONO),
        help_text="Both empty: forget what is kept.",
    )
    password = forms.CharField(
        required=False,
        strip=False,
        label="Password or token",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Kept encrypted and never shown again.",
    )

    def __init__(self, *args: Any, urls: Sequence[str], **kwargs: Any) -> None:
        kwargs["auto_id"] = "id_credentials_%s"  # the other form of the page has a url too
        super().__init__(*args, **kwargs)
        field = cast("forms.ChoiceField", self.fields["url"])
        field.choices = [(url, url) for url in urls]

    def forget_password(self) -> None:
        """Leave the password out when the form is shown again."""
        shown = QueryDict(mutable=True)
        for name in self.data:
            shown[name] = "" if name == "password" else self.data[name]
        self.data = shown


def initial_index(found: PackageIndex | None) -> dict[str, str]:
    """The form as it was saved."""
    if found is None:
        return {}
    return {
        "url": found.url,
        "extra_urls": "\n".join(found.extra_urls),
        "authority": found.authority,
    }
