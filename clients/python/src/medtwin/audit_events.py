"""The audit trail: who changed what in an account, when, and in which request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from medtwin import request
from medtwin.account import AccountPolicy, KeyLimits, Limits
from medtwin.api_keys import KeyType, Permission, Scope
from medtwin.endpoint import Resource, Transport, list_endpoint
from medtwin.projects import Environment
from medtwin.request import ApiRequest, Page, format_time


@dataclass(frozen=True, kw_only=True)
class Actor:
    """The key, session or operator that caused an event."""

    type: str
    """`session`, `api_key` or `operator`."""
    key_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """One event. Its `type` decides which of the fields after `operator_identity` it has; the others are None."""

    id: str
    type: str
    """For example `api_key.rotated`."""
    created_at: datetime
    actor: Actor | None
    """None for a rejected login and for a credential that somebody reported as leaked."""
    request_id: str
    source_ip: str | None
    """None if the actor is the operator, or if the address was deleted."""
    operator_identity: str | None = None
    """The Amazon Cognito identity of the operator. None if it is unknown, or if the actor is not the operator."""
    key_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    kept_session_id: str | None = None
    """The session that did not end with the others, or None if all ended."""
    name: str | None = None
    email: str | None = None
    """Also None if the address was erased after the member was removed."""
    key_type: KeyType | None = None
    passkey_id: str | None = None
    factor: str | None = None
    """The kind of a second factor that was rejected."""
    project_id: str | None = None
    environment: Environment | str | None = None
    permissions: tuple[Permission, ...] | None = None
    scope: Scope | None = None
    allowed_ips: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    disabled: bool | None = None
    previous_expires_at: datetime | None = None
    status: str | None = None
    reason: str | None = None
    requests_per_minute: Limits | None = None
    policy: AccountPolicy | None = None
    keys: KeyLimits | None = None
    sessions_per_member: int | None = None


class AuditEvents(Resource[Transport]):
    """The audit trail of the account. It needs `admin`, in a session or in a live key without a scope."""

    @list_endpoint
    def list(
        self,
        *,
        key_id: str | None = None,
        type: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int | None = None,
    ) -> ApiRequest[Page[AuditEvent]]:
        """List events, newest first. The filters can be combined.

        `key_id` lists only changes of that key and changes made with it. `type` lists only events of this type, for
        example `api_key.rotated`. `actor` is the id of a member or a key, or `operator`, and lists only what they
        caused. `since` and `until` list only events at `since` or later, and before `until`. The service records times
        in whole seconds, so the seconds in which the two lie are included. Raises `ValueError` if a time has no time
        zone.
        """
        filters = {
            "key_id": key_id,
            "type": type,
            "actor": actor,
            "since": format_time(since),
            "until": format_time(until, round_up=True),
        }
        return request.get_page("/v1/audit-events", AuditEvent, page_size, filters)
