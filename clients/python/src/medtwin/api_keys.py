"""API keys."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias, TypeVar

from medtwin import request
from medtwin.decoding import decode
from medtwin.endpoint import Resource, Transport, completing_endpoint, endpoint, list_endpoint
from medtwin.errors import SecretLost
from medtwin.not_given import NOT_GIVEN, NotGiven
from medtwin.request import ApiRequest, JsonFields, Page, Part
from medtwin.secret import Secret

K = TypeVar("K", bound="CreatedApiKey")

Permission: TypeAlias = Literal["read", "write", "delete", "admin"] | str
"""A permission of a key or a member. Any string is accepted, because later versions of the service may add some."""
KeyType: TypeAlias = Literal["live", "test"] | str
"""The data that a key can access: live data or test data."""
KeyStatus: TypeAlias = Literal["active", "expired", "disabled", "idle", "revoked"] | str
"""The status of a key. Only an active key is authorized. A disabled or idle key can be enabled again."""
Decision: TypeAlias = Literal["allow", "deny"] | str
DenialReason: TypeAlias = (
    Literal[
        "revoked",
        "expired",
        "unknown_restriction",
        "disabled",
        "idle",
        "address_not_allowed",
        "account_suspended",
        "no_route",
        "wrong_kind_of_credential",
        "missing_permission_read",
        "missing_permission_write",
        "missing_permission_delete",
        "missing_permission_admin",
        "wrong_environment",
        "outside_scope",
    ]
    | str
)
"""Why a request with a key is denied."""


@dataclass(frozen=True)
class Scope:
    """The projects that a key can access, by id."""

    projects: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PreviousSecret:
    """A secret that a rotation replaced and that is still valid."""

    expires_at: datetime
    """When the secret stops working."""
    last_used_at: datetime | None
    """When the secret was last used since the rotation, or None if no such use was seen.

    The service records a use with a delay, and a few uses never. So None does not prove that no program uses it.
    """


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """An API key, without its secret.

    The fields with a default are missing in a response that an earlier version of the service stored for a retry.
    """

    id: str
    name: str
    type: KeyType
    permissions: tuple[Permission, ...]
    scope: Scope | None
    """The projects that the key can access, or None for every project."""
    allowed_ips: tuple[str, ...] | None = None
    """The IP addresses, and networks in CIDR notation, from which the key can be used, or None for every address."""
    hint: str
    """The first and last characters of the secret, by which people recognize it."""
    status: KeyStatus
    created_at: datetime
    created_by: str | None = None
    """The id of the member or the key that created the key, or None for older keys."""
    expires_at: datetime | None
    last_used_at: datetime | None
    """When the key was last used, or None if it was never used. It can lag by up to a minute."""
    last_used_ip: str | None = None
    """The IP address of the use at `last_used_at`, or None if it is unknown."""
    previous_secret: PreviousSecret | None = None
    """The secret that the last rotation replaced, while it works, otherwise None."""


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


@dataclass(frozen=True, kw_only=True)
class DailyUsage:
    """The use of a key on one day."""

    date: date
    """The day, in UTC."""
    requests: int
    """The number of authorized requests. It can lag, and never exceeds the true number."""
    rate_limited: int
    """The number of requests that exceeded the rate limit of the key."""


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The decision that a request with a key would get."""

    decision: Decision
    """`allow` or `deny`."""
    status: int
    """200 if the request is allowed, 401 if the key is not valid, or 403 if it may not make this request."""
    reason: DenialReason | None
    """Why the request is denied, or None if it is allowed."""


