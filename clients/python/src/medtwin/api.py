"""The API: every operation that both clients offer."""

from __future__ import annotations

from medtwin import caller, sessions
from medtwin.api_keys import ApiKeys
from medtwin.audit_events import AuditEvents
from medtwin.caller import Caller
from medtwin.endpoint import Resource, Transport, endpoint
from medtwin.leaked_credentials import LeakedCredentials
from medtwin.members import Members
from medtwin.projects import Projects
from medtwin.request import ApiRequest
from medtwin.secret import Secret
from medtwin.sessions import Sessions


class Api(Resource[Transport]):
    """The operations of the API, called with one credential."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.api_keys = ApiKeys(transport)
        self.projects = Projects(transport)
        self.members = Members(transport)
        self.sessions = Sessions(transport)
        self.audit_events = AuditEvents(transport)
        self.leaked_credentials = LeakedCredentials(transport)

    @endpoint
    def me(self) -> ApiRequest[Caller]:
        """Get the caller: the API key or the session that this client uses."""
        return caller.me()

    @endpoint
    def change_password(self, current: str | Secret, new: str | Secret) -> ApiRequest[None]:
        """Change the password of the logged-in member and end their other sessions. Requires a session."""
        current, new = Secret.of(current), Secret.of(new)
        return sessions.change_password(current, new)

    @endpoint
    def log_out(self) -> ApiRequest[None]:
        """End the session of this client. The context manager that `login` returns does this at its end."""
        return sessions.log_out()
