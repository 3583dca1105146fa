"""The GPUs of a target as an admin writes them down: by index or by UUID."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from studio.lib.refusal import Refused

_INDEX = re.compile(r"[0-9]{1,3}")
_UUID = re.compile(r"(GPU|MIG)-[A-Za-z0-9/-]{4,90}")
_HOW = "list indexes, like 0,1,2,3, or UUIDs as 'nvidia-smi -L' prints them, or write none."


def gpus_declared(text: str) -> list[str] | None:
    """The GPUs in a declaration, in its order; [] for "none", None for "" (ask the machine).

    Raises:
        Refused: it is no list, or one GPU might stand in it twice.
    """
    words = text.replace(",", " ").split()
    if not words:
        return None
    if [word.lower() for word in words] == ["none"]:
        return []
    indexes = [word for word in words if _INDEX.fullmatch(word)]
    wrong = next((w for w in words if w not in indexes and not _UUID.fullmatch(w)), None)
    if wrong is not None:
        raise Refused(f"'{wrong[:100]}' is no GPU: {_HOW}", field="gpus")
    if indexes and len(indexes) < len(words):
        raise Refused(
            f"{indexes[0]} is an index and others are UUIDs, so one GPU could be listed twice: "
            "list all of them in the same way.",
            field="gpus",
        )
    gpus = [str(int(word)) for word in words] if indexes else words
    _refuse_twice(gpus, may_be_short=not indexes)
    return gpus


def gpus_text(gpus: Sequence[str] | None) -> str:
    """The declaration of these GPUs, as `gpus_declared` reads it."""
    return "" if gpus is None else ",".join(gpus) or "none"


def gpus_named(gpus: Sequence[str]) -> str:
    """These GPUs in a sentence: GPU 0; GPUs 0, 1 and 2."""
    if len(gpus) == 1:
        return f"GPU {gpus[0]}"
    return f"GPUs {', '.join(gpus[:-1])} and {gpus[-1]}"


def _refuse_twice(gpus: Sequence[str], *, may_be_short: bool) -> None:
    """CUDA takes the beginning of a UUID for the whole, so no UUID may begin with another."""
    for one, other in pairwise(sorted(gpus, key=str.lower)):
        same = one.lower() == other.lower()
        if same or (may_be_short and other.lower().startswith(one.lower())):
            raise Refused(
                f"GPU {one} is listed twice: name each once."
                if same
                else f"{one} and {other} may be the same GPU: write whole UUIDs.",
                field="gpus",
            )
