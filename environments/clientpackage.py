"""The part of the client that goes along with every run: `from studio.client import Run`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import studio.client


@cache
def client_package() -> tuple[tuple[str, str], ...]:
    """Paths and texts of a folder that, once on PYTHONPATH, lets scripts log to their run."""
    client = Path(studio.client.__file__).parent
    return (
        ("studio/__init__.py", ""),
        *(
            (f"studio/client/{name}", (client / name).read_text(encoding="utf-8"))
            for name in ("__init__.py", "run_context.py")
        ),
    )
