"""A package registry in a folder: wheels so small that a build takes a moment."""

from __future__ import annotations

import hashlib
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path


class Registry:
    """The only place where uv finds packages during a test."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder

    @property
    def variables(self) -> dict[str, str]:
        return {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(self.folder)}

    def wheel(self, name: str, version: str = "1.0", *, requires: tuple[str, ...] = ()) -> str:
        """Publish a package whose module is called like itself; the hash of its file."""
        path = self.folder / f"{name}-{version}-py3-none-any.whl"
        about = f"{name}-{version}.dist-info"
        needs = "".join(f"Requires-Dist: {other}\n" for other in requires)
        module = f'version = "{version}"\n'
        digest = urlsafe_b64encode(hashlib.sha256(module.encode()).digest()).decode().rstrip("=")
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(f"{name}.py", module)
            file.writestr(
                f"{about}/METADATA",
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
            )
            file.writestr(
                f"{about}/WHEEL",
                "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            )
            file.writestr(f"{about}/RECORD", f"{name}.py,sha256={digest},{len(module)}\n")
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
