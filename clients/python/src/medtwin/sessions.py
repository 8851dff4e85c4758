"""Sessions of the logged-in member, login, logout and the password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from medtwin import request
from medtwin.decoding import decode
from medtwin.endpoint import Resource, Transport, endpoint, list_endpoint
from medtwin.errors import RecoveryCodeRequired
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


@dataclass(frozen=True, kw_only=True)
class RequestOptions:
    """The options with which a browser asks an authenticator for the use of a passkey."""

    publicKey: object  # noqa: N815
    """The argument of `PublicKeyCredential.parseRequestOptionsFromJSON`."""


@dataclass(frozen=True, kw_only=True)
class SecondFactor:
    """What is needed to complete a login of a member who has a passkey."""

    login_token: Secret
    """It works once."""
    options: RequestOptions
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class SecondFactorNeeded:
    """The response to the right password of a member who has a passkey."""

    second_factor: SecondFactor


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


def log_in(email: str, password: Secret) -> ApiRequest[LoggedIn | SecondFactor]:
    """Return a request that starts a session, or that asks for the second factor of a member who has a passkey."""
    return ApiRequest(
        method="POST",
        path="/v1/auth/login",
        decoder=_decode_log_in,
        body={"email": email, "password": password},
        retry=RetryWhen.NEVER,
        needs_credential=False,
    )


def complete_log_in(second_factor: SecondFactor, recovery_code: Secret | None) -> ApiRequest[LoggedIn]:
    """Return a request that completes a login with a recovery code.

    Raises `RecoveryCodeRequired` if there is none.
    """
    if recovery_code is None:
        raise RecoveryCodeRequired
    body = {"login_token": second_factor.login_token, "recovery_code": recovery_code}
    return _start_session("/v1/auth/login/second-factor", body)


def _decode_log_in(body: object) -> LoggedIn | SecondFactor:
    if isinstance(body, Mapping) and "second_factor" in body:
        return decode(SecondFactorNeeded, body).second_factor
    return decode(LoggedIn, body)


def accept_invitation(token: Secret, password: Secret) -> ApiRequest[LoggedIn]:
    """Return a request that accepts an invitation and starts a session."""
    return _start_session("/v1/auth/accept-invitation", {"token": token, "password": password})


def _start_session(path: str, body: request.JsonFields) -> ApiRequest[LoggedIn]:
    return ApiRequest(
        method="POST",
        path=path,
        decoder=lambda body: decode(LoggedIn, body),
        body=body,
        retry=RetryWhen.NEVER,
        needs_credential=False,
    )


def log_out() -> ApiRequest[None]:
    """Return a request that ends the caller's session. The service returns 401 if the session ended before."""
    return ApiRequest(method="POST", path="/v1/auth/logout", decoder=request.ignore_body, already_done_status=401)


def reauthentication_options() -> ApiRequest[RequestOptions]:
    """Return a request for the options to authenticate again with a passkey."""
    return request.post("/v1/auth/reauthenticate/options", RequestOptions, {})


def reauthenticate(password: Secret | None, credential: Mapping[str, object] | None) -> ApiRequest[None]:
    """Return a request that records that the member of the session has authenticated again."""
    if (password is None) == (credential is None):
        raise ValueError("pass either a password or a credential")
    return ApiRequest(
        method="POST",
        path="/v1/auth/reauthenticate",
        decoder=request.ignore_body,
        body=request.without_none({"password": password, "credential": credential}),
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
