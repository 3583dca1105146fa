"""The ignore rules of a tree known by its list alone, held against git itself."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.plans import upload_plan
from tests.client.test_ignore import (  # noqa: F401
    empty,
    git_keeps,
    paths,
    repository,
    texts,
    write,
)

LIMITS = {"max_bytes": 1 << 20, "max_files": 100}


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=st.lists(paths, min_size=1, max_size=12), top=texts, nested=texts, exclude=texts)
def test_a_plan_leaves_out_what_git_leaves_out(
    repository: Path,  # noqa: F811
    files: list[str],
    top: str,
    nested: str,
    exclude: str,
) -> None:
    empty(repository)
    made = [file for file in write(repository, files) if (repository / file).is_file()]
    rules = {".gitignore": top, ".git/info/exclude": exclude}
    folders = sorted({Path(file).parent for file in made} - {Path()})[:2]
    rules |= {f"{folder}/.gitignore": nested for folder in folders}
    for path, text in rules.items():
        (repository / path).write_bytes(text.encode())
    listed = sorted({*made, *rules})
    plan = upload_plan([(path, 1) for path in listed], rules, **LIMITS)
    assert {listed[at] for at in plan.kept} == git_keeps(repository)
