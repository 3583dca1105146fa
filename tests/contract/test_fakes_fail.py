"""The contract suites can fail: each fake breaks one promise, and its suite says which."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract import fakes

ROOT = Path(__file__).parents[2]

BROKEN: dict[tuple[str, type], set[str]] = {
    ("LogStoreContract", fakes.HoleyLogStore): {"test_a_gap_is_answered_with_the_length"},
    ("LogStoreContract", fakes.ReopeningLogStore): {"test_a_sealed_log_takes_nothing_more"},
    ("LogStoreContract", fakes.TrustingLogStore): {"test_other_bytes_of_the_same_length_are_named"},
    ("BlobStoreContract", fakes.TrustingBlobStore): {
        "test_another_content_than_promised_is_refused",
        "test_a_promise_is_checked_even_when_the_content_is_known",
        "test_a_writer_that_breaks_its_promise_leaves_nothing",
    },
    ("BlobStoreContract", fakes.HastyBlobStore): {
        "test_a_broken_stream_leaves_nothing",
        "test_a_writer_that_fails_leaves_nothing",
    },
}

SUITE = """
class Test{fake}({suite}):
    @pytest.fixture
    def store(self, tmp_path):
        return fakes.{fake}(tmp_path / "store")
"""


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """(fake, promise) for every test that failed when the suites ran against the fakes."""
    test = tmp_path_factory.mktemp("suites") / "test_fakes.py"
    joined = [SUITE.format(suite=suite, fake=fake.__name__) for suite, fake in BROKEN]
    imports = (
        "import pytest",
        "from tests.contract.blob_store import BlobStoreContract",
        "from tests.contract.log_store import LogStoreContract",
        "from tests.contract import fakes",
    )
    test.write_text("\n".join([*imports, *joined]))
    options = ["-q", "--tb=no", "-rf", "-c", os.devnull, "--noconftest", "-p", "no:cacheprovider"]
    options += ["--basetemp", str(test.with_name("kept"))]  # else it clears up after other runs
    without = [word for plugin in ("django", "asyncio", "xdist") for word in ("-p", f"no:{plugin}")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *without, str(test)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        stdout=subprocess.PIPE,
        check=False,
    )
    output = done.stdout.decode()
    assert done.returncode == 1, output
    assert " passed" in output
    return set(re.findall(r"^FAILED .*::Test(\w+)::(\w+)", output, re.MULTILINE))


@pytest.mark.parametrize(("suite", "fake"), BROKEN)
def test_a_suite_names_the_promise_that_is_broken(
    failures: set[tuple[str, str]], suite: str, fake: type
) -> None:
    found = {promise for name, promise in failures if name == fake.__name__}
    assert found == BROKEN[suite, fake]
