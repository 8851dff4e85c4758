from __future__ import annotations

import logging
from collections.abc import Callable

import httpx
import pytest
from responses import KEY, URL, Outcome, ScriptedService, error_response, failure

from medtwin import (
    ApiError,
    Client,
    Conflict,
    ConnectionFailed,
    InternalError,
    NoResponse,
    NotFound,
    RateLimited,
    Retries,
    TimedOut,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
)
from medtwin.api import Api
from medtwin.secret import Secret
from medtwin.sessions import log_in
from medtwin.transport import SyncTransport

PROJECT = {"id": "proj_1", "name": "Study", "created_at": "2026-01-30T12:00:00Z"}
MEMBER = {
    "id": "user_1",
    "email": "ada@example.com",
    "permissions": ["read"],
    "status": "invited",
    "created_at": "2026-01-30T12:00:00Z",
    "invitation": {"expires_at": "2026-02-06T12:00:00Z", "token": "invite_1"},
}
PROJECT_RESPONSE = httpx.Response(200, json=PROJECT)
NO_CONTENT = httpx.Response(204)

SERVER_ERRORS = [
    error_response(500, "INTERNAL"),
    error_response(503, "UNAVAILABLE"),
    httpx.Response(502, text="Bad gateway"),
    httpx.Response(504, text="Gateway timeout"),
]
RESPONSE_LOST = [failure(httpx.ReadTimeout), failure(httpx.ReadError), failure(httpx.RemoteProtocolError)]
NOT_SENT = [failure(httpx.ConnectError), failure(httpx.ConnectTimeout), failure(httpx.PoolTimeout)]


@pytest.mark.parametrize("outcome", [*SERVER_ERRORS, *RESPONSE_LOST, *NOT_SENT, error_response(429, "RATE_LIMITED")])
def test_idempotent_request_is_retried_after_any_temporary_failure(outcome: Outcome) -> None:
    service = ScriptedService([outcome, outcome, PROJECT_RESPONSE, outcome, PROJECT_RESPONSE, outcome, NO_CONTENT])
    client = service.client()
    assert client.projects.get("proj_1").name == "Study"
    assert client.projects.rename("proj_1", "Study").name == "Study"
    client.projects.delete("proj_1")
    assert service.waits == [0.5, 1, 0.5, 0.5]


@pytest.mark.parametrize("outcome", [*SERVER_ERRORS, *RESPONSE_LOST, *NOT_SENT, error_response(429, "RATE_LIMITED")])
def test_creation_is_retried_with_the_same_idempotency_key(outcome: Outcome) -> None:
    service = ScriptedService([outcome, outcome, PROJECT_RESPONSE, PROJECT_RESPONSE])
    client = service.client()
    client.projects.create("Study")
    client.projects.create("Study")
    *retried_keys, other_key = [request.headers["Idempotency-Key"] for request in service.requests]
    assert len(set(retried_keys)) == 1
    assert other_key not in retried_keys
    assert len({request.content for request in service.requests}) == 1


def test_conflict_after_a_lost_response_is_retried_until_the_first_attempt_completes() -> None:
    service = ScriptedService([failure(httpx.ReadTimeout), error_response(409, "CONFLICT"), PROJECT_RESPONSE])
    assert service.client().projects.create("Study").id == "proj_1"
    assert service.waits == [0.5, 1]


@pytest.mark.parametrize("outcome", [*NOT_SENT, error_response(429, "RATE_LIMITED")])
def test_request_without_idempotency_key_is_retried_if_it_was_certainly_not_processed(outcome: Outcome) -> None:
    service = ScriptedService([outcome, httpx.Response(201, json=MEMBER)])
    assert service.client().members.invite("ada@example.com", ["read"]).id == "user_1"
    assert len(service.requests) == 2


