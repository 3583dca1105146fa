"""What browsers get of our modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from studio.lib.staticfiles import HashedFiles

MODULES = sorted((Path(__file__).resolve().parents[2] / "static" / "js").glob("*.js"))
SCRIPT = b"""// Says hello.
import "./b.js";
  // why
say("// no comment"); // how
"""


def test_lines_of_comment_stay_at_home(tmp_path: Path) -> None:
    storage: Any = HashedFiles(location=tmp_path, base_url="/static/")
    files = {"js/a.js": SCRIPT, "js/b.js": b"// b\nb();\n", "vendor/a.js": SCRIPT}
    for name, script in files.items():
        storage.save(name, ContentFile(script))
    done = storage.post_process({name: (storage, name) for name in files})
    renamed = {old: new for old, new, _ in done}
    name = Path(renamed["js/b.js"]).name
    kept = f'import"./{name}";\nsay("// no comment"); // how\n'.encode()
    assert (tmp_path / "js" / "a.js").read_bytes().startswith(b'import "./b.js";\nsay(')
    assert (tmp_path / renamed["js/a.js"]).read_bytes() == kept
    assert (tmp_path / renamed["js/b.js"]).read_bytes() == b"b();\n"
    assert (tmp_path / renamed["vendor/a.js"]).read_bytes() == SCRIPT


def test_only_what_pages_ask_for_is_compressed(tmp_path: Path) -> None:
    storage: Any = HashedFiles(location=tmp_path, base_url="/static/")
    long = b"say(1);\n" * 1000
    files = {"vendor/a.js": long, "vendor/a.js.map": long}
    for name, content in files.items():
        storage.save(name, ContentFile(content))
    list(storage.post_process({name: (storage, name) for name in files}))
    compressed = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.gz")}
    assert compressed == {f"{storage.hashed_files['vendor/a.js']}.gz"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_no_text_has_a_line_that_looks_like_a_comment(module: Path) -> None:
    is_text = False
    for line in module.read_text().splitlines():
        is_comment = line.lstrip().startswith("//")
        assert not (is_text and is_comment), line
        is_text ^= not is_comment and line.count("`") % 2 == 1
