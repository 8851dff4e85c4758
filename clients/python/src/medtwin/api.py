"""All that can be asked of the service, over either wire."""

from __future__ import annotations

from medtwin import caller, sessions
from medtwin.api_keys import ApiKeys
from medtwin.audit_events import AuditEvents
from medtwin.call import Call
from medtwin.caller import Caller
from medtwin.endpoint import Resource, Wire, endpoint
from medtwin.members import Members
from medtwin.projects import Projects
from medtwin.secret import Secret
from medtwin.sessions import Sessions


class Api(Resource[Wire]):
    """The service, seen with one credential."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.api_keys = ApiKeys(wire)
        self.projects = Projects(wire)
        self.members = Members(wire)
        self.sessions = Sessions(wire)
        self.audit_events = AuditEvents(wire)

    @endpoint
    def me(self) -> Call[Caller]:
        """Say who is calling: a key or a session."""
        return caller.me()

    @endpoint
    def change_password(self, current: str | Secret, new: str | Secret) -> Call[None]:
        """Change one's own password, which ends one's other sessions. Needs a session."""
        current, new = Secret.of(current), Secret.of(new)
        return sessions.change_password(current, new)

    @endpoint
    def log_out(self) -> Call[None]:
        """End the session that the client has. The context manager of `login` does so too."""
        return sessions.log_out()
