from __future__ import annotations

from uuid import uuid4

import pytest
from conftest import PASSWORD, Account

from medtwin import Client, Conflict, Forbidden, Member, NotFound, SessionCaller, Unauthorized


def test_a_member_is_made_changed_and_removed(member: Client) -> None:
    email = f"{uuid4()}@example.com"
    made: Member = member.members.create(email, ["read"], PASSWORD)
    assert (made.email, made.permissions, made.status) == (email, ("read",), "active")
    assert member.members.get(made.id) == made
    assert member.members.change(made.id, permissions=["read", "write"]).permissions == ("read", "write")
    # What is not given stays.
    suspended = member.members.change(made.id, status="suspended")
    assert (suspended.permissions, suspended.status) == (("read", "write"), "suspended")
    assert {each.id for each in member.members.list(page_size=1)} >= {made.id}
    member.members.remove(made.id)
    with pytest.raises(NotFound):
        member.members.get(made.id)


def test_a_suspended_member_is_told_so(member: Client, account: Account) -> None:
    email = f"{uuid4()}@example.com"
    made = member.members.create(email, ["read"], PASSWORD)
    member.members.change(made.id, status="suspended")
    with pytest.raises(Forbidden, match="Account suspended"), Client.login(email, PASSWORD, base_url=account.url):
        pass


def test_the_last_admin_stays(member: Client) -> None:
    me = member.me()
    assert isinstance(me, SessionCaller)
    with pytest.raises(Conflict):
        member.members.remove(me.user_id)


def test_a_new_member_logs_in(member: Client, account: Account) -> None:
    email = f"{uuid4()}@example.com"
    member.members.create(email, ["read"], PASSWORD)
    with Client.login(email, PASSWORD, base_url=account.url) as theirs:
        me = theirs.me()
    assert isinstance(me, SessionCaller)
    assert me.email == email
    with pytest.raises(Unauthorized), Client.login(email, "not the password", base_url=account.url):
        pass
