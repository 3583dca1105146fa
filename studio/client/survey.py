"""What would be sent of a folder and what stays behind, in words."""

from __future__ import annotations

import json

from studio.client.folder import readable_size

TYPE_CHECKING = False  # see studio.client.folder
if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.client.folder import FileEntry
    from studio.client.upload import Folder

LARGEST = 10
_NAMED = 5


def sending(files: Sequence[FileEntry], folder: Folder) -> str:
    """One line about an upload that begins: how much, the largest file, what stays behind."""
    size = readable_size(sum(file["size"] for file in files))
    most = max(files, key=lambda file: file["size"])
    line = (
        f"sending {len(files):,} of {len(folder.entries):,} files, {size}; the largest is "
        f"{most['path']} ({readable_size(most['size'])})"
    )
    if not folder.left_out:
        return line
    more = len(folder.left_out) - _NAMED
    rest = f" and {more:,} more" if more > 0 else ""
    named = ", ".join(map(_shown, folder.left_out[:_NAMED]))
    return f"{line}; left out: {named}{rest} (--dry-run lists all)"


def survey(folder: Folder) -> str:
    """All about an upload that does not happen."""
    largest = _largest(folder)
    width = max((len(entry["path"]) for entry in largest), default=0)
    size = readable_size(sum(_sizes(folder)))
    lines = [f"{len(folder.entries):,} files, {size}: snapshot {folder.digest[:12]}", ""]
    lines += ["the largest:"]
    lines += [f"  {file['path']:<{width}}  {readable_size(file['size'])}" for file in largest]
    lines += ["", "left out:" if folder.left_out else "nothing is left out"]
    lines += [f"  {_shown(path)}" for path in folder.left_out]
    return "\n".join(lines)


def survey_json(folder: Folder) -> str:
    """The same for programs."""
    found = {
        "snapshot": folder.digest,
        "files": len(folder.entries),
        "size_bytes": sum(_sizes(folder)),
        "largest": [{"path": file["path"], "size": file["size"]} for file in _largest(folder)],
        "left_out": [_shown(path) for path in folder.left_out],
    }
    return json.dumps(found, indent=2, ensure_ascii=False)


def _largest(folder: Folder) -> list[FileEntry]:
    files = [entry for entry in folder.entries if "link" not in entry]
    return sorted(files, key=lambda file: (-file["size"], file["path"]))[:LARGEST]


def _sizes(folder: Folder) -> list[int]:
    return [entry["size"] for entry in folder.entries if "link" not in entry]


def _shown(path: str) -> str:
    """A name as a terminal can take it, whatever bytes it has."""
    return path if path.isprintable() else ascii(path)[1:-1]
