"""The credential of a client: an API key or a session token."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from medtwin.secret import Secret

_API_KEY_PATTERN = re.compile(r"mt_[a-z]+_[A-Za-z0-9]+")
_SESSION_TOKEN_PATTERN = re.compile(r"sess_[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Credential:
    """An API key or a session token, with its scheme in the `Authorization` header."""

    scheme: Literal["Bearer", "Session"]
    secret: Secret

    @classmethod
    def from_api_key(cls, api_key: Secret) -> Credential:
        """Create the credential for an API key.

        Raises `ValueError` if the text does not have the form of an API key. Such a text may be a secret of another
        service. If it has whitespace around it, an error of a lower layer would quote it.
        """
        if not _API_KEY_PATTERN.fullmatch(api_key.reveal()):
            raise ValueError("the API key must have the form mt_live_… or mt_test_…, without whitespace around it")
        return cls("Bearer", api_key)

    @classmethod
    def from_session_token(cls, token: Secret) -> Credential:
        """Create the credential for a session.

        Raises `ValueError` if the text does not have the form of a session token.
        """
        if not _SESSION_TOKEN_PATTERN.fullmatch(token.reveal()):
            raise ValueError("the session token must have the form sess_…, without whitespace around it")
        return cls("Session", token)

    def authorization_header(self) -> str:
        """Return the value of the `Authorization` header."""
        return f"{self.scheme} {self.secret.reveal()}"
