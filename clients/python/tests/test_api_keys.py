from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from conftest import PASSWORD, Account, Service
from responses import ScriptedService, error_response

from medtwin import (
    ApiKey,
    AsyncClient,
    BadRequest,
    Client,
    Conflict,
    DailyUsage,
    Forbidden,
    KeyCaller,
    NotFound,
    Scope,
    SessionCaller,
    Simulation,
    Unauthorized,
    Unavailable,
)


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


def test_list_with_filters_returns_only_matching_keys(session_client: Client, account: Account) -> None:
    me = session_client.me()
    assert isinstance(me, SessionCaller)
    admin = session_client.api_keys.create("Admin", ["admin", "read"])
    disabled = session_client.api_keys.create("Disabled", ["read"])
    session_client.api_keys.change(disabled.id, disabled=True)
    with Client(admin.key, base_url=account.url) as admin_client:
        by_key = admin_client.api_keys.create("Test", ["read"], type="test")
    filters: dict[str, Any]
    for filters, expected in (
        ({"status": "disabled"}, [disabled]),
        ({"status": "active", "type": "live"}, [admin]),
        ({"type": "test"}, [by_key]),
        ({"created_by": admin.id}, [by_key]),
        ({"created_by": me.user_id}, [disabled, admin]),
        ({"status": "revoked"}, []),
        ({"compliant": True}, [by_key, disabled, admin]),
        ({"compliant": False}, []),
    ):
        listed = session_client.api_keys.list(page_size=1, **filters)
        assert [key.id for key in listed] == [key.id for key in expected], filters


def test_list_with_an_unknown_status_raises_bad_request(client: Client) -> None:
    with pytest.raises(BadRequest) as raised:
        list(client.api_keys.list(status="paused"))
    assert raised.value.field == "status"


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
    key = client.api_keys.get(created.id)
    assert rotated.previous_secret is not None
    assert key.previous_secret is not None
    assert key.previous_secret.expires_at == rotated.previous_secret.expires_at == rotated.previous_expires_at
    assert key.last_used_ip == "127.0.0.1"


def test_revoke_all_by_creator_revokes_the_keys_of_a_member_and_their_keys(
    session_client: Client, account: Account
) -> None:
    me = session_client.me()
    assert isinstance(me, SessionCaller)
    admin = session_client.api_keys.create("Admin", ["admin", "read"])
    with Client(admin.key, base_url=account.url) as admin_client:
        by_key = admin_client.api_keys.create("Reader", ["read"])
    revoked: tuple[str, ...] = session_client.api_keys.revoke_all(created_by=me.user_id)
    assert sorted(revoked) == sorted([admin.id, by_key.id])
    assert list(session_client.api_keys.list()) == []
    assert session_client.api_keys.revoke_all(created_by=me.user_id) == ()


@pytest.mark.anyio
async def test_revoke_all_by_id_omits_unknown_keys(account: Account) -> None:
    async with AsyncClient.login(account.email, PASSWORD, base_url=account.url) as client:
        created = await client.api_keys.create("Reader", ["read"])
        ids = [created.id, "key_0000000000000000"]
        assert await client.api_keys.revoke_all(ids=ids) == (created.id,)
        assert await client.api_keys.revoke_all(ids=ids) == (created.id,)
        assert (await client.api_keys.get(created.id)).status == "revoked"


def revocation(more: bool, *ids: str) -> httpx.Response:
    return httpx.Response(200, json={"revoked": ids, "more": more})


def test_revoke_all_repeats_the_request_until_nothing_is_left() -> None:
    unavailable = error_response(503, "UNAVAILABLE")
    service = ScriptedService(
        [revocation(True, "key_1", "key_2"), unavailable, revocation(True), revocation(False, "key_3")]
    )
    assert service.client().api_keys.revoke_all(created_by="user_1") == ("key_1", "key_2", "key_3")
    assert [json.loads(request.content) for request in service.requests] == [{"created_by": "user_1"}] * 4


@pytest.mark.anyio
async def test_revoke_all_of_the_async_client_repeats_the_request_until_nothing_is_left() -> None:
    service = ScriptedService([revocation(True, "key_1"), revocation(True), revocation(False, "key_2")])
    assert await service.async_client().api_keys.revoke_all(created_by="user_1") == ("key_1", "key_2")


