"""The audit trail: what was changed in an account, by whom, when and in which request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from medtwin import call
from medtwin.api_keys import KeyType, Permission, Scope
from medtwin.call import Call, Page
from medtwin.endpoint import Resource, Wire, listing


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who did something."""

    type: str
    """`session`, `api_key` or `operator`."""
    key_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many requests a minute keys may send, by their type."""

    live: int
    test: int


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """One event. Which members behind `source_ip` it has goes by its `type`; the others are None."""

    id: str
    type: str
    """Such as `api_key.rotated`."""
    created_at: datetime
    actor: Actor | None
    """None for a login that was refused."""
    request_id: str
    source_ip: str | None
    """None for the operator."""
    key_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    name: str | None = None
    email: str | None = None
    key_type: KeyType | None = None
    permissions: tuple[Permission, ...] | None = None
    scope: Scope | None = None
    expires_at: datetime | None = None
    previous_expires_at: datetime | None = None
    status: str | None = None
    reason: str | None = None
    requests_per_minute: Limits | None = None


class AuditEvents(Resource[Wire]):
    """The account's audit trail, for who has `admin` over the whole account."""

    @listing
    def list(self, *, key_id: str | None = None, page_size: int | None = None) -> Call[Page[AuditEvent]]:
        """List events, newest first; with `key_id`, what was done to that key and what it did."""
        return call.get_page("/v1/audit-events", AuditEvent, page_size, {"key_id": key_id})
