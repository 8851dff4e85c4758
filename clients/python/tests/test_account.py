from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from conftest import PASSWORD
from conftest import Account as ServiceAccount
from responses import ScriptedService

from medtwin import (
    NOT_GIVEN,
    Account,
    AccountLimits,
    AccountPolicy,
    AsyncClient,
    BadRequest,
    Client,
    Forbidden,
    KeysPerAccount,
    Limits,
)

ACCOUNT_RESPONSE = {
    "id": "acct_1",
    "name": "Study",
    "status": "active",
    "created_at": "2026-01-30T12:00:00Z",
    "policy": {
        "require_second_factor": False,
        "reauthentication_minutes": None,
        "max_key_lifetime_days": 365,
        "idle_key_days": None,
    },
    "limits": {
        "requests_per_minute": {"live": 6000, "test": 100},
        "keys": {"live": 500, "test": 20},
        "sessions_per_member": 50,
    },
}


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"name": "Study"}, {"name": "Study"}),
        ({"reauthentication_minutes": None}, {"policy": {"reauthentication_minutes": None}}),
        ({"require_second_factor": True}, {"policy": {"require_second_factor": True}}),
        ({"max_key_lifetime_days": 30}, {"policy": {"max_key_lifetime_days": 30}}),
        ({"idle_key_days": None}, {"policy": {"idle_key_days": None}}),
        (
            {"name": "Study", "max_key_lifetime_days": None, "idle_key_days": 7},
            {"name": "Study", "policy": {"max_key_lifetime_days": None, "idle_key_days": 7}},
        ),
    ],
)
def test_change_sends_only_the_given_fields(changes: Any, body: object) -> None:
    service = ScriptedService([httpx.Response(200, json=ACCOUNT_RESPONSE)])
    service.client().change_account(**changes)
    (request,) = service.requests
    assert (request.method, request.url.path) == ("PATCH", "/v1/account")
    assert json.loads(request.content) == body


def test_change_without_a_field_raises_value_error() -> None:
    with pytest.raises(ValueError, match="at least one change"):
        ScriptedService([]).client().change_account(name=NOT_GIVEN)


def test_account_is_decoded() -> None:
    account = ScriptedService([httpx.Response(200, json=ACCOUNT_RESPONSE)]).client().account()
    assert account == Account(
        id="acct_1",
        name="Study",
        status="active",
        created_at=datetime(2026, 1, 30, 12, tzinfo=timezone.utc),
        policy=AccountPolicy(
            require_second_factor=False, reauthentication_minutes=None, max_key_lifetime_days=365, idle_key_days=None
        ),
        limits=AccountLimits(
            requests_per_minute=Limits(live=6000, test=100),
            keys=KeysPerAccount(live=500, test=20),
            sessions_per_member=50,
        ),
    )


def test_policy_is_changed_shown_and_recorded(session_client: Client) -> None:
    before = session_client.account()
    changed = session_client.change_account(name="Renamed", idle_key_days=90)
    assert (changed.name, changed.policy.idle_key_days) == ("Renamed", 90)
    assert changed.policy.max_key_lifetime_days is None
    assert session_client.account() == changed != before
    event = next(iter(session_client.audit_events.list()))
    assert (event.type, event.name, event.policy) == ("account.changed", "Renamed", changed.policy)


def test_keys_beyond_the_maximum_lifetime_are_rejected_and_listed(session_client: Client) -> None:
    created = session_client.api_keys.create("Forever", ["read"])
    session_client.change_account(max_key_lifetime_days=30)
    with pytest.raises(BadRequest) as raised:
        session_client.api_keys.create("Forever", ["read"])
    assert raised.value.field == "expires_at"
    expiry = datetime.now(timezone.utc) + timedelta(days=29)
    complying = session_client.api_keys.create("Month", ["read"], expires_at=expiry)
    assert [key.id for key in session_client.api_keys.list(compliant=False)] == [created.id]
    assert [key.id for key in session_client.api_keys.list(compliant=True)] == [complying.id]


def test_key_may_not_change_the_account(client: Client) -> None:
    assert client.account().name == "Ada"
    with pytest.raises(Forbidden):
        client.change_account(name="New")


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_async_client_shows_and_changes_the_account(account: ServiceAccount, anyio_backend: str) -> None:
    async with AsyncClient.login(account.email, PASSWORD, base_url=account.url) as client:
        changed = await client.change_account(name=f"Renamed with {anyio_backend}")
        assert changed.name.startswith("Renamed")
        assert await client.account() == changed
