"""Conda files: what is translated, and what is refused by name."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.conda import conda_read
from environments.spec import spec_make
from studio.lib.refusal import Refused


def read(*dependencies: str) -> str:
    return conda_read("dependencies:\n" + "".join(f"  - {d}\n" for d in dependencies)).requirements


@pytest.mark.parametrize(
    ("dependency", "requirement"),
    [
        ("numpy", "numpy"),
        ("numpy=1.26", "numpy==1.26.*"),
        ("numpy =1.26", "numpy==1.26.*"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("numpy 1.26.4", "numpy==1.26.4"),
        ("numpy=1.26.4=py311h64a7726_0", "numpy==1.26.4.*"),
        ("numpy==1.26.4=py311h64a7726_0", "numpy==1.26.4"),
        ("numpy 1.26.4 py311h64a7726_0", "numpy==1.26.4"),
        ('"numpy>=1.26,<2"', "numpy>=1.26,<2"),
        ('"numpy >=1.26, <2"', "numpy>=1.26,<2"),
        ('"numpy>=1.26.*"', "numpy>=1.26"),
        ('"numpy!=1.26.*"', "numpy!=1.26.*"),
        ('"numpy~=1.26"', "numpy~=1.26"),
        ('"numpy=*"', "numpy"),
        ('"numpy *"', "numpy"),
        ("conda-forge::numpy=1.26", "numpy==1.26.*"),
        ("conda-forge/linux-64::numpy", "numpy"),
        ("\"numpy[version='>=1.26,<2',build=*openblas*]\"", "numpy>=1.26,<2"),
        ("NumPy", "numpy"),
        ("pytorch=2.1", "torch==2.1.*"),
        ("opencv", "opencv-python-headless"),
        ("pytables", "tables"),
        ("huggingface-hub", "huggingface-hub"),
        ("typing-extensions", "typing-extensions"),
        ("uvicorn-standard>=0.20", "uvicorn[standard]>=0.20"),
        ("version=1", None),
        ("numpy=1.25|1.26", None),
        ("numpy=x.y", None),
        ("r-base", None),
    ],
)
def test_a_dependency_is_translated_by_the_table_or_not_at_all(
    dependency: str, requirement: str | None
) -> None:
    if requirement is None:
        assert conda_read(f"dependencies: [{dependency}]").refused
    else:
        assert read(dependency) == f"{requirement}\n"


def test_python_pip_variables_and_notes() -> None:
    found = conda_read(
        "name: x\nchannels: [conda-forge, nodefaults]\nprefix: /opt/x\ndependencies:\n"
        "- python>=3.10,<3.13\n- pip\n- pip=24.1\n- scipy=1.15=mkl_0\n- pip:\n  - einops~=0.7\n"
        "  - six==1.17.0 --hash=sha256:" + "a" * 64 + "\nvariables:\n  A: 1.10\n  B: yes\n"
    )
    assert found.python == "<3.13,>=3.10"
    assert found.requirements.startswith("scipy==1.15.*\neinops~=0.7\nsix==1.17.0 --hash=sha256:a")
    assert found.variables == {"A": "1.10", "B": "yes"}, "as they were written"
    assert found.names == {"scipy", "einops", "six"}
    assert not found.refused
    assert len(found.notes) == 2


def test_all_that_cannot_be_had_is_told_at_once_with_what_to_do() -> None:
    text = "dependencies: [numpy, r-base=4.3, cudatoolkit=11.8, skikit-learn, left-pad]\n"
    with pytest.raises(Refused) as refusal:
        spec_make({"conda": text})
    assert refusal.value.sentence == (
        "4 conda packages cannot be had from a Python index: r-base (use an image that has R); "
        "cudatoolkit (remove it, torch, jax and tensorflow bring what they need of CUDA); "
        "skikit-learn (did you mean scikit-learn? if an index for pip has it, put it under pip); "
        "left-pad (if an index for pip has it, put it under pip). Or register a target that has "
        "micromamba or conda, which then builds it."
    )
    assert refusal.value.field == "conda"


def test_where_conda_is_it_takes_what_the_table_does_not_have() -> None:
    text = "dependencies: [r-base]\n"
    assert spec_make({"conda": text}, has_conda=lambda: True) == {"kind": "conda", "conda": text}
    translated = spec_make({"conda": "dependencies: [numpy]"}, has_conda=lambda: True)
    assert translated["kind"] == "requirements", "conda is for what cannot be had otherwise"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "begin with dependencies:"),
        ("- numpy", "begin with dependencies:"),
        ("name: x", "no list of dependencies"),
        ("dependencies: numpy", "no list of dependencies"),
        ("dependencies: [numpy", "It is not YAML: line 1"),
        ("dependencies:\n\t- numpy", "It is not YAML: line 2"),
        ("dependencies: [{conda: [numpy]}]", "Its dependency 1 is a dict"),
        ("dependencies: [{pip: numpy}]", "What stands under pip: is no list"),
        ("dependencies: [{pip: [-e .]}]", "Under pip, the dependency ('-e .') uses the option -e"),
        ("dependencies: [{pip: [git+https://x/y]}]", "is an address without a package name"),
        ("dependencies: ['numpy; rm -rf']", "'numpy; rm -rf' is not one"),
        ("dependencies: [python=abc]", "'python=abc' is no version of Python"),
        ("dependencies: [python=2.7]", "'python=2.7' is no Python that can be used"),
        ("dependencies: [numpy]\nvariables: [A]", "is not NAME: value"),
        ("dependencies: [numpy]\nvariables: {A: {B: c}}", "is not NAME: value"),
        ("dependencies: [numpy]\nx: !!python/object/apply:os.system ['true']", ""),
        ("a: &a [x]\ndependencies: [*a]", "Its dependency 1 is a list"),
        ("[" * 1500, "nested too deeply"),
        ("\0", "It is not YAML"),
        ("#" * 300_000, "262,144 at most"),
    ],
)
def test_what_is_no_environment_file_is_refused(text: str, said: str) -> None:
    if not said:
        assert conda_read(text).requirements == "numpy\n", "tags are words, nothing is executed"
        return
    with pytest.raises(Refused) as refusal:
        conda_read(text)
    assert said in refusal.value.sentence
    assert refusal.value.field == "conda"


def test_a_bomb_of_aliases_goes_off_nowhere() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 30))
    began = time.monotonic()
    with pytest.raises(Refused):
        conda_read(f"l0: &l0 [x]\n{levels}dependencies: [*l29]\n")
    assert time.monotonic() - began < 2


@given(st.text(alphabet="ny=<>!~|*.,:[]{}'\"&- \n12", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for written in (text, f"dependencies:\n  - {text}", f"dependencies: ['numpy{text}']"):
        try:
            said = conda_read(written).requirements
        except Refused as refusal:
            said = refusal.sentence
        assert "\n\n" not in said
