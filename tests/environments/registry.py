"""A package registry in a folder: wheels so small that a build takes a moment."""

from __future__ import annotations

import hashlib
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path


class Registry:
    """The only place where uv finds packages during a test."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder

    @property
    def variables(self) -> dict[str, str]:
        return {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(self.folder)}

    def wheel(
        self,
        name: str,
        version: str = "1.0",
        *,
        requires: tuple[str, ...] = (),
        more: Mapping[str, str] | None = None,
    ) -> str:
        """Publish a package whose module is called like itself, with `more`; its file's hash."""
        path = self.folder / f"{name}-{version}-py3-none-any.whl"
        about = f"{name}-{version}.dist-info"
        needs = "".join(f"Requires-Dist: {other}\n" for other in requires)
        modules = {f"{name}.py": f'version = "{version}"\n', **(more or {})}
        record = "".join(
            f"{file},sha256={_digest(text)},{len(text)}\n" for file, text in modules.items()
        )
        with zipfile.ZipFile(path, "w") as file:
            for module, text in modules.items():
                file.writestr(module, text)
            file.writestr(
                f"{about}/METADATA",
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
            )
            file.writestr(
                f"{about}/WHEEL",
                "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            )
            file.writestr(f"{about}/RECORD", record)
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def _digest(text: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
