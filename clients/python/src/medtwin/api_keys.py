"""API keys."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, TypeVar

from medtwin import request
from medtwin.decoding import decode
from medtwin.endpoint import Resource, Transport, endpoint, list_endpoint
from medtwin.errors import SecretLost
from medtwin.request import ApiRequest, JsonFields, Page
from medtwin.secret import Secret

K = TypeVar("K", bound="CreatedApiKey")

Permission: TypeAlias = Literal["read", "write", "delete", "admin"] | str
"""A permission of a key or a member. Any string is accepted, because later versions of the service may add some."""
KeyType: TypeAlias = Literal["live", "test"] | str
"""The data that a key can access: live data or test data."""
KeyStatus: TypeAlias = Literal["active", "expired", "revoked"] | str


@dataclass(frozen=True)
class Scope:
    """The projects that a key can access, by id."""

    projects: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """An API key, without its secret."""

    id: str
    name: str
    type: KeyType
    permissions: tuple[Permission, ...]
    scope: Scope | None
    """The projects that the key can access, or None for every project."""
    hint: str
    """The first and last characters of the secret, by which people recognize it."""
    status: KeyStatus
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class CreatedApiKey(ApiKey):
    """A new API key, with its secret."""

    key: Secret
    """The secret, which authenticates requests. The service returns it only once."""


@dataclass(frozen=True, kw_only=True)
class RotatedApiKey(CreatedApiKey):
    """An API key, with its new secret."""

    previous_expires_at: datetime
    """When the previous secret stops working."""


class ApiKeys(Resource[Transport]):
    """The API keys that the caller can access.

    They need a session or a key with `admin`. Every key may revoke and rotate itself.
    """

    @endpoint
    def create(
        self,
        name: str,
        permissions: Collection[Permission],
        *,
        type: KeyType = "live",
        scope: Scope | None = None,
        expires_at: datetime | None = None,
    ) -> ApiRequest[CreatedApiKey]:
        """Create a key. It cannot have more rights than the caller.

        Without `scope` the key can access every project. Without `expires_at` it never expires.
        """
        return _returning_secret(
            CreatedApiKey,
            "/v1/api-keys",
            {
                "name": name,
                "permissions": tuple(permissions),
                "type": type,
                "scope": scope and {"projects": scope.projects},
                "expires_at": request.format_time(expires_at),
            },
        )

    @list_endpoint
    def list(self, *, status: Literal["all"] | None = None, page_size: int | None = None) -> ApiRequest[Page[ApiKey]]:
        """List keys, newest first. Revoked keys are included only with `status="all"`."""
        return request.get_page("/v1/api-keys", ApiKey, page_size, {"status": status})

    @endpoint
    def get(self, key_id: str) -> ApiRequest[ApiKey]:
        """Get one key."""
        return request.get(f"/v1/api-keys/{request.path_segment(key_id)}", ApiKey)

    @endpoint
    def revoke(self, key_id: str) -> ApiRequest[None]:
        """Revoke a key, so that none of its secrets is authorized any more. Revoking it again is not an error."""
        return request.delete(f"/v1/api-keys/{request.path_segment(key_id)}")

    @endpoint
    def rotate(self, key_id: str, *, grace_period: timedelta | None = None) -> ApiRequest[RotatedApiKey]:
        """Replace the secret of a key.

        The old secret works for `grace_period` more: 0 to 7 days, 1 day by default.
        """
        return _returning_secret(
            RotatedApiKey,
            f"/v1/api-keys/{request.path_segment(key_id)}/rotate",
            {"grace_period": None if grace_period is None else math.ceil(grace_period.total_seconds())},
        )


def _returning_secret(cls: type[K], path: str, body: JsonFields) -> ApiRequest[K]:
    def decode_key(response_body: object) -> K:
        # The service repeats the first response to a retried request, but without the secret.
        if isinstance(response_body, dict) and "key" not in response_body:
            raise SecretLost(decode(ApiKey, response_body))
        return decode(cls, response_body)

    return request.idempotent(replace(request.post(path, cls, body), decoder=decode_key))
