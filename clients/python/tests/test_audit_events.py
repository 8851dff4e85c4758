from __future__ import annotations

from datetime import datetime, timedelta, timezone

import httpx
import pytest
from conftest import Account, Service
from responses import ScriptedService

from medtwin import AuditEvent, BadRequest, Client, KeyCaller, Limits, Scope, SessionCaller


def test_list_with_a_key_id_returns_the_events_of_the_key(client: Client) -> None:
    me = client.me()
    assert isinstance(me, KeyCaller)
    created = client.api_keys.create("Traced", ["read"], scope=Scope(("proj_abc123",)))
    rotated = client.api_keys.rotate(created.id, grace_period=timedelta(minutes=1))
    client.api_keys.revoke(created.id)
    events: list[AuditEvent] = list(client.audit_events.list(key_id=created.id, page_size=1))
    assert [event.type for event in events] == ["api_key.revoked", "api_key.rotated", "api_key.created"]
    assert all(event.actor and event.actor.key_id == me.key_id for event in events)
    assert events[1].previous_expires_at == rotated.previous_expires_at
    assert (events[2].name, events[2].permissions, events[2].scope) == ("Traced", ("read",), created.scope)
    assert events[2].source_ip == "127.0.0.1"


def test_list_without_a_key_id_returns_the_events_of_the_account(
    session_client: Client, account: Account, service: Service
) -> None:
    me = session_client.me()
    service.invoke_operator(
        {"set_limits": {"account_id": me.account_id, "requests_per_minute": {"live": 500, "test": 50}}}
    )
    events = {event.type: event for event in session_client.audit_events.list()}
    assert events["account.limits_changed"].requests_per_minute == Limits(live=500, test=50)
    assert events["account.created"].email == account.email
    assert events["account.created"].source_ip is None
    actor = events["login.succeeded"].actor
    assert actor is not None
    assert actor.type == "session"


def test_list_with_filters_returns_only_the_events_that_match(session_client: Client) -> None:
    me = session_client.me()
    assert isinstance(me, SessionCaller)
    key = session_client.api_keys.create("Creator", ["read", "write", "admin"])
    before = datetime.now(timezone.utc)
    with Client(key.key, base_url=str(session_client._transport.http.base_url)) as client:
        project = client.projects.create("Study")
    after = datetime.now(timezone.utc)
    events = session_client.audit_events
    created, *earlier = events.list(type="project.created", page_size=1)
    assert (created.project_id, created.environment, created.name) == (project.id, "live", "Study")
    assert earlier == []
    assert list(events.list(actor=key.id)) == [created]
    assert {event.type for event in events.list(actor=me.user_id)} == {"login.succeeded", "api_key.created"}
    assert {event.type for event in events.list(actor="operator")} == {"account.created"}
    # The event is included even if it was recorded in the same second as these times.
    assert created in list(events.list(since=before, until=after))
    hour = timedelta(hours=1)
    assert list(events.list(since=after + hour)) == list(events.list(until=before - hour)) == []
    assert list(events.list(type="project.created", actor=me.user_id)) == []


def test_list_with_an_unknown_type_raises_bad_request(client: Client) -> None:
    with pytest.raises(BadRequest) as raised:
        list(client.audit_events.list(type="moon.risen"))
    assert raised.value.field == "type"


def test_times_with_fractions_of_a_second_are_sent_as_a_range_that_includes_them() -> None:
    service = ScriptedService([httpx.Response(200, json={"data": [], "next_cursor": None})] * 2)
    events = service.client().audit_events
    whole = datetime(2026, 1, 30, 13, tzinfo=timezone(timedelta(hours=1)))
    for fraction in (timedelta(0), timedelta(microseconds=1)):
        list(events.list(since=whole + fraction, until=whole + fraction))
    sent = [(request.url.params["since"], request.url.params["until"]) for request in service.requests]
    assert sent == [
        ("2026-01-30T12:00:00Z", "2026-01-30T12:00:00Z"),
        ("2026-01-30T12:00:00Z", "2026-01-30T12:00:01Z"),
    ]


@pytest.mark.parametrize("argument", ["since", "until"])
def test_time_without_a_time_zone_raises_value_error(argument: str) -> None:
    naive = datetime(2026, 1, 30, 12)
    with pytest.raises(ValueError, match="needs a time zone"):
        list(ScriptedService([]).client().audit_events.list(**{argument: naive}))  # type: ignore[arg-type]
