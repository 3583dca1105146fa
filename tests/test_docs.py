"""What README says of settings, commands and words is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
SETTING = re.compile(r'env_(?:text|number|paths|networks|flag)\(\s*"([A-Z_]+)"')


def documented() -> set[str]:
    return set(re.findall(r"^\| `([A-Z_]+)` \|", (TOP / "README.md").read_text(), re.MULTILINE))


def read() -> set[str]:
    return set(SETTING.findall((TOP / "studio" / "settings.py").read_text()))


def test_every_setting_is_documented_and_no_other() -> None:
    assert documented() == read()


def test_the_commands_that_readme_names_exist() -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", (TOP / "README.md").read_text()))
    there = {
        path.stem
        for app in ("studio", "compute", "environments", "runs")
        for path in (TOP / app / "management" / "commands").glob("*.py")
    }
    assert named <= there


def test_links_in_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (TOP / "README.md").read_text())
    assert [link for link in links if "://" not in link and not (TOP / link).exists()] == []
