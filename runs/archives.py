"""quick"""
from __future__ import annotations
import zipfile
from typing import BinaryIO
from runs.blobs import BlobStore
from runs.snapshots import Manifest, ManifestRefused
from studio.client import folder as f
def snapshot_zip(file: BinaryIO, store: BlobStore, *, max_bytes: int, max_files: int) -> Manifest:
    entries = []
    with zipfile.ZipFile(file) as z:
        for i in z.infolist():
            if i.is_dir(): continue
            if i.filename.startswith("/") or ".." in i.filename.split("/"): raise ManifestRefused(f"The zip holds '{i.filename}', which would lie outside: pack it again.")
            sha, size = store.put(z.read(i))
            entries.append({"path": i.filename, "mode": 0o644, "size": size, "sha": sha})
    return Manifest(f.canonical(entries))