def test_revoke_all_that_fails_after_a_part_raises_the_error() -> None:
    service = ScriptedService([revocation(True, "key_1"), *[error_response(503, "UNAVAILABLE")] * 4])
    with pytest.raises(Unavailable):
        service.client().api_keys.revoke_all(created_by="user_1")


@pytest.mark.parametrize(
    "arguments", [{}, {"ids": None, "created_by": None}, {"ids": ["key_1"], "created_by": "user_1"}]
)
def test_revoke_all_without_exactly_one_argument_raises_value_error(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either ids or created_by"):
        ScriptedService([]).client().api_keys.revoke_all(**arguments)


def test_usage_counts_the_requests_of_each_day(session_client: Client, account: Account, service: Service) -> None:
    me = session_client.me()
    # With so low a limit, the service records each request at once.
    limits = {"account_id": me.account_id, "requests_per_minute": {"live": 6, "test": 6}}
    service.invoke_operator({"set_limits": limits})
    created = session_client.api_keys.create("Reader", ["read"])
    today = datetime.now(timezone.utc).date()
    with Client(created.key, base_url=account.url) as reader:
        reader.me()
        reader.me()
    usage = session_client.api_keys.usage(created.id)
    assert sum(day.requests for day in usage) == 2
    # The second day exists if midnight has passed during the test.
    assert {day.date for day in usage} <= {today, today + timedelta(days=1)}


def test_usage_of_an_unused_key_is_empty(client: Client) -> None:
    created = client.api_keys.create("Reader", ["read"])
    usage: tuple[DailyUsage, ...] = client.api_keys.usage(created.id, days=90)
    assert usage == ()


def test_usage_of_too_many_days_names_the_parameter(client: Client) -> None:
    created = client.api_keys.create("Reader", ["read"])
    with pytest.raises(BadRequest) as raised:
        client.api_keys.usage(created.id, days=91)
    assert raised.value.field == "days"


def test_usage_decodes_each_day() -> None:
    response = {"data": [{"date": "2026-01-30", "requests": 1234, "rate_limited": 5}]}
    service = ScriptedService([httpx.Response(200, json=response)])
    assert service.client().api_keys.usage("key_1") == (
        DailyUsage(date=date(2026, 1, 30), requests=1234, rate_limited=5),
    )
    assert service.requests[0].url.query == b""


@pytest.mark.parametrize(
    ("request_line", "simulation"),
    [
        (("GET", "/v1/projects/proj_1", "192.0.2.1"), Simulation(decision="allow", status=200, reason=None)),
        (
            ("GET", "/v1/projects/proj_1", "198.51.100.1"),
            Simulation(decision="deny", status=403, reason="address_not_allowed"),
        ),
        (
            ("DELETE", "/v1/projects/proj_1", "192.0.2.1"),
            Simulation(decision="deny", status=403, reason="missing_permission_delete"),
        ),
        (("GET", "/v1/moons", "192.0.2.1"), Simulation(decision="deny", status=403, reason="no_route")),
    ],
)
def test_simulation_returns_the_decision_and_its_reason(
    request_line: tuple[str, str, str], simulation: Simulation, client: Client
) -> None:
    created = client.api_keys.create("Reader", ["read"], allowed_ips=["192.0.2.0/24"])
    assert client.api_keys.simulate(created.id, *request_line) == simulation


def test_simulation_of_a_revoked_key_is_denied(client: Client) -> None:
    created = client.api_keys.create("Reader", ["read"])
    client.api_keys.revoke(created.id)
    simulation = client.api_keys.simulate(created.id, "GET", "/v1/projects", "192.0.2.1")
    assert (simulation.decision, simulation.status, simulation.reason) == ("deny", 401, "revoked")


def test_simulation_with_a_malformed_address_names_the_field(client: Client) -> None:
    created = client.api_keys.create("Reader", ["read"])
    with pytest.raises(BadRequest) as raised:
        client.api_keys.simulate(created.id, "GET", "/v1/projects", "somewhere")
    assert raised.value.field == "ip_address"


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
        lambda client, text: client.api_keys.change(text, disabled=True),
        lambda client, text: client.api_keys.usage(text),
        lambda client, text: client.api_keys.simulate(text, "GET", "/v1/projects", "192.0.2.1"),
        lambda client, text: client.projects.get(text),
        lambda client, text: client.projects.rename(text, "Study"),
        lambda client, text: client.projects.delete(text),
        lambda client, text: client.members.get(text),
        lambda client, text: client.members.change(text, status="suspended"),
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
