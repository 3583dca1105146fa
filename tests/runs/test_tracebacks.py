"""The one line that says what went wrong."""

from __future__ import annotations

from runs.tracebacks import find_cause

TRACEBACK = b"""epoch 3
Traceback (most recent call last):
  File "train.py", line 3, in <module>
    main()
ValueError: alpha must be positive, not -1
"""


def test_it_finds_the_error_line_of_the_last_traceback() -> None:
    earlier = b"Traceback (most recent call last):\n  x\nKeyError: 'a'\n"
    cause = find_cause(earlier + TRACEBACK + b"cleaning up\n")
    assert cause.line == "ValueError: alpha must be positive, not -1"


def test_it_names_the_missing_top_level_module() -> None:
    log = b"Traceback (most recent call last):\n  x\n"
    log += b"ModuleNotFoundError: No module named 'sklearn.svm'\n"
    assert find_cause(log).missing_module == "sklearn"


def test_an_exception_without_a_message_counts() -> None:
    log = b"Traceback (most recent call last):\n  x\nKeyboardInterrupt\n"
    assert find_cause(log).line == "KeyboardInterrupt"


def test_colours_are_no_part_of_the_line() -> None:
    log = b"Traceback (most recent call last):\n  x\n\x1b[31mRuntimeError: no\x1b[0m\n"
    assert find_cause(log).line == "RuntimeError: no"


def test_without_a_traceback_the_last_words_count() -> None:
    assert find_cause(b"loading\nfatal: no such file\n\n").line == "fatal: no such file"


def test_a_progress_bar_shows_its_last_state() -> None:
    assert find_cause(b"10%\r50%\r99%").line == "99%"


def test_an_empty_log_has_no_line() -> None:
    assert find_cause(b"").line == ""
