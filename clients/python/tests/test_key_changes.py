"""Changes of API keys: what a request contains, and what the service makes of it."""

from __future__ import annotations

import inspect
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from conftest import PASSWORD, Account
from responses import ScriptedService, failure
from test_decoding import KEY as KEY_RESPONSE

from medtwin import (
    NOT_GIVEN,
    ApiKey,
    AsyncClient,
    BadRequest,
    Client,
    Conflict,
    Forbidden,
    NotGiven,
    Scope,
    SessionCaller,
    Unauthorized,
)

EXPIRY = datetime(2099, 1, 30, 12, tzinfo=timezone.utc)


def sent_body(**changes: Any) -> object:
    """Return the body of the request that a change sends."""
    service = ScriptedService([httpx.Response(200, json=KEY_RESPONSE)])
    service.client().api_keys.change("key_1", **changes)
    (request,) = service.requests
    assert (request.method, request.url.path) == ("PATCH", "/v1/api-keys/key_1")
    return json.loads(request.content)


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"name": "Writer"}, {"name": "Writer"}),
        ({"permissions": ["read", "write"]}, {"permissions": ["read", "write"]}),
        ({"scope": Scope(("proj_1",))}, {"scope": {"projects": ["proj_1"]}}),
        ({"scope": None}, {"scope": None}),
        ({"expires_at": EXPIRY}, {"expires_at": "2099-01-30T12:00:00Z"}),
        ({"expires_at": None}, {"expires_at": None}),
        ({"allowed_ips": ("192.0.2.0/24",)}, {"allowed_ips": ["192.0.2.0/24"]}),
        ({"allowed_ips": None}, {"allowed_ips": None}),
        ({"disabled": False}, {"disabled": False}),
        (
            {
                "name": NOT_GIVEN,
                "permissions": NOT_GIVEN,
                "scope": NOT_GIVEN,
                "expires_at": NOT_GIVEN,
                "disabled": True,
            },
            {"disabled": True},
        ),
    ],
)
def test_change_sends_only_the_given_fields(changes: dict[str, Any], body: object) -> None:
    assert sent_body(**changes) == body


@pytest.mark.parametrize("changes", [{}, {"scope": NOT_GIVEN}])
def test_change_of_nothing_raises_value_error_without_a_request(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least one change"):
        ScriptedService([]).client().api_keys.change("key_1", **changes)


def test_change_with_a_time_without_zone_raises_value_error() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        ScriptedService([]).client().api_keys.change("key_1", expires_at=datetime(2099, 1, 1))


def test_creation_leaves_out_fields_that_are_none() -> None:
    service = ScriptedService([httpx.Response(201, json=KEY_RESPONSE | {"key": "mt_live_1"})])
    service.client().api_keys.create("Reader", ["read"])
    assert json.loads(service.requests[0].content) == {"name": "Reader", "permissions": ["read"], "type": "live"}


def test_unknown_permission_survives_a_change_of_the_permissions() -> None:
    service = ScriptedService([httpx.Response(200, json=KEY_RESPONSE | {"permissions": ["read", "share"]})] * 2)
    client = service.client()
    key = client.api_keys.get("key_1")
    client.api_keys.change(key.id, permissions=[*key.permissions, "write"])
    assert json.loads(service.requests[1].content) == {"permissions": ["read", "share", "write"]}


def test_change_is_retried_after_a_lost_response() -> None:
    service = ScriptedService([failure(httpx.ReadError), httpx.Response(200, json=KEY_RESPONSE)])
    service.client().api_keys.change("key_1", expires_at=None)
    assert [request.content for request in service.requests] == [b'{"expires_at": null}'] * 2


def test_signature_of_change_shows_what_was_not_given() -> None:
    signature = str(inspect.signature(ScriptedService([]).client().api_keys.change))
    assert "scope: 'Scope | NotGiven | None' = NOT_GIVEN" in signature
    assert repr(NOT_GIVEN) == "NOT_GIVEN"
    assert isinstance(NOT_GIVEN, NotGiven)


def test_changed_key_has_the_new_values_and_keeps_the_others(session_client: Client) -> None:
    me = session_client.me()
    assert isinstance(me, SessionCaller)
    created = session_client.api_keys.create(
        "Reader", ["read"], scope=Scope(("proj_1",)), expires_at=EXPIRY, allowed_ips=["2001:db8::1", "192.0.2.0/24"]
    )
    assert created.allowed_ips == ("192.0.2.0/24", "2001:db8::1")
    assert created.created_by == me.user_id
    changed: ApiKey = session_client.api_keys.change(created.id, name="Writer", permissions=["write", "read"])
    assert (changed.name, changed.permissions) == ("Writer", ("read", "write"))
    assert (changed.scope, changed.expires_at, changed.allowed_ips) == (created.scope, EXPIRY, created.allowed_ips)
    changed = session_client.api_keys.change(created.id, scope=None, expires_at=None, allowed_ips=None)
    assert (changed.scope, changed.expires_at, changed.allowed_ips) == (None, None, None)
    assert session_client.api_keys.get(created.id) == changed
    event = next(session_client.audit_events.list(key_id=created.id))
    assert (event.type, event.name, event.allowed_ips, event.disabled) == ("api_key.changed", "Writer", None, False)


def test_disabled_key_is_unauthorized_until_it_is_enabled(session_client: Client, account: Account) -> None:
    created = session_client.api_keys.create("Reader", ["read"])
    with Client(created.key, base_url=account.url) as reader:
        assert session_client.api_keys.change(created.id, disabled=True).status == "disabled"
        with pytest.raises(Unauthorized):
            reader.me()
        assert session_client.api_keys.change(created.id, disabled=False).status == "active"
        reader.me()


def test_key_used_from_another_address_is_forbidden(session_client: Client, account: Account) -> None:
    created = session_client.api_keys.create("Reader", ["read"], allowed_ips=["192.0.2.0/24"])
    with Client(created.key, base_url=account.url) as reader:
        with pytest.raises(Forbidden):
            reader.me()
        session_client.api_keys.change(created.id, allowed_ips=["127.0.0.0/8"])
        reader.me()


def test_change_to_an_unknown_permission_names_the_field(session_client: Client) -> None:
    created = session_client.api_keys.create("Reader", ["read"])
    with pytest.raises(BadRequest) as raised:
        session_client.api_keys.change(created.id, permissions=["read", "share"])
    assert (raised.value.field or "").startswith("permissions")


def test_change_of_a_revoked_key_raises_conflict(session_client: Client) -> None:
    created = session_client.api_keys.create("Reader", ["read"])
    session_client.api_keys.revoke(created.id)
    with pytest.raises(Conflict):
        session_client.api_keys.change(created.id, disabled=False)


@pytest.mark.anyio
async def test_async_client_changes_a_key(account: Account) -> None:
    async with AsyncClient.login(account.email, PASSWORD, base_url=account.url) as client:
        created = await client.api_keys.create("Reader", ["read"], expires_at=EXPIRY + timedelta(days=1))
        changed = await client.api_keys.change(created.id, expires_at=EXPIRY, disabled=True)
        assert (changed.expires_at, changed.status) == (EXPIRY, "disabled")
        changed = await client.api_keys.change(created.id, expires_at=None)
        assert (changed.expires_at, changed.status) == (None, "disabled")
