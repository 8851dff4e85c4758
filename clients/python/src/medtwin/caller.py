"""The caller: the API key or the session that the service sees behind a credential."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from medtwin.api_keys import KeyType, Permission, Scope
from medtwin.decoding import DecodeError, decode
from medtwin.request import ApiRequest

Factor: TypeAlias = Literal["password", "passkey", "recovery_code"] | str
"""What a member proved in an authentication."""


@dataclass(frozen=True, kw_only=True)
class KeyCaller:
    """A caller that uses an API key."""

    account_id: str
    key_id: str
    name: str
    key_type: KeyType
    permissions: tuple[Permission, ...]
    scope: Scope | None
    """The projects that the key can access, or None for every project."""
    expires_at: datetime | None
    secret: Literal["current", "previous"] | str
    """Which secret of the key the caller uses. A rotation replaced the previous one, which expires soon."""

    @property
    def has_current_secret(self) -> bool:
        """Whether the caller uses the current secret of the key."""
        return self.secret == "current"  # noqa: S105 - not a secret


@dataclass(frozen=True, kw_only=True)
class SessionCaller:
    """A caller that uses a session: a logged-in member."""

    account_id: str
    user_id: str
    email: str
    permissions: tuple[Permission, ...]
    expires_at: datetime
    authenticated_at: datetime
    """When the member last authenticated in this session. The login is the first authentication."""
    factors: tuple[Factor, ...]
    """What the member proved at the login and since then."""


Caller: TypeAlias = KeyCaller | SessionCaller


@dataclass(frozen=True)
class _TypeTag:
    type: str


def me() -> ApiRequest[Caller]:
    """Return a request for the caller."""
    return ApiRequest(method="GET", path="/v1/auth/me", decoder=_decode_caller)


def _decode_caller(body: object) -> Caller:
    match decode(_TypeTag, body).type:
        case "api_key":
            return decode(KeyCaller, body)
        case "session":
            return decode(SessionCaller, body)
        case _:
            raise DecodeError("response.type has an unknown value")
