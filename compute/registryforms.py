"""The form that keeps a login for a registry of images; the service judges what it says."""

from __future__ import annotations

from django import forms

from studio.forms import RefusableForm

_MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"}


class RegistryForm(RefusableForm):
    """A registry, and what it wants to hear. A password is never put into the page."""

    host = forms.CharField(
        max_length=255,
        label="Registry",
        widget=forms.TextInput(attrs={**_MONO, "placeholder": "registry.example.org:5000"}),
        help_text="Its host, with a port if it has one; docker.io for Docker Hub. One that is "
        "listed gets the new user name and password.",
    )
    username = forms.CharField(
        max_length=255, label="User name", widget=forms.TextInput(attrs=_MONO)
    )
    password = forms.CharField(
        strip=False,
        label="Password or token",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Kept encrypted and never shown again.",
    )
