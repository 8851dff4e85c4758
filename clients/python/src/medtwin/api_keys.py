"""API keys."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, TypeVar

from medtwin import call
from medtwin.call import Call, Members, Page
from medtwin.endpoint import Resource, Wire, endpoint, listing
from medtwin.errors import SecretLost
from medtwin.reading import read
from medtwin.secret import Secret

K = TypeVar("K", bound="CreatedApiKey")

Permission: TypeAlias = Literal["read", "write", "delete", "admin"] | str
"""What a key or a member may do. Any text, since a later version of the service may have more."""
KeyType: TypeAlias = Literal["live", "test"] | str
"""Which data a key sees."""
KeyStatus: TypeAlias = Literal["active", "expired", "revoked"] | str
"""Whether a key works."""


@dataclass(frozen=True)
class Scope:
    """The projects that a key reaches."""

    projects: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """An API key, without its secret."""

    id: str
    name: str
    type: KeyType
    permissions: tuple[Permission, ...]
    scope: Scope | None
    """None is every project."""
    hint: str
    """Begin and end of the secret, to know it by."""
    status: KeyStatus
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class CreatedApiKey(ApiKey):
    """A key that was just made."""

    key: Secret
    """What to call the service with. It stands here once, and can never be read again."""


@dataclass(frozen=True, kw_only=True)
class RotatedApiKey(CreatedApiKey):
    """A key with a new secret."""

    previous_expires_at: datetime
    """Until when the old secret works."""


class ApiKeys(Resource[Wire]):
    """The keys that the caller reaches: with `admin`, or a session; its own always for `revoke` and `rotate`."""

    @endpoint
    def create(
        self,
        name: str,
        permissions: Collection[Permission],
        *,
        type: KeyType = "live",
        scope: Scope | None = None,
        expires_at: datetime | None = None,
    ) -> Call[CreatedApiKey]:
        """Make a key, which never exceeds its maker. Without a scope it reaches every project, for ever by default."""
        return _with_secret(
            CreatedApiKey,
            "/v1/api-keys",
            {
                "name": name,
                "permissions": tuple(permissions),
                "type": type,
                "scope": scope and {"projects": scope.projects},
                "expires_at": call.seconds(expires_at),
            },
        )

    @listing
    def list(self, *, status: Literal["all"] | None = None, page_size: int | None = None) -> Call[Page[ApiKey]]:
        """List keys, newest first; with `status="all"` the revoked ones too."""
        return call.get_page("/v1/api-keys", ApiKey, page_size, {"status": status})

    @endpoint
    def get(self, key_id: str) -> Call[ApiKey]:
        """Read one key."""
        return call.get(f"/v1/api-keys/{call.segment(key_id)}", ApiKey)

    @endpoint
    def revoke(self, key_id: str) -> Call[None]:
        """End a key: from the answer on, no secret of it is let in. Once more is no error."""
        return call.delete(f"/v1/api-keys/{call.segment(key_id)}")

    @endpoint
    def rotate(self, key_id: str, *, grace_period: timedelta | None = None) -> Call[RotatedApiKey]:
        """Give a key a new secret; the old one works for `grace_period` more, from 0 to 7 days, 1 day by default."""
        return _with_secret(
            RotatedApiKey,
            f"/v1/api-keys/{call.segment(key_id)}/rotate",
            {"grace_period": None if grace_period is None else math.ceil(grace_period.total_seconds())},
        )


def _with_secret(kind: type[K], path: str, body: Members) -> Call[K]:
    def read_key(answer: object) -> K:
        # A repetition is answered with what was answered before, without the secret.
        if isinstance(answer, dict) and "key" not in answer:
            raise SecretLost(read(ApiKey, answer))
        return read(kind, answer)

    return call.once(replace(call.post(path, kind, body), read=read_key))
