from __future__ import annotations

from uuid import uuid4

import pytest
from conftest import PASSWORD, Account
from responses import ScriptedService

from medtwin import (
    BadRequest,
    Client,
    Conflict,
    Forbidden,
    InvitedMember,
    Member,
    NotFound,
    Session,
    SessionCaller,
    Unauthorized,
)


def create_member(client: Client) -> Member:
    invited = client.members.invite(f"{uuid4()}@example.com", ["read"])
    assert invited.invitation.token is not None
    client.accept_invitation(invited.invitation.token, PASSWORD)
    return client.members.get(invited.id)


def test_member_is_invited_changed_and_removed(session_client: Client) -> None:
    email = f"{uuid4()}@example.com"
    invited: InvitedMember = session_client.members.invite(email, ["read"])
    assert (invited.email, invited.permissions, invited.status) == (email, ("read",), "invited")
    assert invited.invitation.token is not None
    again = session_client.members.invite_again(invited.id)
    assert again.invitation.token not in (None, invited.invitation.token)
    created: Member = session_client.members.get(invited.id)
    assert created.status == "invited"
    assert session_client.members.change(created.id, permissions=["read", "write"]).permissions == ("read", "write")
    # A field that is not passed keeps its value.
    suspended = session_client.members.change(created.id, status="suspended")
    assert (suspended.permissions, suspended.status) == (("read", "write"), "suspended")
    assert {member.id for member in session_client.members.list(page_size=1)} >= {created.id}
    session_client.members.remove(created.id)
    with pytest.raises(NotFound):
        session_client.members.get(created.id)


def test_change_of_nothing_raises_value_error() -> None:
    service = ScriptedService([])
    with pytest.raises(ValueError, match="at least one change"):
        service.client().members.change("user_1")


def test_login_of_a_suspended_member_raises_forbidden(session_client: Client, account: Account) -> None:
    created = create_member(session_client)
    email = created.email
    session_client.members.change(created.id, status="suspended")
    with pytest.raises(Forbidden, match="Account suspended"), Client.login(email, PASSWORD, base_url=account.url):
        pass


def test_removal_of_the_last_admin_raises_conflict(session_client: Client) -> None:
    me = session_client.me()
    assert isinstance(me, SessionCaller)
    with pytest.raises(Conflict):
        session_client.members.remove(me.user_id)


def test_invitation_is_accepted_once(session_client: Client, account: Account) -> None:
    invited = session_client.members.invite(f"{uuid4()}@example.com", ["read"])
    assert invited.invitation.token is not None
    with Client.without_credential(base_url=account.url) as client:
        with pytest.raises(BadRequest):
            client.accept_invitation(invited.invitation.token, "passwordpassword")
        logged_in = client.accept_invitation(invited.invitation.token, PASSWORD)
        with Client.with_session(logged_in.session_token, base_url=account.url) as member:
            me = member.me()
        assert isinstance(me, SessionCaller)
        assert me.email == invited.email
        with pytest.raises(Unauthorized), Client.with_session(logged_in.session_token, base_url=account.url) as member:
            member.me()
        with pytest.raises(Unauthorized):
            client.accept_invitation(invited.invitation.token, PASSWORD)


def test_login_of_a_new_member_succeeds_only_with_the_right_password(session_client: Client, account: Account) -> None:
    email = create_member(session_client).email
    with Client.login(email, PASSWORD, base_url=account.url) as client:
        me = client.me()
    assert isinstance(me, SessionCaller)
    assert me.email == email
    with pytest.raises(Unauthorized), Client.login(email, "not the password", base_url=account.url):
        pass


def test_sessions_of_a_member_are_listed_and_ended(session_client: Client, account: Account) -> None:
    created = create_member(session_client)
    email = created.email
    with (
        Client.login(email, PASSWORD, base_url=account.url) as first,
        Client.login(email, PASSWORD, base_url=account.url) as second,
    ):
        listed: list[Session] = list(session_client.members.sessions(created.id, page_size=1))
        assert [session.id for session in listed] == [session.id for session in first.sessions.list()]
        assert not any(session.current for session in listed)
        session_client.members.end_sessions(created.id)
        for client in (first, second):
            with pytest.raises(Unauthorized):
                client.me()
    assert list(session_client.members.sessions(created.id)) == []


def test_end_of_an_admins_sessions_with_a_key_raises_forbidden(session_client: Client, account: Account) -> None:
    me = session_client.me()
    assert isinstance(me, SessionCaller)
    with Client(account.create_key().key, base_url=account.url) as client, pytest.raises(Forbidden):
        client.members.end_sessions(me.user_id)
    assert session_client.me() == me
