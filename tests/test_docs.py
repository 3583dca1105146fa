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


def test_what_readme_asks_make_for_can_be_made() -> None:
    named = set(re.findall(r"`make ([a-z-]+)`", (TOP / "README.md").read_text()))
    assert named <= set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(), re.MULTILINE))


def test_links_in_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (TOP / "README.md").read_text())
    assert [link for link in links if "://" not in link and not (TOP / link).exists()] == []


def test_the_help_page_explains_the_words_of_readme() -> None:
    rows = (TOP / "README.md").read_text().split("## The words")[1].split("\n## ")[0]
    words = re.findall(r"^\| (?!word|-)([a-z ]+) \|", rows, re.MULTILINE)
    page = (TOP / "templates" / "docs" / "driving.html").read_text()
    assert sorted(re.findall(r"<dt>([^<]+)</dt>", page)) == sorted(words)
