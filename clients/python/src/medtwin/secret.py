"""A text that must not be seen."""

from __future__ import annotations

from hmac import compare_digest
from typing import NoReturn


class Secret:
    """A key, token or password. Only `reveal` gives its text.

    It is not shown by `repr`, `str` or a format, not among the locals of a traceback, not through
    `dataclasses.asdict`, and it cannot be pickled or written as JSON.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    @classmethod
    def of(cls, text: str | Secret) -> Secret:
        """Make a secret of `text`, unless it is one."""
        return text if isinstance(text, Secret) else cls(text)

    def reveal(self) -> str:
        """Give the text, for the place where it is kept."""
        return self.__text

    def __repr__(self) -> str:
        return "Secret('…')"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self.__text.encode(), other.__text.encode())

    def __hash__(self) -> int:
        return hash(self.__text)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")