class ApiKeys(Resource[Transport]):
    """The API keys that the caller can access.

    They need a session or a key with `admin`. Every key may get, revoke and rotate itself. A session without `admin`
    may change, rotate and revoke only the keys that its member created.
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
        allowed_ips: Collection[str] | None = None,
    ) -> ApiRequest[CreatedApiKey]:
        """Create a key. It cannot have more rights than the caller.

        Without `scope` the key can access every project. Without `expires_at` it never expires. `allowed_ips` are 1 to
        50 IP addresses or networks in CIDR notation, such as `192.0.2.0/24`. Without them the key can be used from
        every address.
        """
        fields = {
            "name": name,
            "permissions": tuple(permissions),
            "type": type,
            "scope": _format_scope(scope),
            "expires_at": request.format_time(expires_at),
            "allowed_ips": _format_addresses(allowed_ips),
        }
        return _returning_secret(CreatedApiKey, "/v1/api-keys", request.without_none(fields))

    @list_endpoint
    def list(
        self,
        *,
        status: Literal["all"] | KeyStatus | None = None,
        type: KeyType | None = None,
        created_by: str | None = None,
        compliant: bool | None = None,
        page_size: int | None = None,
    ) -> ApiRequest[Page[ApiKey]]:
        """List keys, newest first. Each argument narrows the list.

        Without `status`, revoked keys are left out; `status="all"` includes them. `created_by` is the id of a member or
        a key, and selects the keys that it created itself. `compliant=False` selects the keys whose expiry the
        account's policy would refuse today, and `compliant=True` the others; both leave out ended keys.
        """
        compliance = None if compliant is None else str(compliant).lower()
        filters = {"status": status, "type": type, "created_by": created_by, "compliant": compliance}
        return request.get_page("/v1/api-keys", ApiKey, page_size, filters)

    @endpoint
    def get(self, key_id: str) -> ApiRequest[ApiKey]:
        """Get one key."""
        return request.get(_path(key_id), ApiKey)

    @endpoint
    def change(
        self,
        key_id: str,
        *,
        name: str | NotGiven = NOT_GIVEN,
        permissions: Collection[Permission] | NotGiven = NOT_GIVEN,
        scope: Scope | NotGiven | None = NOT_GIVEN,
        expires_at: datetime | NotGiven | None = NOT_GIVEN,
        allowed_ips: Collection[str] | NotGiven | None = NOT_GIVEN,
        disabled: bool | NotGiven = NOT_GIVEN,
    ) -> ApiRequest[ApiKey]:
        """Change a key. The change takes effect with the next request that uses the key.

        An argument that is left out changes nothing. None removes the limit: the key can then access every project,
        never expires, or can be used from every address. `permissions`, `scope` and `allowed_ips` replace the whole
        present value. A disabled or idle key is not authorized until it is changed with `disabled=False`.

        Raises `ValueError` if no change is given. Raises `Forbidden` if the caller may not change this key, or if the
        change adds access that the caller does not have, and `Conflict` if the key has expired or was revoked, or is
        idle and the change does not enable it.
        """
        changes = request.without_not_given(
            {
                "name": name,
                "permissions": permissions if isinstance(permissions, NotGiven) else tuple(permissions),
                "scope": scope if isinstance(scope, NotGiven) else _format_scope(scope),
                "expires_at": expires_at if isinstance(expires_at, NotGiven) else request.format_time(expires_at),
                "allowed_ips": allowed_ips if isinstance(allowed_ips, NotGiven) else _format_addresses(allowed_ips),
                "disabled": disabled,
            }
        )
        path = _path(key_id)
        if not changes:
            raise ValueError("pass at least one change")
        return request.patch(path, ApiKey, changes)

    @endpoint
    def revoke(self, key_id: str) -> ApiRequest[None]:
        """Revoke a key, so that none of its secrets is authorized any more. Revoking it again is not an error."""
        return request.delete(_path(key_id))

    @completing_endpoint
    def revoke_all(self, *, ids: Collection[str] | None = None, created_by: str | None = None) -> ApiRequest[Part[str]]:
        """Revoke several keys, and return the ids of those that are now revoked. Requires a session with `admin`.

        Pass exactly one argument. `ids` are 1 to 100 ids of keys; unknown ids are ignored, and the result includes keys
        that were revoked before. `created_by` is the id of a member, who may have been removed; it selects the keys
        that the member created, and those that these keys created, at any depth. It does not find older keys, whose
        `created_by` is None. The client repeats the request until all of the keys are revoked.

        Raises `ValueError` unless exactly one argument is passed. After any other error, some of the keys may be
        revoked; the same call revokes the rest.
        """
        if (ids is None) == (created_by is None):
            raise ValueError("pass either ids or created_by")
        fields = {"ids": None if ids is None else tuple(ids), "created_by": created_by}
        return ApiRequest(
            method="POST",
            path="/v1/api-keys/revoke",
            decoder=_decode_revocation,
            body=request.without_none(fields),
        )

    @endpoint
    def rotate(self, key_id: str, *, grace_period: timedelta | None = None) -> ApiRequest[RotatedApiKey]:
        """Replace the secret of a key.

        The old secret works for `grace_period` more: 0 to 7 days, 1 day by default.
        """
        seconds = None if grace_period is None else math.ceil(grace_period.total_seconds())
        body = request.without_none({"grace_period": seconds})
        return _returning_secret(RotatedApiKey, f"{_path(key_id)}/rotate", body)

    @endpoint
    def usage(self, key_id: str, *, days: int | None = None) -> ApiRequest[tuple[DailyUsage, ...]]:
        """Get the use of a key on the last `days` days in UTC, newest first: 1 to 90 days, 30 by default.

        Days without use are left out.
        """
        return ApiRequest(
            method="GET",
            path=f"{_path(key_id)}/usage",
            decoder=lambda body: decode(_Usage, body).data,
            query={"days": None if days is None else str(days)},
        )

    @endpoint
    def simulate(self, key_id: str, method: str, path: str, ip_address: str) -> ApiRequest[Simulation]:
        """Get the decision that a request with the current secret of a key would get, and why.

        The service does not execute the request. `method` is in upper case. `path` is percent-encoded, as in
        `/v1/projects/proj_abc123`, and may end with a query. `ip_address` is the IPv4 or IPv6 address that the request
        comes from. The decision considers neither the rate limit nor whether the resources in the path exist.
        """
        return ApiRequest(
            method="POST",
            path=f"{_path(key_id)}/simulate",
            decoder=lambda body: decode(Simulation, body),
            body={"method": method, "path": path, "ip_address": ip_address},
        )


@dataclass(frozen=True)
class _Revocation:
    revoked: tuple[str, ...]
    more: bool


@dataclass(frozen=True)
class _Usage:
    data: tuple[DailyUsage, ...]


def _path(key_id: str) -> str:
    return f"/v1/api-keys/{request.path_segment(key_id)}"


def _format_scope(scope: Scope | None) -> JsonFields | None:
    return None if scope is None else {"projects": scope.projects}


def _format_addresses(addresses: Collection[str] | None) -> tuple[str, ...] | None:
    return None if addresses is None else tuple(addresses)


def _decode_revocation(body: object) -> Part[str]:
    revocation = decode(_Revocation, body)
    return Part(revocation.revoked, revocation.more)


def _returning_secret(cls: type[K], path: str, body: JsonFields) -> ApiRequest[K]:
    def decode_key(response_body: object) -> K:
        # The service repeats the first response to a retried request, but without the secret.
        if isinstance(response_body, dict) and "key" not in response_body:
            raise SecretLost(decode(ApiKey, response_body))
        return decode(cls, response_body)

    return request.idempotent(replace(request.post(path, cls, body), decoder=decode_key))
