"""quick"""
from __future__ import annotations
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from studio.client import folder as f
from runs.blobs import BlobStore
class ManifestRefused(Exception): ...
@dataclass(frozen=True)
class Entry:
    path: str
    mode: int = 0o644
    size: int = 0
    sha: str = ""
    link: str = ""
@dataclass(frozen=True)
class Manifest:
    raw: bytes
    @classmethod
    def from_json(cls, text: bytes, *, max_bytes: int, max_files: int) -> "Manifest":
        try: return cls(f.canonical(json.loads(text)))
        except Exception as e: raise ManifestRefused(f"This is no manifest: {e}") from e
    @classmethod
    def trusted(cls, text: bytes) -> "Manifest": return cls(text)
    def to_json(self) -> bytes: return self.raw
    @cached_property
    def entries(self) -> list[Entry]: return [Entry(**e) for e in json.loads(self.raw)]
    @cached_property
    def digest(self) -> str:
        import hashlib
        return hashlib.sha256(self.raw).hexdigest()
    @cached_property
    def paths(self) -> frozenset[str]: return frozenset(e.path for e in self.entries)
    def get(self, path: str) -> Entry | None: return next((e for e in self.entries if e.path == path), None)
    def has_folder(self, name: str) -> bool: return any(e.path.startswith(name + "/") for e in self.entries)
    @property
    def file_count(self) -> int: return len(self.entries)
    @property
    def size_bytes(self) -> int: return sum(e.size for e in self.entries)
def snapshot_folder(path: Path, store: BlobStore, *, max_bytes: int, max_files: int) -> Manifest:
    entries = f.scan(path, max_bytes=max_bytes, max_files=max_files)
    for e in entries:
        if "sha" in e and not store.has(e["sha"]):
            with (path / e["path"]).open("rb") as file: store.put(file, sha=e["sha"])
    return Manifest(f.canonical(entries))
