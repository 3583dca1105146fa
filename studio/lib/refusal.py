"""The one exception of a person's mistake."""

from __future__ import annotations


class Refused(Exception):
    """What was asked cannot be done: one sentence says why and what to do next."""

    def __init__(self, sentence: str, *, field: str = "", code: str = "refused") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field
        self.code = code


class NotFound(Refused):
    """It does not exist, or the caller may not know that it does."""

    def __init__(self, sentence: str, *, field: str = "", code: str = "not_found") -> None:
        super().__init__(sentence, field=field, code=code)


class Forbidden(Refused):
    """The caller may see it but not do this to it."""

    def __init__(self, sentence: str, *, field: str = "", code: str = "forbidden") -> None:
        super().__init__(sentence, field=field, code=code)
