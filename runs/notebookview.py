"""Notebooks as readers see them: cells with their source and what they printed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from runs.codeview import language_lines

_IMAGES = ("image/png", "image/jpeg", "image/gif")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")
_COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*m")
_SHOWN_TEXT = 20_000


@dataclass
class Cell:
    """One cell: its kind ("code", "markdown", "raw"), lines of HTML, and what came of it."""

    kind: str
    lines: list[str]
    count: int | None = None
    texts: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    """As data: addresses."""
    hidden: list[str] = field(default_factory=list)
    """Kinds of output that are not shown, HTML among them."""
    cut_characters: int = 0


def notebook_cells(text: str) -> list[Cell] | None:
    """The cells of a notebook; None when it is none."""
    try:
        notebook = json.loads(text)
        language = notebook.get("metadata", {}).get("kernelspec", {}).get("language", "python")
        return [_cell(cell, str(language)) for cell in notebook["cells"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _cell(cell: dict[str, Any], language: str) -> Cell:
    kind = str(cell.get("cell_type", "raw"))
    languages = {"code": language, "markdown": "markdown"}
    lines = language_lines(_joined(cell.get("source", "")), languages.get(kind, "text"))
    made = Cell(kind, lines, cell.get("execution_count"))
    for output in cell.get("outputs", []):
        _add_output(made, output)
    return made


def _add_output(cell: Cell, output: dict[str, Any]) -> None:
    if "text" in output:
        _add_text(cell, _joined(output["text"]))
    elif "traceback" in output:
        _add_text(cell, _COLOUR_CODE.sub("", "\n".join(output["traceback"])))
    data = output.get("data", {})
    image = next((kind for kind in _IMAGES if kind in data), None)
    if image and _BASE64.fullmatch(_joined(data[image])):
        cell.images.append(f"data:{image};base64,{''.join(_joined(data[image]).split())}")
    elif "text/plain" in data:
        _add_text(cell, _joined(data["text/plain"]))
    cell.hidden += [kind for kind in data if kind not in {image, "text/plain"}]


def _add_text(cell: Cell, text: str) -> None:
    cell.texts.append(text[:_SHOWN_TEXT])
    cell.cut_characters += max(0, len(text) - _SHOWN_TEXT)


def _joined(text: str | Iterable[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
