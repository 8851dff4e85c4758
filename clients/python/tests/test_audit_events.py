from __future__ import annotations

from datetime import timedelta

from conftest import Account, Service

from medtwin import AuditEvent, Client, KeyCaller, Limits, Scope


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
