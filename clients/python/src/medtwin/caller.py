"""Who is calling, as the service sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from medtwin.api_keys import KeyType, Permission, Scope
from medtwin.call import Call
from medtwin.reading import Malformed, read


@dataclass(frozen=True, kw_only=True)
class KeyCaller:
    """A program with an API key."""

    account_id: str
    key_id: str
    name: str
    key_type: KeyType
    permissions: tuple[Permission, ...]
    scope: Scope | None
    expires_at: datetime | None
    secret: Literal["current", "previous"] | str
    """Which of the key's secrets it has: `previous` is one that a rotation has replaced, and ends soon."""

    @property
    def has_current_secret(self) -> bool:
        """Whether no rotation has replaced the secret."""
        return self.secret == "current"  # noqa: S105 - a word about it


@dataclass(frozen=True, kw_only=True)
class SessionCaller:
    """A member with a session."""

    account_id: str
    user_id: str
    email: str
    permissions: tuple[Permission, ...]
    expires_at: datetime


Caller: TypeAlias = KeyCaller | SessionCaller


@dataclass(frozen=True)
class _Kind:
    type: str


def me() -> Call[Caller]:
    """Ask who is calling."""
    return Call(method="GET", path="/v1/auth/me", read=_caller)


def _caller(answer: object) -> Caller:
    match read(_Kind, answer).type:
        case "api_key":
            return read(KeyCaller, answer)
        case "session":
            return read(SessionCaller, answer)
        case _:
            raise Malformed("the answer.type is none that this version knows")
