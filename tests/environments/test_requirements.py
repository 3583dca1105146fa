"""Requirements are checked line by line, and refused in one sentence that says what to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.requirements import (
    MAX_CHARACTERS,
    requirements_normalise,
    requirements_read,
)
from environments.spec import interpreter_spec, requirements_spec, spec_digest, template_spec
from studio.lib.refusal import Refused

SHA_A, SHA_B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def test_what_people_write_is_accepted() -> None:
    text = (
        "# training\n"
        "numpy\n"
        "\n"
        "Scikit_Learn >= 1.6, < 2   # the model\n"
        "pandas[performance]>=2; python_version >= '3.10'\n"
        f"six==1.16.0 \\\n    --hash={SHA_A} \\\n    --hash {SHA_B}\n"
        "tool @ https://example.org/tool-1.0.zip#sha256=00\n"
    )
    lines = requirements_read(text)
    assert [line.name for line in lines] == ["numpy", "scikit-learn", "pandas", "six", "tool"]
    assert [line.hashes for line in lines] == [(), (), (), (SHA_A, SHA_B), ()]
    assert requirements_normalise(text) == (
        "numpy\n"
        "Scikit_Learn >= 1.6, < 2\n"
        "pandas[performance]>=2; python_version >= '3.10'\n"
        f"six==1.16.0 --hash={SHA_A} --hash={SHA_B}\n"
        "tool @ https://example.org/tool-1.0.zip#sha256=00\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("numpy\n-r base.txt", "Line 2 of the requirements ('-r base.txt') uses the option -r"),
        ("--requirement=base.txt", "put the lines of that file here"),
        ("-c limits.txt", "put the version limits on the packages"),
        ("-e .", "remove the line"),
        ("--index-url https://example.org/simple", "UV_DEFAULT_INDEX"),
        ("torch --extra-index-url https://example.org/cpu", "--extra-index-url"),
        ("numpy --global-option=x", "uses the option --global-option"),
        ("./package", "is a path"),
        ("/opt/package-1.0.whl", "is a path"),
        ("package-1.0.tar.gz", "is a path"),
        ("tool @ file:///opt/tool", "begins with file"),
        ("tool @ ./tool", "only https://"),
        ("tool @ http://example.org/tool.zip", "begins with http:"),
        ("tool @ git+https://example.org/tool", "cannot be held to a hash"),
        ("https://example.org/tool.zip", "name @ https://"),
        ("tool==${VERSION}", "uses the environment variable ${VERSION}"),
        ("num py", "is not a requirement"),
        ("numpy=1", "like numpy>=2,<3"),
        ("six --hash=md5:00", "has a hash 'md5:00'"),
        ("n\0u\0m\0p\0y", "save them as UTF-8"),
        ("n" * (MAX_CHARACTERS + 1), "characters long"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(Refused) as refusal:
        requirements_read(text)
    assert said in refusal.value.sentence
    assert refusal.value.field == "requirements"
    assert refusal.value.sentence.endswith(".")
    assert "\n" not in refusal.value.sentence


@pytest.mark.parametrize(
    "text", ["tool @ https://ada:hunter2@example.org/t.zip", "-i https://ada:hunter2@example.org/"]
)
def test_a_refusal_never_repeats_credentials(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        requirements_read(text)
    assert "hunter2" not in refusal.value.sentence


@given(st.text(max_size=200))
def test_whatever_is_pasted_is_read_or_refused(text: str) -> None:
    try:
        normal = requirements_normalise(text)
    except Refused:
        return
    assert requirements_normalise(normal) == normal


def test_comments_and_space_do_not_make_another_definition() -> None:
    plain = requirements_spec("numpy\nsix")
    airy = requirements_spec("# why\nnumpy   # arrays\n\n  six\r\n")
    assert spec_digest(airy) == spec_digest(plain)
    assert spec_digest(requirements_spec("numpy\nsix==1")) != spec_digest(plain)


def test_a_curated_definition_changes_with_its_lock() -> None:
    first, second = template_spec("numpy", "numpy==1\n"), template_spec("numpy", "numpy==2\n")
    assert spec_digest(first) != spec_digest(second)


def test_an_interpreter_is_an_absolute_path() -> None:
    assert interpreter_spec(" /opt/venv//bin/python ")["interpreter_path"] == "/opt/venv/bin/python"
    assert interpreter_spec(" python ")["interpreter_path"] == "python", "the target's own"
    for path in ("python3", "bin/python", "/opt/../bin/python", "", "/opt/py\nthon"):
        with pytest.raises(Refused) as refusal:
            interpreter_spec(path)
        assert "absolute path" in refusal.value.sentence
        assert refusal.value.field == "interpreter_path"
