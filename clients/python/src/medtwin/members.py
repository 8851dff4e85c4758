"""Members: the people of an account."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from medtwin import request
from medtwin.api_keys import Permission
from medtwin.endpoint import Resource, Transport, endpoint, list_endpoint
from medtwin.request import ApiRequest, Page
from medtwin.secret import Secret
from medtwin.sessions import Session

MemberStatus: TypeAlias = Literal["invited", "active", "suspended"] | str
"""The status of a member. Only an active member can log in."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """A member of the account."""

    id: str
    email: str
    permissions: tuple[Permission, ...]
    status: MemberStatus
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """An invitation, with which a member chooses a password."""

    expires_at: datetime
    token: Secret | None = None
    """What the member passes to `accept_invitation`, shown once. None if the service mailed it to the member."""


@dataclass(frozen=True, kw_only=True)
class InvitedMember(Member):
    """A member who is invited, with the invitation."""

    invitation: Invitation


class Members(Resource[Transport]):
    """The members of the account. They need `admin`, in a session or in a live key without a scope."""

    @endpoint
    def invite(self, email: str, permissions: Collection[Permission]) -> ApiRequest[InvitedMember]:
        """Invite a member, who then chooses a password. Callers can grant only permissions that they have."""
        return request.post("/v1/members", InvitedMember, {"email": email, "permissions": tuple(permissions)})

    @endpoint
    def invite_again(self, user_id: str) -> ApiRequest[InvitedMember]:
        """Make a new invitation for a member who has not accepted the previous one, which ends.

        Raises `Conflict` if the member is not invited.
        """
        return request.post(f"{_path(user_id)}/invite", InvitedMember, {})

    @list_endpoint
    def list(self, *, page_size: int | None = None) -> ApiRequest[Page[Member]]:
        """List members, newest first."""
        return request.get_page("/v1/members", Member, page_size)

    @endpoint
    def get(self, user_id: str) -> ApiRequest[Member]:
        """Get one member."""
        return request.get(_path(user_id), Member)

    @endpoint
    def change(
        self,
        user_id: str,
        *,
        permissions: Collection[Permission] | None = None,
        status: MemberStatus | None = None,
    ) -> ApiRequest[Member]:
        """Change the permissions or the status of a member; an argument that is None changes nothing.

        The change takes effect with the member's next request, in existing sessions too. Raises `ValueError` if no
        argument is given.
        """
        granted = None if permissions is None else tuple(permissions)
        changes = request.without_none({"permissions": granted, "status": status})
        if not changes:
            raise ValueError("pass at least one change")
        return request.patch(_path(user_id), Member, changes)

    @endpoint
    def remove(self, user_id: str) -> ApiRequest[None]:
        """Remove a member and end their sessions. The keys that they created keep working."""
        return request.delete(_path(user_id))

    @list_endpoint
    def sessions(self, user_id: str, *, page_size: int | None = None) -> ApiRequest[Page[Session]]:
        """List the sessions of a member, newest first."""
        return request.get_page(f"{_path(user_id)}/sessions", Session, page_size)

    @endpoint
    def end_sessions(self, user_id: str) -> ApiRequest[None]:
        """End all sessions of a member, including the one of this client if it is their own. They can log in again.

        A key cannot end the sessions of a member who has `admin`.
        """
        return request.delete(f"{_path(user_id)}/sessions")


def _path(user_id: str) -> str:
    return f"/v1/members/{request.path_segment(user_id)}"
