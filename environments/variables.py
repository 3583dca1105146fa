"""Environment variables and secrets that every run in an environment is given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from environments.quoting import short
from studio.lib.refusal import Refused

MAX_VARIABLES = 200
_MAX_CHARACTERS = 32 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OWN = re.compile(r"PATH|PYTHONPATH|VIRTUAL_ENV|CUDA_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|RUNYARD_\w+")
"""What the studio sets itself."""
_SECRET_WORDS = frozenset(
    (
        "APIKEY", "CREDENTIAL", "CREDENTIALS", "KEY", "PASS", "PASSPHRASE", "PASSWD", "PASSWORD",
        "PWD", "SECRET", "SECRETS", "TOKEN",
    )
)  # fmt: skip


def variables_check(variables: Mapping[str, str]) -> dict[str, str]:
    """The same, by name, if each can be given to a command and none looks like a secret.

    Everybody in the workspace can read them, so a secret belongs among the secrets.

    Raises:
        Refused: names the variable and what to do instead.
    """
    if len(variables) > MAX_VARIABLES:
        raise _refused(f"{len(variables)} variables are too many: {MAX_VARIABLES} at most.")
    for name, value in variables.items():
        _check_name(name)
        if _OWN.fullmatch(name):
            raise _refused(f"The studio sets {name} itself: leave it out.")
        if looks_secret(name):
            raise _refused(
                f"The name {name} is that of a secret, and everybody in the workspace can read "
                "variables: keep it as a secret of the workspace and name it among the secrets."
            )
        if "\0" in value or len(value) > _MAX_CHARACTERS:
            raise _refused(
                f"The variable {name} contains a NUL character: remove it."
                if "\0" in value
                else f"The variable {name} is {len(value):,} characters long: "
                f"{_MAX_CHARACTERS:,} at most."
            )
    return dict(sorted(variables.items()))


def secrets_check(names: Sequence[str], variables: Mapping[str, str]) -> list[str]:
    """Names of secrets of the workspace, each once; a run gets them as variables of that name.

    Raises:
        Refused: one cannot name a variable, or is a variable already.
    """
    for name in names:
        _check_name(name, field="secrets")
        if _OWN.fullmatch(name):
            raise _refused(f"The studio sets {name} itself: leave it out.", field="secrets")
        if name in variables:
            raise _refused(
                f"{name} is a variable and a secret at once: leave one of them out.",
                field="secrets",
            )
    return sorted(set(names))


def looks_secret(name: str) -> bool:
    """Whether one of the words in a name is that of a secret; TOKENIZERS_… is none."""
    return not _SECRET_WORDS.isdisjoint(name.upper().split("_"))


def _check_name(name: str, *, field: str = "variables") -> None:
    if not _NAME.fullmatch(name):
        raise _refused(
            f"'{short(name)}' cannot be the name of an environment variable: use letters, digits "
            "and _, and do not begin with a digit.",
            field=field,
        )


def _refused(sentence: str, *, field: str = "variables") -> Refused:
    return Refused(sentence, field=field)
