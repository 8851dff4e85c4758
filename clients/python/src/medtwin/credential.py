"""What a client shows to be let in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from medtwin.secret import Secret

_KEY = re.compile(r"mt_[a-z]+_[A-Za-z0-9]+")


@dataclass(frozen=True)
class Credential:
    """An API key or a session's token, with the scheme of the header that it goes into."""

    scheme: Literal["Bearer", "Session"]
    secret: Secret

    @classmethod
    def of_key(cls, key: Secret) -> Credential:
        """Take an API key.

        Raises `ValueError` where it has not the form of one: something else may be another service's secret, and
        white space around it would be quoted by the error of a lower layer.
        """
        if not _KEY.fullmatch(key.reveal()):
            raise ValueError("the API key is not of the form mt_live_… or mt_test_…, with nothing around it")
        return cls("Bearer", key)

    @classmethod
    def of_session(cls, token: Secret) -> Credential:
        """Take a session's token."""
        return cls("Session", token)

    def authorization(self) -> str:
        """Give the header's value."""
        return f"{self.scheme} {self.secret.reveal()}"
