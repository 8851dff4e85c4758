from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import httpx
import pytest
from conftest import PASSWORD, Account
from responses import LOGGED_IN, SECOND_FACTOR_NEEDED, URL, ScriptedService, error_response

from medtwin import (
    Client,
    Forbidden,
    NotFound,
    RateLimited,
    ReauthenticationRequired,
    RecoveryCodeRequired,
    Session,
    SessionCaller,
    Unauthorized,
)

OTHER_PASSWORD = "a newt under the 8th stair"  # noqa: S105 - its accounts exist only during a test


def test_login_block_logs_out_at_its_end(account: Account) -> None:
    with Client.login(account.email, PASSWORD, base_url=account.url) as first:
        assert isinstance(first.me(), SessionCaller)
        assert len(list(first.sessions.list())) == 1
    with Client.login(account.email, PASSWORD, base_url=account.url) as second:
        assert len(list(second.sessions.list())) == 1


def test_session_records_when_and_how_the_member_authenticated(account: Account) -> None:
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    with Client.login(account.email, PASSWORD, base_url=account.url) as client:
        me = client.me()
    assert isinstance(me, SessionCaller)
    assert before < me.authenticated_at < me.expires_at
    assert me.factors == ("password",)


def test_login_block_that_raises_logs_out(account: Account) -> None:
    with pytest.raises(LookupError), Client.login(account.email, PASSWORD, base_url=account.url):
        raise LookupError
    with Client.login(account.email, PASSWORD, base_url=account.url) as second:
        assert len(list(second.sessions.list())) == 1


def test_explicit_log_out_in_the_login_block_is_not_an_error(account: Account) -> None:
    with Client.login(account.email, PASSWORD, base_url=account.url) as client:
        client.log_out()
        with pytest.raises(Unauthorized):
            client.me()


def test_login_with_a_recovery_code_completes_the_second_step() -> None:
    service = ScriptedService([SECOND_FACTOR_NEEDED, LOGGED_IN, httpx.Response(204)])
    with service.log_in(recovery_code="code"):
        pass
    _, second_step, log_out = service.requests
    assert json.loads(second_step.content) == {"login_token": "login_1", "recovery_code": "code"}
    assert log_out.headers["Authorization"] == "Session sess_1"


def test_login_of_a_member_with_a_passkey_needs_a_recovery_code() -> None:
    service = ScriptedService([SECOND_FACTOR_NEEDED])
    with pytest.raises(RecoveryCodeRequired), service.log_in():
        pass
    assert len(service.requests) == 1


def test_recovery_code_that_is_not_needed_is_not_sent() -> None:
    service = ScriptedService([LOGGED_IN, httpx.Response(204)])
    with service.log_in(recovery_code="code"):
        pass
    assert not any(b"code" in request.content for request in service.requests)


def test_end_of_another_session_makes_it_unauthorized(account: Account) -> None:
    with (
        Client.login(account.email, PASSWORD, base_url=account.url) as first,
        Client.login(account.email, PASSWORD, base_url=account.url) as second,
    ):
        sessions: list[Session] = list(first.sessions.list(page_size=1))
        assert [session.current for session in sessions] == [False, True]
        assert (sessions[0].user_agent or "").startswith("medtwin-python/")
        assert sessions[0].ip_address == "127.0.0.1"
        first.sessions.end(sessions[0].id)
        with pytest.raises(Unauthorized):
            second.me()


def test_end_of_other_sessions_keeps_the_one_of_the_client(account: Account) -> None:
    with (
        Client.login(account.email, PASSWORD, base_url=account.url) as first,
        Client.login(account.email, PASSWORD, base_url=account.url) as second,
    ):
        first.sessions.end_others()
        with pytest.raises(Unauthorized):
            second.me()
        assert [session.current for session in first.sessions.list()] == [True]


def test_password_change_ends_other_sessions(account: Account) -> None:
    with (
        Client.login(account.email, PASSWORD, base_url=account.url) as first,
        Client.login(account.email, PASSWORD, base_url=account.url) as second,
    ):
        with pytest.raises(Forbidden, match="Current password is wrong"):
            first.change_password(OTHER_PASSWORD, PASSWORD)
        first.change_password(PASSWORD, OTHER_PASSWORD)
        assert isinstance(first.me(), SessionCaller)
        with pytest.raises(Unauthorized):
            second.me()
    with Client.login(account.email, OTHER_PASSWORD, base_url=account.url):
        pass


def test_reauthentication_moves_the_time_of_the_authentication(account: Account) -> None:
    with Client.login(account.email, PASSWORD, base_url=account.url) as client:
        with pytest.raises(Forbidden) as raised:
            client.reauthenticate(OTHER_PASSWORD)
        assert not isinstance(raised.value, ReauthenticationRequired)
        before = client.me()
        client.reauthenticate(PASSWORD)
        after = client.me()
        assert isinstance(before, SessionCaller)
        assert isinstance(after, SessionCaller)
        assert after.authenticated_at >= before.authenticated_at


@pytest.mark.parametrize(("password", "credential"), [(None, None), (PASSWORD, {})])
def test_reauthentication_without_or_with_both_arguments_sends_nothing(
    password: str | None, credential: dict[str, object] | None
) -> None:
    service = ScriptedService([])
    with pytest.raises(ValueError, match="either a password or a credential"):
        service.client().reauthenticate(password, credential=credential)
    assert service.requests == []


def test_change_that_required_reauthentication_succeeds_after_it() -> None:
    service = ScriptedService(
        [error_response(403, "REAUTHENTICATION_REQUIRED"), httpx.Response(204), httpx.Response(204)]
    )
    client = service.client()
    with pytest.raises(ReauthenticationRequired):
        client.members.remove("user_1")
    client.reauthenticate(PASSWORD)
    client.members.remove("user_1")
    assert json.loads(service.requests[1].content) == {"password": PASSWORD}


def test_client_with_a_session_logs_out_at_its_end() -> None:
    service = ScriptedService([error_response(404, "NOT_FOUND"), httpx.Response(204)])
    with (
        pytest.raises(NotFound),
        Client.with_session("sess_1", base_url=URL, transport=httpx.MockTransport(service.handle)) as client,
    ):
        client.members.get("user_1")
    assert [request.url.path for request in service.requests] == ["/v1/members/user_1", "/v1/auth/logout"]
    assert {request.headers["Authorization"] for request in service.requests} == {"Session sess_1"}


@pytest.mark.parametrize("token", ["", "sess_1\n", "mt_live_1"])
def test_client_with_a_malformed_session_token_raises_value_error(token: str) -> None:
    with pytest.raises(ValueError, match="must have the form sess_"), Client.with_session(token, base_url=URL):
        pass


def test_login_after_too_many_attempts_raises_rate_limited_at_once(account: Account) -> None:
    for _ in range(5):
        with pytest.raises(Unauthorized), Client.login(account.email, "wrong", base_url=account.url):
            pass
    # The client does not wait and retry, because each attempt at a password counts.
    with pytest.raises(RateLimited) as raised, Client.login(account.email, PASSWORD, base_url=account.url):
        pass
    assert raised.value.retry_after in range(1, 31)


def test_list_with_an_api_key_raises_forbidden(client: Client) -> None:
    with pytest.raises(Forbidden):
        list(client.sessions.list())
