from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from conftest import Account

from medtwin import ApiKey, BadRequest, Client, Conflict, Forbidden, KeyCaller, NotFound, Scope, Unauthorized


def test_a_created_key_is_as_asked_and_let_in(client: Client, account: Account) -> None:
    end = datetime(2099, 1, 30, 12, tzinfo=timezone(timedelta(hours=2)))
    made = client.api_keys.create(
        "Reader", ["write", "read"], type="test", scope=Scope(("proj_abc123",)), expires_at=end
    )
    assert (made.name, made.type, made.permissions) == ("Reader", "test", ("read", "write"))
    assert (made.scope, made.expires_at, made.status) == (Scope(("proj_abc123",)), end, "active")
    assert made.last_used_at is None
    assert made.key.reveal().startswith("mt_test_")
    with Client(made.key, base_url=account.url) as itself:
        me = itself.me()
    assert isinstance(me, KeyCaller)
    assert (me.key_id, me.key_type, me.secret) == (made.id, "test", "current")


def test_a_key_is_read_without_its_secret(client: Client) -> None:
    made = client.api_keys.create("Reader", ["read"])
    read: ApiKey = client.api_keys.get(made.id)
    assert read.hint == made.hint
    assert not hasattr(read, "key")


def test_a_list_pages_by_itself_newest_first(client: Client) -> None:
    made = [client.api_keys.create(f"Key {n}", ["read"]).id for n in range(7)]
    listed = [key.id for key in client.api_keys.list(page_size=3)]
    assert listed[:7] == made[::-1]
    # Behind those stands the client's own.
    assert len(listed) == 8


def test_a_list_shows_revoked_keys_where_asked(client: Client) -> None:
    gone = client.api_keys.create("Gone", ["read"]).id
    client.api_keys.revoke(gone)
    assert gone not in [key.id for key in client.api_keys.list()]
    assert {key.id: key.status for key in client.api_keys.list(status="all")}[gone] == "revoked"


def test_a_revoked_key_is_not_let_in(client: Client, account: Account) -> None:
    made = client.api_keys.create("Gone", ["read"])
    client.api_keys.revoke(made.id)
    client.api_keys.revoke(made.id)
    with Client(made.key, base_url=account.url) as itself, pytest.raises(Unauthorized) as refused:
        itself.me()
    assert (refused.value.status, refused.value.code) == (401, "UNAUTHORIZED")
    assert refused.value.request_id


def test_a_part_of_a_second_of_grace_is_a_whole_one(client: Client) -> None:
    made = client.api_keys.create("Rotated", ["read"])
    before = datetime.now(timezone.utc)
    assert client.api_keys.rotate(made.id, grace_period=timedelta(milliseconds=1)).previous_expires_at > before


def test_a_rotated_key_has_two_secrets_for_the_grace_period(client: Client, account: Account) -> None:
    made = client.api_keys.create("Rotated", ["read"])
    before = datetime.now(timezone.utc)
    rotated = client.api_keys.rotate(made.id, grace_period=timedelta(minutes=5))
    assert timedelta(minutes=4) < rotated.previous_expires_at - before < timedelta(minutes=6)
    for secret, age in ((made.key, "previous"), (rotated.key, "current")):
        with Client(secret, base_url=account.url) as itself:
            me = itself.me()
            assert isinstance(me, KeyCaller)
            assert me.secret == age


def test_a_revoked_key_cannot_be_rotated(client: Client) -> None:
    made = client.api_keys.create("Gone", ["read"])
    client.api_keys.revoke(made.id)
    with pytest.raises(Conflict):
        client.api_keys.rotate(made.id)


def test_a_key_never_exceeds_its_maker(account: Account) -> None:
    with Client(account.key("admin").key, base_url=account.url) as admin, pytest.raises(Forbidden):
        admin.api_keys.create("More", ["read"])


def test_a_malformed_member_is_named(client: Client) -> None:
    with pytest.raises(BadRequest) as refused:
        client.api_keys.create("", ["read"])
    assert refused.value.field == "name"


def test_an_unknown_key_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound):
        client.api_keys.get("key_0000000000000000")


@pytest.mark.parametrize(
    "call",
    [
        lambda client, text: client.api_keys.get(text),
        lambda client, text: client.api_keys.revoke(text),
        lambda client, text: client.api_keys.rotate(text),
        lambda client, text: client.projects.get(text),
        lambda client, text: client.projects.rename(text, "Study"),
        lambda client, text: client.projects.delete(text),
        lambda client, text: client.members.get(text),
        lambda client, text: client.members.change(text),
        lambda client, text: client.members.remove(text),
        lambda client, text: client.sessions.end(text),
    ],
)
@pytest.mark.parametrize("text", ["", "..", "../projects", "key_1?x", "key_1/rotate", "key_1\n"])
def test_an_id_never_leads_elsewhere(call: Callable[[Client, str], object], client: Client, text: str) -> None:
    with pytest.raises(ValueError, match="an id has letters"):
        call(client, text)


def test_a_time_without_its_zone_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="needs its zone"):
        client.api_keys.create("When?", ["read"], expires_at=datetime(2099, 1, 1))
