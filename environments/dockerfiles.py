"""References to images, and Dockerfiles, as far as they can be judged without an engine."""

from __future__ import annotations

import re
from collections.abc import Iterator

from environments.quoting import short
from studio.lib.refusal import Refused

MAX_CHARACTERS = 256 * 1024

_REFERENCE = re.compile(
    r"(?:(?P<host>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::\d{1,5})?)/)?"
    r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
_FIRST = frozenset({"ARG", "FROM"})
_COPIES = frozenset({"ADD", "COPY"})
_FROM_ELSEWHERE = re.compile(r"--from=|<<|\s(?:https?://|git@|\$)")


def image_read(reference: str) -> str:
    """A reference that an engine understands, like python:3.12-slim or host:5000/it@sha256:….

    Raises:
        Refused: it is none.
    """
    bare = reference.strip()
    if "://" in bare:
        raise Refused(
            f"The image '{short(bare)}' is an address: write it without "
            f"{short(bare.partition('://')[0], 20)}://.",
            field="image",
        )
    if len(bare) > 255 or not _REFERENCE.fullmatch(bare):
        raise Refused(
            f"'{short(bare)}' is no reference to an image: write it like python:3.12-slim or "
            "registry.example.org/team/name:tag, in lower case.",
            field="image",
        )
    return bare


def dockerfile_read(text: str, *, has_context: bool) -> str:
    """A Dockerfile that can be tried: it begins with FROM, and copies only what it is given.

    Raises:
        Refused: names the line and what to do.
    """
    if len(text) > MAX_CHARACTERS:
        raise _refused(f"It is {len(text):,} characters long: {MAX_CHARACTERS:,} at most.")
    if "\0" in text:
        raise _refused("It is not UTF-8 text (UTF-16?): save it as UTF-8.")
    clean = "\n".join(line.rstrip() for line in text.removeprefix("\ufeff").splitlines()).strip()
    instructions = list(_instructions(clean))
    if not any(word == "FROM" for _, word, _ in instructions):
        raise _refused("It has no FROM: begin with the image that it is made from.")
    number, first, line = instructions[0]
    if first not in _FIRST:
        raise _refused(
            f"Line {number} ('{short(line)}') comes before any FROM: begin with the image that it "
            "is made from."
        )
    for number, word, line in instructions:
        if word in _COPIES and not has_context and not _FROM_ELSEWHERE.search(line):
            raise _refused(
                f"Line {number} ('{short(line)}') copies files, and there is no build context: "
                "give the folder that they lie in."
            )
    return f"{clean}\n"


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """(number of its first line, INSTRUCTION, the whole of it); here-documents are passed over."""
    begun, start, ends = "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if ends:
            if line.strip() == ends[0]:
                ends.pop(0)
            continue
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        begun, start = f"{begun} {line.strip()}".strip(), start or number
        if begun.endswith("\\"):
            begun = begun[:-1].rstrip()
            continue
        ends = re.findall(r"<<-?\s*[\"']?(\w+)[\"']?", begun)
        yield start, begun.partition(" ")[0].upper(), begun
        begun, start = "", 0
    if begun:
        yield start, begun.partition(" ")[0].upper(), begun


def _refused(sentence: str) -> Refused:
    return Refused(f"The Dockerfile cannot be used. {sentence}", field="dockerfile")
