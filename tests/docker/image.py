"""A small image made from this machine's own Python and a few programs: nothing is downloaded."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from uv import find_uv_bin

_PROGRAMS = ("dash", "cat", "env", "id", "ls", "setsid", "sleep", "touch", "true")
_PYTHON = Path("/usr/bin/python3")
_NOT_NEEDED = re.compile(r"/(test|tests|idlelib|tkinter|lib2to3|ensurepip|config-[^/]*)(/|$)")


def python_image(folder: Path) -> Path:
    """A tar archive, to be imported, with `sh`, `python3` and Python's library."""
    python = _PYTHON.resolve()
    library = Path("/usr/lib") / python.name
    programs = [_program(name) for name in _PROGRAMS]
    extensions = [str(path) for path in (library / "lib-dynload").glob("*.so")]
    archive = folder / "image.tar"
    with tarfile.open(archive, "w") as tar:
        needed = _libraries([*programs, str(python), *extensions, find_uv_bin()])
        for path in [*programs, str(python), *needed]:
            tar.add(os.path.realpath(path), path.lstrip("/"), recursive=False)
        tar.add(library, str(library).lstrip("/"), filter=_needed)
        for name, leads_to in (("bin/sh", "dash"), ("usr/bin/python3", python.name)):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, leads_to
            tar.addfile(link)
        tmp = tarfile.TarInfo("tmp")
        tmp.type, tmp.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(tmp)
    return archive


def _program(name: str) -> str:
    found = shutil.which(name, path="/bin:/usr/bin")
    assert found, name
    return found


def _libraries(paths: list[str]) -> list[str]:
    """The shared libraries that these files need, and the loader."""
    said = subprocess.run(["ldd", *paths], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(/\S+) \(0x", said)))


def _needed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if _NOT_NEEDED.search(entry.name) else entry
