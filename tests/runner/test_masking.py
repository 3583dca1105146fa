"""The masking of the receipt against the plainest reading of its rule."""

from __future__ import annotations

import hashlib
import itertools
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from compute.runner.runner import Digest, Masker
from tests.waiting import eventually


def naive(text: bytes, values: list[str]) -> tuple[bytes, int]:
    """Every byte that any occurrence of any value of at least 4 bytes covers, one by one."""
    covered = set()
    for value in (value.encode() for value in values):
        for begin in range(len(text) - len(value) + 1) if len(value) >= 4 else ():
            if text[begin : begin + len(value)] == value:
                covered.update(range(begin, begin + len(value)))
    masked = bytes(0x2A if at in covered else byte for at, byte in enumerate(text))
    marks = "".join("x" if at in covered else "." for at in range(len(text)))
    return masked, len(re.findall("x+", marks))


few_letters = st.text(alphabet="ab", max_size=12)
texts = st.one_of(
    st.text(alphabet="ab", max_size=200),
    st.lists(few_letters, max_size=30).map("".join),
    st.tuples(few_letters, st.integers(1, 60)).map(lambda pair: pair[0] * pair[1]),
)


@given(text=texts, values=st.lists(few_letters, max_size=4), cuts=st.lists(st.integers(0, 300)))
def test_it_masks_what_the_naive_reading_masks(
    text: str, values: list[str], cuts: list[int]
) -> None:
    data = text.encode()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    masker = Masker(values)
    pieces = [masker.feed(data[begin:end]) for begin, end in itertools.pairwise(edges)]
    assert (b"".join([*pieces, masker.flush()]), masker.masked) == naive(data, values)


def test_a_log_made_of_nothing_but_the_secret_is_masked_fast() -> None:
    masker = Masker(["====", "-=-="])
    piece = b"=" * (1 << 20)
    masked = sum(len(masker.feed(piece)) for _ in range(50)) + len(masker.flush())
    assert masked == 50 << 20
    assert masker.masked == 1


def test_secrets_with_other_bytes_than_letters() -> None:
    masker = Masker(["päss", "a\nb\nc"])
    assert masker.feed("xpässx a\nb\nc.".encode()) + masker.flush() == b"x*****x *****."


def test_a_log_that_shrinks_is_hashed_anew(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_bytes(b"a secret word that was here before\n" * 100)
    digest = Digest(str(log), ["secret"])
    assert digest.advance(1 << 20)
    log.write_bytes(b"no secret\n")
    eventually(lambda: digest.advance(1 << 20))
    expected = hashlib.sha256(b"no ******\n").hexdigest()
    assert digest.receipt() == {"log_bytes": 10, "sha256": expected, "masked": 1}
