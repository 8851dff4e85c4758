from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest
from conftest import Account
from responses import ScriptedService, error_response
from test_secrets import NO_RETRIES, assert_raises_without

from medtwin import Client, Secret, Unauthorized, Unavailable

LEAKED = "mt_live_0VpZbQ3kd81xTq7M"


def test_report_ends_keys_with_both_secrets(client: Client, account: Account) -> None:
    created = client.api_keys.create("Leaked", ["read"])
    rotated = client.api_keys.rotate(created.id, grace_period=timedelta(minutes=1))
    client.leaked_credentials.report(created.key)
    for secret in (created.key, rotated.key):
        with Client(secret, base_url=account.url) as ended, pytest.raises(Unauthorized):
            ended.me()
    event = next(iter(client.audit_events.list(key_id=created.id)))
    assert (event.type, event.reason, event.actor) == ("api_key.revoked", "reported", None)
    # A repetition, and a text that is no token, return normally.
    client.leaked_credentials.report("no token", created.key.reveal())


def test_patterns_match_the_tokens(client: Client, session_client: Client) -> None:
    patterns = client.leaked_credentials.patterns()
    assert [pattern.type for pattern in patterns] == ["api_key", "api_key", "session"]
    for holder in (client, session_client):
        credential = holder._transport.credential
        assert credential is not None
        token = credential.secret.reveal()
        matching = [pattern for pattern in patterns if re.search(pattern.regex, f"key={token};")]
        assert [token.startswith(pattern.prefix) for pattern in matching] == [True]


@pytest.mark.anyio
async def test_report_of_the_async_client_is_retried_until_all_have_ended() -> None:
    service = ScriptedService([error_response(503, "UNAVAILABLE"), httpx.Response(202, json={})])
    await service.async_client().leaked_credentials.report(LEAKED)
    assert [request.content for request in service.requests] == [f'{{"credentials": ["{LEAKED}"]}}'.encode()] * 2


def test_failed_report_does_not_show_the_credentials() -> None:
    client = ScriptedService([error_response(503, "UNAVAILABLE")]).client(NO_RETRIES)
    with assert_raises_without(LEAKED):
        client.leaked_credentials.report(Secret(LEAKED))
    client = ScriptedService([error_response(503, "UNAVAILABLE")]).client(NO_RETRIES)
    with pytest.raises(Unavailable):
        client.leaked_credentials.report(LEAKED)
