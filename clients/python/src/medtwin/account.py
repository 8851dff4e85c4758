"""The account: its name, its policy and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from medtwin import request
from medtwin.not_given import NOT_GIVEN, NotGiven
from medtwin.request import ApiRequest

AccountStatus: TypeAlias = Literal["active", "suspended"] | str
"""The status of an account. Only the operator of the service changes it."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The rate limits of an account's keys, by key type, in requests per minute."""

    live: int
    test: int


@dataclass(frozen=True, kw_only=True)
class KeyLimits:
    """How many keys that are not revoked an account may have, by key type. None means the default."""

    live: int | None
    test: int | None


@dataclass(frozen=True, kw_only=True)
class KeysPerAccount:
    """How many keys that are not revoked the account may have, by key type."""

    live: int
    test: int


@dataclass(frozen=True, kw_only=True)
class AccountPolicy:
    """The rules for the members and the API keys of an account."""

    require_second_factor: bool
    """Whether members need a second factor."""
    reauthentication_minutes: int | None
    """How long ago the last authentication of a session may be when it changes API keys, or None for no limit."""
    max_key_lifetime_days: int | None
    """How many days ahead the expiry of a new or changed key may be, or None for no limit."""
    idle_key_days: int | None
    """After how many days without use a key is idle, or None for never."""


@dataclass(frozen=True, kw_only=True)
class AccountLimits:
    """The limits of an account. Only the operator of the service changes them."""

    requests_per_minute: Limits
    """How many requests per minute each key may send."""
    keys: KeysPerAccount
    """How many keys that are not revoked the account may have."""
    sessions_per_member: int
    """How many sessions each member may have. A further login ends the oldest one."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The account that the caller belongs to."""

    id: str
    name: str
    status: AccountStatus
    created_at: datetime
    policy: AccountPolicy
    limits: AccountLimits


def get() -> ApiRequest[Account]:
    """Return the request for the account of the caller."""
    return request.get("/v1/account", Account)


def change(
    name: str | NotGiven = NOT_GIVEN,
    require_second_factor: bool | NotGiven = NOT_GIVEN,
    reauthentication_minutes: int | NotGiven | None = NOT_GIVEN,
    max_key_lifetime_days: int | NotGiven | None = NOT_GIVEN,
    idle_key_days: int | NotGiven | None = NOT_GIVEN,
) -> ApiRequest[Account]:
    """Return the request that changes the given fields. Raises `ValueError` if there are none."""
    policy = request.without_not_given(
        {
            "require_second_factor": require_second_factor,
            "reauthentication_minutes": reauthentication_minutes,
            "max_key_lifetime_days": max_key_lifetime_days,
            "idle_key_days": idle_key_days,
        }
    )
    changes = request.without_not_given({"name": name, "policy": policy or NOT_GIVEN})
    if not changes:
        raise ValueError("pass at least one change")
    return request.patch("/v1/account", Account, changes)
