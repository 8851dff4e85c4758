from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from conftest import Account

from medtwin import ApiKey, BadRequest, Client, Conflict, Forbidden, KeyCaller, NotFound, Scope, Unauthorized


def test_created_key_has_the_requested_fields_and_is_authorized(client: Client, account: Account) -> None:
    expiry = datetime(2099, 1, 30, 12, tzinfo=timezone(timedelta(hours=2)))
    created = client.api_keys.create(
        "Reader", ["write", "read"], type="test", scope=Scope(("proj_abc123",)), expires_at=expiry
    )
    assert (created.name, created.type, created.permissions) == ("Reader", "test", ("read", "write"))
    assert (created.scope, created.expires_at, created.status) == (Scope(("proj_abc123",)), expiry, "active")
    assert created.last_used_at is None
    assert created.key.reveal().startswith("mt_test_")
    with Client(created.key, base_url=account.url) as reader:
        me = reader.me()
    assert isinstance(me, KeyCaller)
    assert (me.key_id, me.key_type, me.secret) == (created.id, "test", "current")


def test_get_returns_the_key_without_its_secret(client: Client) -> None:
    created = client.api_keys.create("Reader", ["read"])
    key: ApiKey = client.api_keys.get(created.id)
    assert key.hint == created.hint
    assert not hasattr(key, "key")


def test_list_returns_all_pages_newest_first(client: Client) -> None:
    created_ids = [client.api_keys.create(f"Key {n}", ["read"]).id for n in range(7)]
    listed_ids = [key.id for key in client.api_keys.list(page_size=3)]
    assert listed_ids[:7] == created_ids[::-1]
    # The oldest key is the client's own.
    assert len(listed_ids) == 8


def test_list_with_status_all_includes_revoked_keys(client: Client) -> None:
    revoked_id = client.api_keys.create("Revoked", ["read"]).id
    client.api_keys.revoke(revoked_id)
    assert revoked_id not in [key.id for key in client.api_keys.list()]
    assert {key.id: key.status for key in client.api_keys.list(status="all")}[revoked_id] == "revoked"


def test_revoked_key_is_unauthorized(client: Client, account: Account) -> None:
    created = client.api_keys.create("Revoked", ["read"])
    client.api_keys.revoke(created.id)
    client.api_keys.revoke(created.id)
    with Client(created.key, base_url=account.url) as reader, pytest.raises(Unauthorized) as raised:
        reader.me()
    assert (raised.value.status, raised.value.code) == (401, "UNAUTHORIZED")
    assert raised.value.request_id


def test_rotate_with_a_fraction_of_a_second_rounds_the_grace_period_up(client: Client) -> None:
    created = client.api_keys.create("Rotated", ["read"])
    start = datetime.now(timezone.utc)
    assert client.api_keys.rotate(created.id, grace_period=timedelta(milliseconds=1)).previous_expires_at > start


def test_rotated_key_has_two_valid_secrets_during_the_grace_period(client: Client, account: Account) -> None:
    created = client.api_keys.create("Rotated", ["read"])
    start = datetime.now(timezone.utc)
    rotated = client.api_keys.rotate(created.id, grace_period=timedelta(minutes=5))
    assert timedelta(minutes=4) < rotated.previous_expires_at - start < timedelta(minutes=6)
    for secret, state in ((created.key, "previous"), (rotated.key, "current")):
        with Client(secret, base_url=account.url) as reader:
            me = reader.me()
            assert isinstance(me, KeyCaller)
            assert me.secret == state


def test_rotate_of_a_revoked_key_raises_conflict(client: Client) -> None:
    created = client.api_keys.create("Revoked", ["read"])
    client.api_keys.revoke(created.id)
    with pytest.raises(Conflict):
        client.api_keys.rotate(created.id)


def test_create_with_a_permission_the_caller_lacks_raises_forbidden(account: Account) -> None:
    with Client(account.create_key("admin").key, base_url=account.url) as admin, pytest.raises(Forbidden):
        admin.api_keys.create("Reader", ["read"])


def test_create_with_an_empty_name_names_the_field(client: Client) -> None:
    with pytest.raises(BadRequest) as raised:
        client.api_keys.create("", ["read"])
    assert raised.value.field == "name"


def test_get_of_an_unknown_key_raises_not_found(client: Client) -> None:
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
def test_malformed_id_raises_value_error(call: Callable[[Client, str], object], client: Client, text: str) -> None:
    with pytest.raises(ValueError, match="an id may contain only"):
        call(client, text)


def test_create_with_a_time_without_zone_raises_value_error(client: Client) -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        client.api_keys.create("Reader", ["read"], expires_at=datetime(2099, 1, 1))