@pytest.mark.parametrize("outcome", [*SERVER_ERRORS, *RESPONSE_LOST])
def test_request_without_idempotency_key_is_not_retried_if_it_may_have_been_processed(outcome: Outcome) -> None:
    service = ScriptedService([outcome])
    client = service.client()
    with pytest.raises((InternalError, Unavailable, UnexpectedResponse, TimedOut, ConnectionFailed)):
        client.members.invite("ada@example.com", ["read"])
    assert service.waits == []


@pytest.mark.parametrize(
    "outcome", [*SERVER_ERRORS, *RESPONSE_LOST, *NOT_SENT, error_response(429, "RATE_LIMITED", retry_after="1")]
)
def test_password_request_is_never_retried(outcome: Outcome) -> None:
    service = ScriptedService([outcome] * 5)
    client = service.client()
    for attempt in (
        lambda: client.change_password("old", "new"),
        lambda: client.reauthenticate("old"),
        lambda: client.accept_invitation("invite_1", "new"),
        lambda: client.password_reset.confirm("reset_1", "new"),
        lambda: client._transport.send(log_in("ada@example.com", Secret("old"))),
    ):
        with pytest.raises((InternalError, Unavailable, UnexpectedResponse, TimedOut, ConnectionFailed, RateLimited)):
            attempt()
    assert service.waits == []


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "BAD_REQUEST"), (401, "UNAUTHORIZED"), (403, "FORBIDDEN"), (404, "NOT_FOUND"), (409, "CONFLICT")],
)
def test_client_error_is_not_retried(status: int, code: str) -> None:
    service = ScriptedService([error_response(status, code)])
    with pytest.raises(ApiError, match="No"):
        service.client().projects.get("proj_1")
    assert service.waits == []


def test_retry_after_sets_the_wait() -> None:
    service = ScriptedService([error_response(429, "RATE_LIMITED", retry_after="18"), PROJECT_RESPONSE])
    service.client().projects.get("proj_1")
    assert service.waits == [18]


