"""The API: every operation that both clients offer."""

from __future__ import annotations

from medtwin import account, caller, sessions
from medtwin.account import Account
from medtwin.api_keys import ApiKeys
from medtwin.audit_events import AuditEvents
from medtwin.caller import Caller
from medtwin.endpoint import Resource, Transport, endpoint
from medtwin.leaked_credentials import LeakedCredentials
from medtwin.members import Members
from medtwin.not_given import NOT_GIVEN, NotGiven
from medtwin.passkeys import JsonObject, Passkeys
from medtwin.password_reset import PasswordReset
from medtwin.projects import Projects
from medtwin.request import ApiRequest
from medtwin.secret import Secret
from medtwin.sessions import LoggedIn, RequestOptions, Sessions


class Api(Resource[Transport]):
    """The operations of the API, called with one credential."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.api_keys = ApiKeys(transport)
        self.projects = Projects(transport)
        self.members = Members(transport)
        self.sessions = Sessions(transport)
        self.passkeys = Passkeys(transport)
        self.audit_events = AuditEvents(transport)
        self.leaked_credentials = LeakedCredentials(transport)
        self.password_reset = PasswordReset(transport)

    @endpoint
    def me(self) -> ApiRequest[Caller]:
        """Get the caller: the API key or the session that this client uses."""
        return caller.me()

    @endpoint
    def account(self) -> ApiRequest[Account]:
        """Get the account of the caller. It needs a session, or a live key with `admin` and without a scope."""
        return account.get()

    @endpoint
    def change_account(
        self,
        *,
        name: str | NotGiven = NOT_GIVEN,
        require_second_factor: bool | NotGiven = NOT_GIVEN,
        reauthentication_minutes: int | NotGiven | None = NOT_GIVEN,
        max_key_lifetime_days: int | NotGiven | None = NOT_GIVEN,
        idle_key_days: int | NotGiven | None = NOT_GIVEN,
    ) -> ApiRequest[Account]:
        """Change the name or the policy of the account. Requires a session with `admin`.

        An argument that is left out changes nothing. None turns a limit off. `require_second_factor`: whether a
        session needs a second factor. `reauthentication_minutes` is 5 to 720: how long ago the last authentication of
        a session that changes keys may be. `max_key_lifetime_days` is 1 to 3650: how
        many days ahead the expiry of a new or changed key may be. `idle_key_days` is 7 to 3650: after how many days
        without use a key is rejected, until an admin changes it with `disabled=False` in a session.

        Raises `ValueError` if no change is given, and `Conflict` if somebody else changed the account first.
        """
        return account.change(
            name, require_second_factor, reauthentication_minutes, max_key_lifetime_days, idle_key_days
        )

    @endpoint
    def accept_invitation(self, token: str | Secret, password: str | Secret) -> ApiRequest[LoggedIn]:
        """Accept an invitation with a new password. The client needs no credential, and does not use the new session.

        `Client.with_session` uses it, and ends it.

        Raises `Unauthorized` if the invitation has ended, and `BadRequest` if the password is rejected.
        """
        return sessions.accept_invitation(Secret.of(token), Secret.of(password))

    @endpoint
    def reauthenticate(
        self, password: str | Secret | None = None, *, credential: JsonObject | None = None
    ) -> ApiRequest[None]:
        """Authenticate the logged-in member again, after a `ReauthenticationRequired`. Requires a session.

        A member with a passkey needs the `credential` that an authenticator returned for `reauthentication_options`.

        Raises `ValueError` unless exactly one of the two is given, and `Forbidden` if it is wrong, or if a member with
        a passkey sends the password.
        """
        # A traceback may show locals, so `password` must not keep the plain text.
        password = None if password is None else Secret.of(password)
        return sessions.reauthenticate(password, credential)

    @endpoint
    def reauthentication_options(self) -> ApiRequest[RequestOptions]:
        """Get the options to authenticate again with a passkey. They can be used once, within five minutes."""
        return sessions.reauthentication_options()

    @endpoint
    def change_password(self, current: str | Secret, new: str | Secret) -> ApiRequest[None]:
        """Change the password of the logged-in member and end their other sessions. Requires a session."""
        current, new = Secret.of(current), Secret.of(new)
        return sessions.change_password(current, new)

    @endpoint
    def log_out(self) -> ApiRequest[None]:
        """End the session of this client. The context managers of `login` and `with_session` do this at their end."""
        return sessions.log_out()
