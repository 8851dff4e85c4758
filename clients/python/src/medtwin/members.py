"""The people of an account."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from medtwin import call
from medtwin.api_keys import Permission
from medtwin.call import Call, Page
from medtwin.endpoint import Resource, Wire, endpoint, listing
from medtwin.secret import Secret

MemberStatus: TypeAlias = Literal["active", "suspended"] | str
"""Whether a member is let in."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """A member of the account."""

    id: str
    email: str
    permissions: tuple[Permission, ...]
    status: MemberStatus
    created_at: datetime


class Members(Resource[Wire]):
    """The account's members, for who has `admin` over the whole account."""

    @endpoint
    def create(self, email: str, permissions: Collection[Permission], password: str | Secret) -> Call[Member]:
        """Make a member, with a password to begin with. Nobody grants what they lack."""
        password = Secret.of(password)
        return call.post(
            "/v1/members",
            Member,
            {"email": email, "permissions": tuple(permissions), "password": password},
        )

    @listing
    def list(self, *, page_size: int | None = None) -> Call[Page[Member]]:
        """List members, newest first."""
        return call.get_page("/v1/members", Member, page_size)

    @endpoint
    def get(self, user_id: str) -> Call[Member]:
        """Read one member."""
        return call.get(_path(user_id), Member)

    @endpoint
    def change(
        self,
        user_id: str,
        *,
        permissions: Collection[Permission] | None = None,
        status: MemberStatus | None = None,
    ) -> Call[Member]:
        """Change what is given, from the next request on, in sessions that stand too."""
        granted = None if permissions is None else tuple(permissions)
        return call.patch(_path(user_id), Member, {"permissions": granted, "status": status})

    @endpoint
    def remove(self, user_id: str) -> Call[None]:
        """Remove a member, whose sessions end. Keys that they made stay."""
        return call.delete(_path(user_id))


def _path(user_id: str) -> str:
    return f"/v1/members/{call.segment(user_id)}"
