"""The curated environments that ship: each lock is what its requirements resolve to, and works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from uv import find_uv_bin

from environments.catalog import CURATED, Template, templates
from environments.lock import lock_pins, pin_name
from environments.requirements import requirements_read

SMALL_MB = 500
"""Larger ones are made and smoked when asked for: they are gigabytes to fetch."""
TRIED = [
    t for t in templates() if t.installed_mb < SMALL_MB or "RUNYARD_ALL_TEMPLATES" in os.environ
]

each_template = pytest.mark.parametrize("template", templates(), ids=lambda t: t.name)


@each_template
def test_the_lock_is_what_the_requirements_resolve_to(template: Template, tmp_path: Path) -> None:
    shutil.copytree(CURATED / template.name, tmp_path / "template")
    lock = tmp_path / "template" / "lock.txt"
    command = [
        find_uv_bin(),
        "pip",
        "compile",
        str(tmp_path / "template" / "requirements.txt"),
        "--universal",
        "--python",
        sys.executable,
        "--python-version",
        template.lock_python,
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        "--output-file",
        str(lock),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert lock.read_text() == template.lock


@each_template
def test_the_lock_names_no_address_and_all_that_is_asked_for(template: Template) -> None:
    assert "://" not in template.lock
    asked = {line.name for line in requirements_read(template.requirements)}
    assert asked <= {pin_name(pin) for pin in lock_pins(template.lock)}
    assert template.description.endswith(".")


@pytest.mark.parametrize("template", TRIED, ids=lambda t: t.name)
def test_the_locked_packages_install_and_pass_the_smoke_script(
    template: Template, curated_python: Callable[[Template], Path]
) -> None:
    done = subprocess.run(
        [curated_python(template), template.smoke],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert len(template.smoke.read_text().splitlines()) == 2
