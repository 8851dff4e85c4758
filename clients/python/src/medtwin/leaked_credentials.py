"""Leaked credentials: how anybody ends them, and how secret scanners find them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from medtwin import request
from medtwin.decoding import decode
from medtwin.endpoint import Resource, Transport, endpoint
from medtwin.request import ApiRequest
from medtwin.secret import Secret

TokenKind: TypeAlias = Literal["api_key", "session"] | str
"""The kind of a credential."""


@dataclass(frozen=True, kw_only=True)
class TokenPattern:
    """The pattern of the tokens with one prefix."""

    type: TokenKind
    regex: str
    """A regular expression that finds a token anywhere in a text. Its only group contains the token."""
    prefix: str
    """The text that every such token begins with."""


class LeakedCredentials(Resource[Transport]):
    """Leaked credentials. They need no credential, so the client sends none."""

    @endpoint
    def report(self, *credentials: str | Secret) -> ApiRequest[None]:
        """End leaked API keys and sessions. A key is revoked with both of its secrets.

        Pass 1 to 100 texts, each a whole token. A text that is no valid token has no effect, and the service does not
        say which were valid. After an error, some of them may still be valid; the same call ends the rest.
        """
        # A traceback may show locals, so `credentials` must not keep the plain texts.
        credentials = tuple(Secret.of(credential) for credential in credentials)
        return ApiRequest(
            method="POST",
            path="/v1/credentials/revoke",
            decoder=request.ignore_body,
            body={"credentials": credentials},
            needs_credential=False,
        )

    @endpoint
    def patterns(self) -> ApiRequest[tuple[TokenPattern, ...]]:
        """Get a regular expression for each kind of token, for secret scanners."""
        return ApiRequest(
            method="GET",
            path="/v1/credentials/patterns",
            decoder=lambda body: decode(tuple[TokenPattern, ...], body),
            needs_credential=False,
        )
