"""A text that must not be shown by accident."""

from __future__ import annotations

from hmac import compare_digest
from typing import NoReturn


class Secret:
    """An API key, a session token or a password. Only `reveal` returns its text.

    The text does not appear in `repr`, `str` or a formatted string, in the locals of a traceback, or in the result of
    `dataclasses.asdict`. A secret can be neither pickled nor serialized as JSON.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    @classmethod
    def of(cls, text: str | Secret) -> Secret:
        """Wrap `text` in a secret, unless it is one already."""
        return text if isinstance(text, Secret) else cls(text)

    def reveal(self) -> str:
        """Return the text."""
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
