"""Requirements as people write them: checked line by line before anything is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from studio.lib.refusal import Refused

MAX_CHARACTERS = 256 * 1024

_COMMENT = re.compile(r"(^|\s)#.*$")
_HASH = re.compile(r"\s--hash(?:=|\s+)(\S+)")
_HASH_VALUE = re.compile(r"(sha256|sha384|sha512):[0-9a-f]{64,128}")
_OPTION = re.compile(r"(?:^|\s)(-{1,2}[A-Za-z][A-Za-z-]*)")
_PATH = re.compile(r"^[./~]|^[A-Za-z]:\\|\.(?:whl|zip|tar\.gz|tar\.bz2|tgz)$")
_VARIABLE = re.compile(r"\$\{\w+\}")
_NAMED_ADDRESS = re.compile(r"^[\w.-]+\s*(\[[^\]]*\])?\s*@")
_CREDENTIALS = re.compile(r"://[^/@\s]+@")

_REGISTRY = (
    "name the index for the whole studio (UV_DEFAULT_INDEX, UV_INDEX or UV_FIND_LINKS in the "
    "environment of its processes) and remove the option"
)
_INSTEAD_OF_OPTION = {
    **dict.fromkeys(("-r", "--requirement"), "put the lines of that file here instead"),
    **dict.fromkeys(("-c", "--constraint"), "put the version limits on the packages themselves"),
    **dict.fromkeys(
        ("-e", "--editable"),
        "remove the line, for the run's folder and its src/ can be imported anyway",
    ),
    **dict.fromkeys(
        (
            "-i",
            "--index-url",
            "--extra-index-url",
            "-f",
            "--find-links",
            "--no-index",
            "--trusted-host",
        ),
        _REGISTRY,
    ),
}


@dataclass(frozen=True)
class RequirementLine:
    """One package that is asked for; `text` is the line without comment and needless space."""

    text: str
    name: str
    """Canonical: lower case, with hyphens."""
    hashes: tuple[str, ...]
    """The only files that are welcome, as "sha256:…"; empty: any."""


def requirements_read(text: str) -> list[RequirementLine]:
    """Every package that the text asks for, in its order; comments and blank lines are dropped.

    Packages are named with versions, extras and markers, or as `name @ https://…`, with
    `--hash` where wanted. What reaches outside the text (other files, folders, indexes,
    environment variables, credentials) is refused, because it is stored and used elsewhere.

    Raises:
        Refused: names the line, what is wrong with it and what to do instead.
    """
    if len(text) > MAX_CHARACTERS:
        raise _refused(
            f"These requirements are {len(text):,} characters long: {MAX_CHARACTERS:,} at most."
        )
    if "\0" in text:
        raise _refused("These requirements are not UTF-8 text (UTF-16?): save them as UTF-8.")
    return [_read_line(number, line) for number, line in _logical_lines(text)]


def requirements_normalise(text: str) -> str:
    """The same requirements, one a line, so that equal definitions are equal texts."""
    return "".join(f"{line.text}\n" for line in requirements_read(text))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, those that end in a backslash joined, with their first number."""
    begun, start = "", 0
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        begun, start = begun + line, start or number
        if begun.endswith("\\"):
            begun = begun[:-1]
            continue
        yield from _stripped(start, begun)
        begun, start = "", 0
    yield from _stripped(start, begun)


def _stripped(number: int, line: str) -> Iterator[tuple[int, str]]:
    bare = " ".join(_COMMENT.sub("", line).split())
    if bare:
        yield number, bare


def _read_line(number: int, line: str) -> RequirementLine:
    if variable := _VARIABLE.search(line):
        raise _wrong(
            number,
            line,
            f"uses the environment variable {variable[0]}",
            "write the value itself, for requirements are the same for whoever builds them",
        )
    hashes = tuple(_HASH.findall(line))
    wanted = _HASH.sub("", line)
    for value in hashes:
        if not _HASH_VALUE.fullmatch(value):
            raise _wrong(
                number,
                line,
                f"has a hash '{value}' that is not one",
                "write --hash=sha256: and 64 hexadecimal digits",
            )
    if option := _OPTION.search(wanted):
        raise _wrong(
            number,
            line,
            f"uses the option {option[1]}",
            _INSTEAD_OF_OPTION.get(option[1], "remove it, for only --hash may follow a package"),
        )
    return RequirementLine(
        text=" ".join([wanted, *(f"--hash={value}" for value in hashes)]),
        name=_package(number, line, wanted),
        hashes=hashes,
    )


def _package(number: int, line: str, wanted: str) -> str:
    """The package's canonical name, if the line can be used at all."""
    if not _NAMED_ADDRESS.match(wanted):
        if "://" in wanted:
            raise _wrong(
                number, line, "is an address without a package name", "write it as name @ https://…"
            )
        if _PATH.search(wanted):
            raise _wrong(
                number,
                line,
                "is a path, which does not exist on the targets",
                "put the package's name there, or import it from the run's folder",
            )
    try:
        requirement = Requirement(wanted)
    except InvalidRequirement as error:
        raise _wrong(
            number, line, "is not a requirement", "write one package a line, like numpy>=2,<3"
        ) from error
    if requirement.url is not None:
        _check_address(number, line, requirement.url)
    return canonicalize_name(requirement.name)


def _check_address(number: int, line: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme.startswith("git+"):
        raise _wrong(
            number,
            line,
            "installs from git, which cannot be held to a hash",
            "give the https address of the archive of one commit instead",
        )
    if parts.scheme != "https":
        raise _wrong(
            number,
            line,
            f"uses an address that begins with {parts.scheme or 'a path'}",
            "only https:// addresses can be used",
        )
    if parts.username is not None or parts.password is not None:
        raise _wrong(
            number,
            line,
            "has credentials in its address",
            "remove them, for everybody in the workspace can read requirements",
        )


def _wrong(number: int, line: str, what: str, instead: str) -> Refused:
    return _refused(f"Line {number} of the requirements ('{_short(line)}') {what}: {instead}.")


def _refused(sentence: str) -> Refused:
    return Refused(sentence, field="requirements")


def _short(line: str) -> str:
    """Enough to recognise the line, without the credentials that some addresses carry."""
    bare = _CREDENTIALS.sub("://***@", line)
    return bare if len(bare) <= 80 else f"{bare[:79]}…"
