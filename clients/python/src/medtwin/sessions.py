"""A member's sessions, and the password that begins them. All of it needs a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from medtwin import call
from medtwin.call import Call, Page, Repeat
from medtwin.endpoint import Resource, Wire, endpoint, listing
from medtwin.reading import read
from medtwin.secret import Secret


@dataclass(frozen=True, kw_only=True)
class Session:
    """A session of the caller's."""

    id: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    user_agent: str | None
    """What the browser or program that logged in calls itself."""
    current: bool
    """Whether it is the one that asks."""


@dataclass(frozen=True, kw_only=True)
class LoggedIn:
    """A session that has begun."""

    session_token: Secret
    expires_at: datetime


class Sessions(Resource[Wire]):
    """The caller's sessions."""

    @listing
    def list(self, *, page_size: int | None = None) -> Call[Page[Session]]:
        """List sessions, newest first."""
        return call.get_page("/v1/auth/sessions", Session, page_size)

    @endpoint
    def end(self, session_id: str) -> Call[None]:
        """End a session."""
        return call.delete(f"/v1/auth/sessions/{call.segment(session_id)}")


def log_in(email: str, password: Secret) -> Call[LoggedIn]:
    """Begin a session."""
    return Call(
        method="POST",
        path="/v1/auth/login",
        read=lambda answer: read(LoggedIn, answer),
        body={"email": email, "password": password},
        repeat=Repeat.NEVER,
    )


def log_out() -> Call[None]:
    """End the session that asks. To one that has ended, the service says 401."""
    return Call(method="POST", path="/v1/auth/logout", read=call.nothing, done_already=401)


def change_password(current: Secret, new: Secret) -> Call[None]:
    """Change the password of the member who asks, and end their other sessions."""
    return Call(
        method="POST",
        path="/v1/auth/password",
        read=call.nothing,
        body={"current_password": current, "new_password": new},
        repeat=Repeat.NEVER,
    )
