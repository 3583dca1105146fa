"""Forms about people. The services check what is entered and say what is wrong."""

from __future__ import annotations

from typing import Any

from django import forms

from studio.lib.refusal import Refused
from studio.models import ApiToken, Role

_LIVES = (
    ("7", "7 days"),
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "a year"),
    ("", "until revoked"),
)


class RefusableForm(forms.Form):
    """A form that shows what a service refuses, beside the field that it is about."""

    def refuse(self, error: Refused) -> None:
        self.add_error(error.field if error.field in self.fields else None, error.sentence)


class SignInForm(RefusableForm):
    name = forms.CharField(
        max_length=150,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        ),
    )
    password = forms.CharField(
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class PasswordForm(RefusableForm):
    """A new password, and the old one if there is one that the person must know."""

    old = forms.CharField(
        label="Password now",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    password = forms.CharField(
        label="New password",
        strip=False,
        max_length=4096,
        help_text="at least 8 characters, not only digits, and none of the common ones",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="The same again",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, asks_old: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not asks_old:
            del self.fields["old"]

    def clean_again(self) -> str:
        again: str = self.cleaned_data["again"]
        if again != self.cleaned_data.get("password"):
            raise forms.ValidationError("The two new passwords differ: type the same one twice.")
        return again


class TokenForm(RefusableForm):
    name = forms.CharField(max_length=100, help_text="what it is for, like laptop or nightly")
    scope = forms.ChoiceField(
        label="It may", choices=ApiToken.Scope.choices, initial=ApiToken.Scope.SUBMIT
    )
    days = forms.TypedChoiceField(
        label="It lives", choices=_LIVES, initial="90", required=False, coerce=int, empty_value=None
    )


class MemberForm(RefusableForm):
    name = forms.CharField(max_length=150, help_text="how they sign in: letters, digits, @ . + - _")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.CONTRIBUTOR)
    email = forms.CharField(label="E-mail", required=False, help_text="may stay empty")
