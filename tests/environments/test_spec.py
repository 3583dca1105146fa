"""Definitions of every kind: what they become, and how they are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.fit import misfit
from environments.spec import (
    Definition,
    definition_of,
    spec_digest,
    spec_make,
    spec_notes,
    spec_variables,
)
from studio.lib.refusal import Refused

CONDA = "dependencies: [python=3.11, numpy=2.1]\nvariables: {OMP_NUM_THREADS: 4}\n"
PROJECT = '[project]\nname = "p"\nrequires-python = ">=3.10"\ndependencies = ["numpy>=2"]\n'
SHA = "ab" * 32


@pytest.mark.parametrize(
    ("definition", "spec"),
    [
        ({"requirements": "numpy\n"}, {"kind": "requirements", "requirements": "numpy\n"}),
        (
            {"requirements": "numpy", "image": " python:3.12-slim ", "python": "3.12.4"},
            {"kind": "requirements", "requirements": "numpy\n", "image": "python:3.12-slim",
             "python": "3.12"},
        ),
        (
            {"pyproject": PROJECT},
            {"kind": "requirements", "requirements": "numpy>=2\n", "pyproject": PROJECT,
             "python": ">=3.10"},
        ),
        (
            {"pyproject": PROJECT, "python": "3.12"},
            {"kind": "requirements", "requirements": "numpy>=2\n", "pyproject": PROJECT,
             "python": "3.12"},
        ),
        (
            {"conda": CONDA, "variables": {"A": "1"}},
            {"kind": "requirements", "requirements": "numpy==2.1.*\n", "conda": CONDA,
             "python": "3.11", "variables": {"A": "1", "OMP_NUM_THREADS": "4"}},
        ),
        (
            {"interpreter_path": "/opt/venv/bin/python", "secrets": ["HF_TOKEN", "HF_TOKEN"]},
            {"kind": "user-managed", "interpreter_path": "/opt/venv/bin/python",
             "secrets": ["HF_TOKEN"]},
        ),
        (
            {"image": f"registry.example.org:5000/team/it:1@sha256:{SHA}"},
            {"kind": "image", "image": f"registry.example.org:5000/team/it:1@sha256:{SHA}"},
        ),
        (
            {"dockerfile": "FROM python:3.12\r\nCOPY . /app\r\n", "context": SHA},
            {"kind": "dockerfile", "dockerfile": "FROM python:3.12\nCOPY . /app\n",
             "context": SHA},
        ),
        (
            {"requirements": "pyspark", "spark_packages": ["a:b_2.13:1", ""],
             "spark_repositories": ["https://repo.example.org/maven"]},
            {"kind": "requirements", "requirements": "pyspark\n",
             "spark": {"packages": ["a:b_2.13:1"],
                       "repositories": ["https://repo.example.org/maven"]}},
        ),
    ],
)  # fmt: skip
def test_what_is_said_becomes_a_definition_and_can_be_said_again(
    definition: Definition, spec: dict[str, Any]
) -> None:
    made = spec_make(definition)
    assert made == spec
    assert spec_make(definition_of(made)) == made


def test_what_is_empty_leaves_no_trace() -> None:
    """So a definition of before there were such parts keeps its digest."""
    plain: Definition = {"requirements": "numpy"}
    empty: Definition = {
        **plain, "image": "", "python": " ", "variables": {}, "secrets": [], "groups": [],
        "spark_packages": [], "spark_repositories": [], "context": "", "pyproject": None,
    }  # fmt: skip
    assert spec_digest(spec_make(empty)) == spec_digest(spec_make(plain))


@pytest.mark.parametrize(
    ("definition", "said", "field"),
    [
        ({}, "none was given", "requirements"),
        ({"requirements": "a", "conda": CONDA}, "Give one of requirements and conda, not both",
         "requirements"),
        ({"requirements": "a", "groups": ["dev"]}, "Groups belong to a pyproject.toml", "groups"),
        ({"requirements": "a", "context": SHA}, "belongs to a Dockerfile", "context"),
        ({"interpreter_path": "/p", "image": "x"}, "lies on the target already", "image"),
        ({"dockerfile": "FROM x", "image": "x"}, "names its own image", "image"),
        ({"interpreter_path": "/p", "python": "3.11"}, "decided by the interpreter", "python"),
        ({"image": "x", "python": "3.11"}, "decided by the image", "python"),
        ({"pyproject": PROJECT, "python": "3.9"}, "3.9 was chosen, and the file wants >=3.10",
         "python"),
        ({"requirements": "a", "python": "three"}, "'three' is no version of Python", "python"),
        ({"requirements": "a", "python": "2.7"}, "'2.7' is no version of Python", "python"),
        ({"requirements": "a", "python": ">=3.12,<3.9"}, "is no version of Python", "python"),
        ({"image": "https://x/y"}, "write it without https://", "image"),
        ({"image": "Python:3"}, "in lower case", "image"),
        ({"image": "a b"}, "is no reference to an image", "image"),
        ({"dockerfile": ""}, "It has no FROM", "dockerfile"),
        ({"dockerfile": "RUN x\nFROM a"}, "Line 1 ('RUN x') comes before any FROM", "dockerfile"),
        ({"dockerfile": "FROM a\nCOPY \\\n  . /x"}, "Line 2 ('COPY . /x') copies files",
         "dockerfile"),
        ({"dockerfile": "FROM a\0"}, "not UTF-8", "dockerfile"),
        ({"requirements": "", "variables": {"A-B": "1"}}, "'A-B' cannot be the name", "variables"),
        ({"requirements": "", "variables": {"PATH": "1"}}, "The studio sets PATH", "variables"),
        ({"requirements": "", "variables": {"HF_TOKEN": "1"}}, "name it among the secrets",
         "variables"),
        ({"requirements": "", "variables": {"A": "\0"}}, "contains a NUL", "variables"),
        ({"requirements": "", "secrets": ["a b"]}, "'a b' cannot be the name", "secrets"),
        ({"requirements": "", "secrets": ["A"], "variables": {"A": "1"}},
         "a variable and a secret at once", "secrets"),
        ({"requirements": "", "spark_packages": ["spark-avro"]}, "write Maven coordinates",
         "spark_packages"),
        ({"requirements": "", "spark_repositories": ["https://x"]}, "alone bring nothing",
         "spark_repositories"),
        ({"requirements": "", "spark_packages": ["a:b:1"], "spark_repositories": ["http://x"]},
         "begins with https://", "spark_repositories"),
        ({"requirements": "", "spark_packages": ["a:b:1"],
          "spark_repositories": ["https://me:pw@x"]}, "'https://***@x' has credentials",
         "spark_repositories"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_a_sentence(
    definition: Definition, said: str, field: str
) -> None:
    with pytest.raises(Refused) as refusal:
        spec_make(definition)
    assert said in refusal.value.sentence
    assert refusal.value.field == field


def test_files_of_another_stage_or_of_the_network_need_no_context() -> None:
    text = (
        "# syntax=docker/dockerfile:1\nARG V=3.12\nFROM python:${V} AS a\n"
        "RUN <<EOF\nCOPY . .\nEOF\nFROM a\nCOPY --from=a /x /y\n"
        "ADD https://example.org/x.tar.gz /x\nCOPY <<E /z\nhi\nE\n"
    )
    assert spec_make({"dockerfile": text}) == {"kind": "dockerfile", "dockerfile": text}


def test_names_that_only_sound_secret_are_variables() -> None:
    variables = {"TOKENIZERS_PARALLELISM": "false", "MONKEY": "1", "KEYBOARD": "de"}
    assert spec_make({"requirements": "", "variables": variables})["variables"] == variables


def test_variables_of_a_command() -> None:
    spec = spec_make(
        {
            "requirements": "pyspark",
            "variables": {"A": "1"},
            "spark_packages": ["a:b:1", "c:d:2"],
            "spark_repositories": ["https://repo.example.org"],
        }
    )
    assert spec_variables(spec) == {
        "A": "1",
        "PYSPARK_SUBMIT_ARGS": "--packages a:b:1,c:d:2 --repositories https://repo.example.org "
        "pyspark-shell",
    }


def test_what_is_not_used_is_said() -> None:
    text = "channels: [conda-forge]\ndependencies: [pytorch=2.1=py3.11_cuda12.1_0, python=3.11.4]\n"
    notes = spec_notes(spec_make({"conda": text, "image": "python:3.11"}))
    assert [note[:22] for note in notes] == [
        "Channels are ignored (",
        "The build py3.11_cuda1",
        "Of python=3.11.4 the m",
        "On targets without Doc",
    ]


FACTS = {
    "python": "/usr/bin/python3.11",
    "python_version": "3.11.2",
    "pythons": [{"path": "/usr/bin/python3.11", "version": "3.11"},
                {"path": "/opt/python3.9", "version": "3.9"}],
    "conda": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "kind", "facts", "said"),
    [
        ({"kind": "requirements"}, "local", FACTS, ""),
        ({"kind": "requirements", "python": ">=3.9,<3.11"}, "local", FACTS, ""),
        ({"kind": "requirements", "python": "3.14"}, "local", FACTS,
         "The environment mine:1 wants Python 3.14, and here has 3.9 and 3.11: install it there "
         "(uv python install 3.14, where its network allows that), choose another target, or "
         "define the environment for a version that is there."),
        ({"kind": "requirements", "python": "3.14"}, "local", {}, ""),
        ({"kind": "requirements", "python": "3.14", "image": "x"}, "docker", FACTS, ""),
        ({"kind": "requirements", "python": "3.14", "image": "x"}, "local", FACTS, "wants Python"),
        ({"kind": "requirements", "python": "3.14"}, "docker", FACTS, ""),
        ({"kind": "conda", "conda": "x"}, "docker", FACTS, ""),
        ({"kind": "image", "image": "x"}, "docker", FACTS, ""),
        ({"kind": "image", "image": "x"}, "local", {}, "here has no Docker"),
        ({"kind": "dockerfile", "dockerfile": "x"}, "ssh", FACTS, "here has no Docker"),
        ({"kind": "conda", "conda": "x"}, "local", FACTS, "neither micromamba nor conda"),
        ({"kind": "conda", "conda": "x"}, "local", {}, ""),
        ({"kind": "conda", "conda": "x"}, "local", {**FACTS, "conda": "/usr/bin/micromamba"}, ""),
    ],
)  # fmt: skip
def test_whether_a_target_can_have_it(
    spec: dict[str, Any], kind: str, facts: dict[str, Any], said: str
) -> None:
    found = misfit(spec, called="mine:1", target="here", kind=kind, facts=facts)
    assert said in found
    assert bool(found) == bool(said)


TEXT = st.text(max_size=60) | st.sampled_from(
    ["numpy", "FROM x", "FROM a\nCOPY . .", "dependencies: [a]", "[project]", ">=3.10", "a:b:c",
     "https://x", "-e .", "x:y@sha256:", "3.11", "dependencies:\n- pip: [", "\ud800"]
)  # fmt: skip


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(
                ("requirements", "pyproject", "conda", "interpreter_path", "image", "dockerfile",
                 "context", "python"),
                TEXT,
            ),
            **dict.fromkeys(
                ("groups", "secrets", "spark_packages", "spark_repositories"),
                st.lists(TEXT, max_size=2),
            ),
            "variables": st.dictionaries(TEXT, TEXT, max_size=2),
        },
    )
)  # fmt: skip
def test_any_definition_is_taken_or_refused_in_a_sentence(definition: Definition) -> None:
    refusal: Refused | None = None
    try:
        spec = spec_make(definition)
    except Refused as error:
        refusal = error
    if refusal is None:
        assert json.loads(json.dumps(spec)) == spec
        assert spec_make(definition_of(spec)) == spec
        return
    assert refusal.sentence[-1] in ".?", refusal.sentence
    assert "\n" not in refusal.sentence
    assert refusal.field
