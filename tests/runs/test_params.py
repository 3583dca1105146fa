"""Parameters among the words of a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.notebooks import notebook_words
from runs.params import NAME_LENGTH, VALUE_LENGTH, number_of, params_of


@pytest.mark.parametrize(
    ("words", "params"),
    [
        ("python train.py --lr 0.1 --epochs=5", {"lr": "0.1", "epochs": "5"}),
        ("python train.py --bias -0.5 --name x", {"bias": "-0.5", "name": "x"}),
        ("python train.py --verbose --lr 1", {"verbose": "true", "lr": "1"}),
        ("python train.py --fast", {"fast": "true"}),
        ("python train.py model.lr=0.1 +opt=adam a/b=c",
         {"model.lr": "0.1", "opt": "adam", "a/b": "c"}),
        ("python train.py --lr 1 --lr 2", {"lr": "2"}),
        ("python train.py out.csv -v 3", {}),
        ("python train.py --a= b", {"a": ""}),
        ("python train.py -- --x y", {"x": "y"}),
        ("train", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_what_the_words_say(words: str, params: dict[str, str]) -> None:
    assert params_of(words.split()) == params


def test_a_notebooks_parameters_are_those_that_it_is_given() -> None:
    words = notebook_words("a.ipynb", ["--alpha", "0.5", "-r", "name", "7", "--fast"])
    assert params_of(words) == {"alpha": "0.5", "name": "7", "fast": "True"}


@given(st.lists(st.text()))
def test_any_words_have_parameters_that_can_be_kept(words: list[str]) -> None:
    for name, value in params_of(words).items():
        assert 0 < len(name) <= NAME_LENGTH
        assert len(value) <= VALUE_LENGTH
        assert "\0" not in name + value


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.1", 0.1), ("1e-3", 0.001), ("-5", -5.0), (".5", 0.5), ("5.", 5.0), ("nan", None),
     ("inf", None), ("1_000", None), ("1e999", None), ("", None), ("x1", None), ("٣", 3.0)],
)  # fmt: skip
def test_numbers(text: str, number: float | None) -> None:
    assert number_of(text) == number
