"""What is encrypted at all is encrypted anew with a new key: no column is overlooked."""

from __future__ import annotations

import json

from django.db.models import Model

from studio.services.rotation import cipher_columns
from tests.console.conftest import MODELS


def test_no_column_that_holds_ciphertext_is_forgotten(world: list[Model]) -> None:
    known = {(model, name) for model, names in cipher_columns() for name in names}
    found = {
        (model, name)
        for model in MODELS
        for row in model._default_manager.values()
        for name, value in row.items()
        if "gAAAA" in json.dumps(value, default=str)  # what is encrypted begins so
    }
    assert found == known
