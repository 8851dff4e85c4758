"""Leaked credentials: their patterns, and reports that end them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from medtwin import request
from medtwin.decoding import decode
from medtwin.endpoint import Resource, Transport, endpoint
from medtwin.request import ApiRequest
from medtwin.secret import Secret

TokenKind: TypeAlias = Literal["api_key", "session"] | str
"""What a token is."""


@dataclass(frozen=True, kw_only=True)
class TokenPattern:
    """The pattern of the tokens with one prefix, for secret scanners."""

    type: TokenKind
    regex: str
    """A regular expression, whose only group contains the token."""
    prefix: str
    """The text that every such token begins with."""


class LeakedCredentials(Resource[Transport]):
    """The patterns of tokens, and reports of leaked ones. Both work with any credential, because they need none."""

    @endpoint
    def report(self, *credentials: str | Secret) -> ApiRequest[None]:
        """Report 1 to 100 API keys or session tokens as leaked, which ends them for good.

        Returns if none of them is valid any longer, whatever was valid before. Raises `Unavailable` if some of them may
        still be valid. The same report can then be sent again.
        """
        body = {"credentials": [Secret.of(credential) for credential in credentials]}
        return ApiRequest(method="POST", path="/v1/credentials/revoke", decoder=request.ignore_body, body=body)

    @endpoint
    def patterns(self) -> ApiRequest[tuple[TokenPattern, ...]]:
        """Get the pattern of each kind of token."""
        return ApiRequest(method="GET", path="/v1/credentials/patterns", decoder=_decode_patterns)


@dataclass(frozen=True)
class _Patterns:
    patterns: tuple[TokenPattern, ...]


def _decode_patterns(body: object) -> tuple[TokenPattern, ...]:
    return decode(_Patterns, {"patterns": body}).patterns
