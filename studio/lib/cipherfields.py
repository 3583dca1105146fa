"""Columns that hold ciphertext: marked by their class, so that nothing encrypted is overlooked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _Text = models.TextField[str, str]
else:
    _Text = models.TextField


class CipherField(_Text):
    """One text that `studio.lib.vault` encrypted; empty for none."""

    def deconstruct(self) -> Any:
        """To the database, and so to migrations, it is a text like any other."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs


class CipherMapField(models.JSONField):
    """{name: ciphertext}."""

    def deconstruct(self) -> Any:
        """To the database, and so to migrations, it is JSON like any other."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs
