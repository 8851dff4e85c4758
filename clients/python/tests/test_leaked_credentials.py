from __future__ import annotations

import re

import httpx
import pytest
from conftest import PASSWORD, Account, Service
from responses import URL, ScriptedService, error_response

from medtwin import AsyncClient, BadRequest, Client, Secret, TokenPattern, Unauthorized

ACCEPTED = httpx.Response(202, json={})


def test_reported_key_and_session_end_and_the_audit_trail_says_so(account: Account, session_client: Client) -> None:
    created = session_client.api_keys.create("Leaked", ["read"])
    rotated = session_client.api_keys.rotate(created.id)
    with (
        Client.login(account.email, PASSWORD, base_url=account.url) as leaked,
        Client(created.key, base_url=account.url) as reader,
        Client(rotated.key, base_url=account.url) as rotated_reader,
    ):
        session = leaked._transport.credential
        assert session is not None
        with Client.without_credential(base_url=account.url) as reporter:
            reporter.leaked_credentials.report(created.key.reveal(), session.secret, "no token")
        for ended in (leaked, reader, rotated_reader):
            with pytest.raises(Unauthorized):
                ended.me()
    assert session_client.api_keys.get(created.id).status == "revoked"
    events = {event.type: event for event in session_client.audit_events.list()}
    for type in ("api_key.revoked", "session.ended"):
        assert (events[type].reason, events[type].actor) == ("reported", None)


def test_every_token_matches_one_pattern(account: Account, service: Service) -> None:
    with Client.without_credential(base_url=service.url) as client:
        patterns: tuple[TokenPattern, ...] = client.leaked_credentials.patterns()
    with Client.login(account.email, PASSWORD, base_url=account.url) as session_client:
        session = session_client._transport.credential
        assert session is not None
        tokens = {
            "sess_": session.secret,
            "mt_live_": session_client.api_keys.create("Live", ["read"]).key,
            "mt_test_": session_client.api_keys.create("Test", ["read"], type="test").key,
        }
    assert {pattern.prefix for pattern in patterns} == set(tokens)
    for pattern in patterns:
        assert pattern.type == ("session" if pattern.prefix == "sess_" else "api_key")
        text = " ".join(token.reveal() for token in tokens.values())
        assert re.findall(pattern.regex, text) == [tokens[pattern.prefix].reveal()]


@pytest.mark.anyio
async def test_async_client_without_credential_reports(account: Account) -> None:
    created = account.create_key("read")
    async with AsyncClient.without_credential(base_url=account.url) as client:
        assert await client.leaked_credentials.patterns()
        await client.leaked_credentials.report(created.key)
        with pytest.raises(Unauthorized):
            await client.me()
    with Client(created.key, base_url=account.url) as reader, pytest.raises(Unauthorized):
        reader.me()


def test_report_of_nothing_raises_bad_request(service: Service) -> None:
    with Client.without_credential(base_url=service.url) as client, pytest.raises(BadRequest):
        client.leaked_credentials.report()


def test_client_with_a_key_does_not_send_it_with_a_report() -> None:
    service = ScriptedService([ACCEPTED, httpx.Response(200, json=[])])
    client = service.client()
    client.leaked_credentials.report("mt_live_1", Secret("sess_1"))
    assert client.leaked_credentials.patterns() == ()
    report, patterns = service.requests
    assert report.content == b'{"credentials": ["mt_live_1", "sess_1"]}'
    assert "Authorization" not in report.headers
    assert "Authorization" not in patterns.headers


def test_report_is_retried_after_a_temporary_failure() -> None:
    service = ScriptedService([error_response(503, "UNAVAILABLE"), ACCEPTED])
    service.client().leaked_credentials.report("mt_live_1")
    assert len({request.content for request in service.requests}) == 1
    assert service.waits == [0.5]


def test_client_without_credential_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDTWIN_API_KEY", "mt_live_1")
    monkeypatch.setenv("MEDTWIN_BASE_URL", URL)
    service = ScriptedService([error_response(401, "UNAUTHORIZED")])
    transport = httpx.MockTransport(service.handle)
    with Client.without_credential(transport=transport) as client, pytest.raises(Unauthorized):
        client.me()
    assert "Authorization" not in service.requests[0].headers