@pytest.mark.parametrize("text", ["soon", "-1", "1.5", "", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_retry_after_that_is_not_a_number_is_ignored(text: str) -> None:
    service = ScriptedService([error_response(429, "RATE_LIMITED", retry_after=text), PROJECT_RESPONSE])
    service.client().projects.get("proj_1")
    assert service.waits == [0.5]


def test_retry_after_beyond_the_longest_wait_raises_at_once() -> None:
    service = ScriptedService([error_response(429, "RATE_LIMITED", retry_after="61")])
    with pytest.raises(RateLimited) as raised:
        service.client().projects.get("proj_1")
    assert raised.value.retry_after == 61
    assert service.waits == []


def test_last_attempt_raises_its_error() -> None:
    service = ScriptedService([error_response(503, "UNAVAILABLE")] * 4)
    with pytest.raises(Unavailable):
        service.client().projects.get("proj_1")
    assert service.waits == [0.5, 1, 2]


def test_waits_are_randomized_and_limited() -> None:
    service = ScriptedService([error_response(503, "UNAVAILABLE")] * 6)
    client = service.client(Retries(attempts=6, first_wait=4, longest_wait=10, random=lambda: 0.5))
    with pytest.raises(Unavailable):
        client.projects.get("proj_1")
    assert service.waits == [3, 6, 10, 10, 10]


def test_retries_with_one_attempt_never_retries() -> None:
    service = ScriptedService([error_response(503, "UNAVAILABLE")])
    with pytest.raises(Unavailable):
        service.client(Retries(attempts=1)).projects.get("proj_1")


@pytest.mark.parametrize("outcome", [*SERVER_ERRORS, *RESPONSE_LOST])
def test_deletion_whose_retry_finds_nothing_succeeds(outcome: Outcome) -> None:
    ScriptedService([outcome, error_response(404, "NOT_FOUND")]).client().projects.delete("proj_1")
    ScriptedService([outcome, error_response(401, "UNAUTHORIZED")]).client().log_out()


def test_deletion_without_an_earlier_processed_attempt_raises_not_found() -> None:
    not_found = error_response(404, "NOT_FOUND")
    for outcomes in ([], [error_response(429, "RATE_LIMITED")], [failure(httpx.ConnectError)]):
        service = ScriptedService([*outcomes, not_found])
        with pytest.raises(NotFound):
            service.client().projects.delete("proj_1")


def test_change_whose_retry_is_unauthorized_raises_no_response() -> None:
    changes: list[Callable[[Api[SyncTransport]], object]] = [
        lambda client: client.api_keys.revoke("key_1"),
        lambda client: client.sessions.end("sid_1"),
        lambda client: client.members.change("user_1", permissions=["read"]),
    ]
    for change in changes:
        with pytest.raises(NoResponse) as raised:
            change(ScriptedService([failure(httpx.ReadError), error_response(401, "UNAUTHORIZED")]).client())
        assert raised.value.may_have_been_processed
        with pytest.raises(Unauthorized):
            change(ScriptedService([failure(httpx.ConnectError), error_response(401, "UNAUTHORIZED")]).client())
    with pytest.raises(Unauthorized):
        ScriptedService([failure(httpx.ReadError), error_response(401, "UNAUTHORIZED")]).client().projects.get("proj_1")


def test_list_retries_only_the_failed_page() -> None:
    def page(name: str, cursor: str | None) -> httpx.Response:
        return httpx.Response(200, json={"data": [PROJECT | {"name": name}], "next_cursor": cursor})

    empty = httpx.Response(200, json={"data": [], "next_cursor": "c2"})
    service = ScriptedService([page("A", "c1"), failure(httpx.ReadError), empty, page("B", None)])
    assert [project.name for project in service.client().projects.list(page_size=1)] == ["A", "B"]
    cursors = [request.url.params.get("cursor") for request in service.requests]
    assert cursors == [None, "c1", "c1", "c2"]


@pytest.mark.anyio
async def test_async_client_retries_by_the_same_policy() -> None:
    service = ScriptedService(
        [error_response(503, "UNAVAILABLE", retry_after="7"), failure(httpx.ReadError), PROJECT_RESPONSE]
    )
    assert (await service.async_client().projects.get("proj_1")).name == "Study"
    assert service.waits == [7, 1]
    service = ScriptedService([failure(httpx.ReadTimeout)])
    with pytest.raises(TimedOut) as raised:
        await service.async_client().members.invite("ada@example.com", ["read"])
    assert raised.value.may_have_been_processed


def test_retry_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="medtwin")
    ScriptedService([error_response(503, "UNAVAILABLE"), PROJECT_RESPONSE]).client().projects.get("proj_1")
    assert "GET /v1/projects/proj_1: 503; retrying in 0.5 s" in caplog.messages


def test_service_that_never_responds_raises_timed_out(silent_url: str) -> None:
    with Client(KEY, base_url=silent_url, timeout=0.05, retries=Retries(attempts=1)) as client:
        with pytest.raises(TimedOut) as raised:
            client.projects.create("Study")
        assert raised.value.may_have_been_processed
    with Client(KEY, base_url=URL) as client:
        assert client._transport.http.timeout == httpx.Timeout(15)


def test_refused_connection_raises_connection_failed(unused_url: str) -> None:
    with (
        Client(KEY, base_url=unused_url, retries=Retries(attempts=1)) as client,
        pytest.raises(ConnectionFailed, match="refused") as raised,
    ):
        client.projects.create("Study")
    assert not raised.value.may_have_been_processed


def test_conflict_on_the_first_attempt_is_not_retried() -> None:
    service = ScriptedService([error_response(409, "CONFLICT")])
    with pytest.raises(Conflict):
        service.client().api_keys.rotate("key_1")
    assert len(service.requests) == 1


def test_no_response_error_takes_earlier_attempts_into_account() -> None:
    service = ScriptedService([failure(httpx.ReadTimeout), *[failure(httpx.ConnectError)] * 3])
    with pytest.raises(ConnectionFailed) as raised:
        service.client().projects.create("Study")
    assert raised.value.may_have_been_processed
