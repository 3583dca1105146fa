"""The one line that says what went wrong."""

from __future__ import annotations

from runs.tracebacks import Cause, find_cause

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


CELL = b"""Traceback (most recent call last):
  File "execute.py", line 251, in raise_for_execution_errors
    raise error
papermill.exceptions.PapermillExecutionError:\x20
---------------------------------------------------------------------------
Exception encountered at "In [4]":
---------------------------------------------------------------------------
%s

"""


def test_a_failed_notebook_tells_the_error_of_its_cell() -> None:
    said = b"""KeyError                                  Traceback (most recent call last)
Cell In[4], line 2
KeyError: 'a'

During handling of the above exception, another exception occurred:

ValueError                                Traceback (most recent call last)
Cell In[4], line 3
----> 3 f(alpha)

ValueError: alpha is 0.5
word"""
    assert find_cause(CELL % said).line == "ValueError: alpha is 0.5"


def test_a_cell_that_is_no_python_tells_that() -> None:
    said = b"  Cell In[1], line 1\n    x = = 1\n        ^\nSyntaxError: invalid syntax"
    assert find_cause(CELL % said).line == "SyntaxError: invalid syntax"


def test_a_cell_that_says_nothing_leaves_papermills_own_line() -> None:
    assert find_cause(CELL % b"-").line.startswith("papermill.exceptions.PapermillExecutionError")


def test_a_cell_without_a_module_names_it() -> None:
    said = b"ModuleNotFoundError   Traceback (most recent call last)\nCell In[1], line 1\n"
    assert find_cause(CELL % (said + b"ModuleNotFoundError: No module named 'torch'")) == Cause(
        "ModuleNotFoundError: No module named 'torch'", "torch"
    )


def test_a_module_that_cannot_be_executed_is_missing_too() -> None:
    line = "/opt/env/bin/python: No module named papermill"
    assert find_cause(f"{line}\n".encode()) == Cause(line, "papermill")


def test_a_missing_kernel_is_a_missing_package() -> None:
    log = b"Traceback (most recent call last):\n  x\n"
    log += b"jupyter_client.kernelspec.NoSuchKernel: No such kernel named python3\n"
    assert find_cause(log).missing_module == "ipykernel"
