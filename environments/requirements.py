"""Requirements as people write them: checked line by line before anything is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from environments.quoting import short
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
    return [
        _Line(f"Line {number} of the requirements", line, "requirements").read()
        for number, line in _logical_lines(text)
    ]


def requirement_read(text: str, *, where: str, field: str) -> RequirementLine:
    """One package that something else than a requirements.txt asks for, judged by the same rules.

    Raises:
        Refused: begins with `where` and is about `field`.
    """
    return _Line(where, " ".join(text.replace("\0", " ").split()), field).read()


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


@dataclass(frozen=True)
class _Line:
    """Something that should be one requirement, and what it is called to whoever wrote it."""

    where: str
    """Like "Line 3 of the requirements"."""
    text: str
    field: str

    def read(self) -> RequirementLine:
        """The package that it asks for."""
        if variable := _VARIABLE.search(self.text):
            raise self._wrong(
                f"uses the environment variable {variable[0]}",
                "write the value itself, for requirements are the same for whoever builds them",
            )
        hashes = tuple(_HASH.findall(self.text))
        wanted = _HASH.sub("", self.text)
        for value in hashes:
            if not _HASH_VALUE.fullmatch(value):
                raise self._wrong(
                    f"has a hash '{short(value)}' that is not one",
                    "write --hash=sha256: and 64 hexadecimal digits",
                )
        if option := _OPTION.search(wanted):
            raise self._wrong(
                f"uses the option {option[1]}",
                _INSTEAD_OF_OPTION.get(
                    option[1], "remove it, for only --hash may follow a package"
                ),
            )
        return RequirementLine(
            text=" ".join([wanted, *(f"--hash={value}" for value in hashes)]),
            name=self._package(wanted),
            hashes=hashes,
        )

    def _package(self, wanted: str) -> str:
        """The package's canonical name, if the line can be used at all."""
        if not _NAMED_ADDRESS.match(wanted):
            if "://" in wanted:
                raise self._wrong(
                    "is an address without a package name", "write it as name @ https://…"
                )
            if _PATH.search(wanted):
                raise self._wrong(
                    "is a path, which does not exist on the targets",
                    "put the package's name there, or import it from the run's folder",
                )
        try:
            requirement = Requirement(wanted)
        except InvalidRequirement as error:
            raise self._wrong(
                "is not a requirement", "write one package a line, like numpy>=2,<3"
            ) from error
        if requirement.url is not None:
            self._check_address(requirement.url)
        return canonicalize_name(requirement.name)

    def _check_address(self, url: str) -> None:
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise self._wrong("has an address that is not one", "write https://…") from error
        if parts.scheme.startswith("git+"):
            raise self._wrong(
                "installs from git, which cannot be held to a hash",
                "give the https address of the archive of one commit instead",
            )
        if parts.scheme != "https":
            raise self._wrong(
                f"uses an address that begins with {parts.scheme or 'a path'}",
                "only https:// addresses can be used",
            )
        if parts.username is not None or parts.password is not None:
            raise self._wrong(
                "has credentials in its address",
                "remove them, for everybody in the workspace can read requirements",
            )

    def _wrong(self, what: str, instead: str) -> Refused:
        return Refused(f"{self.where} ('{_short(self.text)}') {what}: {instead}.", field=self.field)


def _refused(sentence: str) -> Refused:
    return Refused(sentence, field="requirements")


def _short(line: str) -> str:
    """Enough to recognise the line, without the credentials that some addresses carry."""
    return short(_CREDENTIALS.sub("://***@", line))
