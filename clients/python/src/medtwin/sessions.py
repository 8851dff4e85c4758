"""Sessions of the logged-in member, login, logout and the password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from medtwin import request
from medtwin.decoding import decode
from medtwin.endpoint import Resource, Transport, endpoint, list_endpoint
from medtwin.request import ApiRequest, Page, RetryWhen
from medtwin.secret import Secret


@dataclass(frozen=True, kw_only=True)
class Session:
    """A session of a member."""

    id: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    user_agent: str | None
    """The `User-Agent` of the browser or program that logged in."""
    ip_address: str | None
    """The IP address of the login."""
    current: bool
    """Whether this is the session that sent the request."""


@dataclass(frozen=True, kw_only=True)
class LoggedIn:
    """A new session, with its token."""

    session_token: Secret
    expires_at: datetime


class Sessions(Resource[Transport]):
    """The sessions of the logged-in member. They need a session."""

    @list_endpoint
    def list(self, *, page_size: int | None = None) -> ApiRequest[Page[Session]]:
        """List sessions, newest first."""
        return request.get_page("/v1/auth/sessions", Session, page_size)

    @endpoint
    def end(self, session_id: str) -> ApiRequest[None]:
        """End a session."""
        return request.delete(f"/v1/auth/sessions/{request.path_segment(session_id)}")

    @endpoint
    def end_others(self) -> ApiRequest[None]:
        """End all sessions of the logged-in member except the one of this client."""
        return request.delete("/v1/auth/sessions")


def log_in(email: str, password: Secret) -> ApiRequest[LoggedIn]:
    """Return a request that starts a session."""
    return ApiRequest(
        method="POST",
        path="/v1/auth/login",
        decoder=lambda body: decode(LoggedIn, body),
        body={"email": email, "password": password},
        retry=RetryWhen.NEVER,
        needs_credential=False,
    )


def log_out() -> ApiRequest[None]:
    """Return a request that ends the caller's session. The service returns 401 if the session ended before."""
    return ApiRequest(method="POST", path="/v1/auth/logout", decoder=request.ignore_body, already_done_status=401)


def reauthenticate(password: Secret) -> ApiRequest[None]:
    """Return a request that records that the member of the session has authenticated again."""
    return ApiRequest(
        method="POST",
        path="/v1/auth/reauthenticate",
        decoder=request.ignore_body,
        body={"password": password},
        retry=RetryWhen.NEVER,
    )


def change_password(current: Secret, new: Secret) -> ApiRequest[None]:
    """Return a request that changes the caller's password and ends the caller's other sessions."""
    return ApiRequest(
        method="POST",
        path="/v1/auth/password",
        decoder=request.ignore_body,
        body={"current_password": current, "new_password": new},
        retry=RetryWhen.NEVER,
    )
