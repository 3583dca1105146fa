"""The files that a run made, as folders that fold, with what one wants to know of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import PurePosixPath
from urllib.parse import quote

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from runs.models import Artifact, Run
from runs.templatetags.runyard import ago, icon, size
from runs.views.trees import Folder, folder_tree

LISTED = 2_000
"""More are counted, and come with the zip and with REST."""
TOP = 6
_MODELS = frozenset(
    {".pkl", ".joblib", ".pt", ".pth", ".ckpt", ".safetensors", ".onnx", ".h5", ".keras", ".gguf",
     ".npz", ".bin", ".model", ".cbm"}
)  # fmt: skip


def top_artifacts(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """The few that one comes for: models before everything else, large before small."""
    return sorted(artifacts, key=_rank)[:TOP]


def artifact_rows(run: Run, artifacts: Iterable[Artifact]) -> SafeString:
    """All of them; written here because a template takes forty times as long for thousands."""
    known = {artifact.path: artifact for artifact in artifacts}
    root = folder_tree(known)
    return mark_safe("".join(_folder(run, root, known)))  # noqa: S308  (all is escaped)


def _rank(artifact: Artifact) -> tuple[bool, int, str]:
    is_model = PurePosixPath(artifact.path).suffix.lower() in _MODELS
    return not is_model, -artifact.size_bytes, artifact.path


def _folder(run: Run, folder: Folder, known: Mapping[str, Artifact]) -> Iterator[str]:
    for below in folder.folders.values():
        files = [known[path] for path in _paths(below)]
        zipped = f"{reverse('runs:artifacts_zip', args=[run.pk])}?folder={quote(below.path)}"
        total = sum(artifact.size_bytes for artifact in files)
        count = f"{len(files):,} file{'' if len(files) == 1 else 's'}"
        yield (
            f'<div class="folder-row"><details open><summary class="file-row"><span class="mono">'
            f'{escape(below.name)}/</span><span class="num">{size(total)}</span>'
            f'<span class="wide quiet">{count}</span></summary>'
        )
        yield from _folder(run, below, known)
        yield (
            f'</details><a class="zip" href="{escape(zipped)}" download '
            f'aria-label="Download {escape(below.path)} as a zip">zip</a></div>'
        )
    for name, path in folder.files:
        yield _file(run, name, known[path])


def _paths(folder: Folder) -> Iterator[str]:
    yield from (path for _, path in folder.files)
    for below in folder.folders.values():
        yield from _paths(below)


def _file(run: Run, name: str, artifact: Artifact) -> str:
    path = escape(artifact.path)
    shown = escape(reverse("runs:artifact_view", args=[run.pk, artifact.path]))
    download = escape(reverse("runs:artifact", args=[run.pk, artifact.path]))
    return (
        f'<div class="file-row"><span class="mono">{icon("file")} <a href="{shown}">{escape(name)}'
        f'</a></span><span class="num">{size(artifact.size_bytes)}</span>'
        f'<span class="wide mono quiet">{artifact.sha[:12]}</span>'
        f'<span class="wide quiet">{ago(artifact.created_at)}</span><span class="end">'
        f'<a href="{download}" download aria-label="Download {path}">download</a>'
        f'<copy-button data-text="{path}" data-what="the path"></copy-button></span></div>'
    )
