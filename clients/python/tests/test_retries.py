from __future__ import annotations

import logging
from collections.abc import Callable

import httpx
import pytest
from answers import KEY, URL, Outcome, Script, failing, refusing

from medtwin import (
    Client,
    Conflict,
    ConnectionFailed,
    InternalError,
    NoAnswer,
    NotFound,
    RateLimited,
    Retries,
    TimedOut,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)
from medtwin.api import Api
from medtwin.secret import Secret
from medtwin.sessions import log_in
from medtwin.wire import Blocking

PROJECT = {"id": "proj_1", "name": "Study", "created_at": "2026-01-30T12:00:00Z"}
MEMBER = {
    "id": "user_1",
    "email": "ada@example.com",
    "permissions": ["read"],
    "status": "active",
    "created_at": "2026-01-30T12:00:00Z",
}
FOUND = httpx.Response(200, json=PROJECT)
DONE = httpx.Response(204)

FAULTS = [
    refusing(500, "INTERNAL"),
    refusing(503, "UNAVAILABLE"),
    httpx.Response(502, text="Bad gateway"),
    httpx.Response(504, text="Gateway timeout"),
]
LOST = [failing(httpx.ReadTimeout), failing(httpx.ReadError), failing(httpx.RemoteProtocolError)]
NOT_SENT = [failing(httpx.ConnectError), failing(httpx.ConnectTimeout), failing(httpx.PoolTimeout)]


@pytest.mark.parametrize("outcome", [*FAULTS, *LOST, *NOT_SENT, refusing(429, "RATE_LIMITED")])
def test_what_is_safe_is_repeated(outcome: Outcome) -> None:
    script = Script([outcome, outcome, FOUND, outcome, FOUND, outcome, DONE])
    client = script.client()
    assert client.projects.get("proj_1").name == "Study"
    assert client.projects.rename("proj_1", "Study").name == "Study"
    client.projects.delete("proj_1")
    assert script.waits == [0.5, 1, 0.5, 0.5]


@pytest.mark.parametrize("outcome", [*FAULTS, *LOST, *NOT_SENT, refusing(429, "RATE_LIMITED")])
def test_what_is_named_is_repeated_by_the_same_name(outcome: Outcome) -> None:
    script = Script([outcome, outcome, FOUND, FOUND])
    client = script.client()
    client.projects.create("Study")
    client.projects.create("Study")
    *names, other = [request.headers["Idempotency-Key"] for request in script.requests]
    assert len(set(names)) == 1
    assert other not in names
    assert len({request.content for request in script.requests}) == 1


def test_an_attempt_under_way_still_is_waited_for() -> None:
    script = Script([failing(httpx.ReadTimeout), refusing(409, "CONFLICT"), FOUND])
    assert script.client().projects.create("Study").id == "proj_1"
    assert script.waits == [0.5, 1]


@pytest.mark.parametrize("outcome", [*NOT_SENT, refusing(429, "RATE_LIMITED")])
def test_what_makes_something_is_repeated_where_it_surely_made_nothing(outcome: Outcome) -> None:
    script = Script([outcome, httpx.Response(201, json=MEMBER)])
    assert script.client().members.create("ada@example.com", ["read"], "new").id == "user_1"
    assert len(script.requests) == 2


@pytest.mark.parametrize("outcome", [*FAULTS, *LOST])
def test_what_makes_something_is_not_repeated_where_it_may_have(outcome: Outcome) -> None:
    script = Script([outcome])
    client = script.client()
    with pytest.raises((InternalError, Unavailable, UnexpectedAnswer, TimedOut, ConnectionFailed)):
        client.members.create("ada@example.com", ["read"], "new")
    assert script.waits == []


@pytest.mark.parametrize("outcome", [*FAULTS, *LOST, *NOT_SENT, refusing(429, "RATE_LIMITED", retry_after="1")])
def test_an_attempt_at_a_password_is_made_once(outcome: Outcome) -> None:
    script = Script([outcome, outcome])
    client = script.client()
    for attempt in (
        lambda: client.change_password("old", "new"),
        lambda: client._wire.send(log_in("ada@example.com", Secret("old"))),
    ):
        with pytest.raises((InternalError, Unavailable, UnexpectedAnswer, TimedOut, ConnectionFailed, RateLimited)):
            attempt()
    assert script.waits == []


@pytest.mark.parametrize(
    "refusal", [(400, "BAD_REQUEST"), (401, "UNAUTHORIZED"), (403, "FORBIDDEN"), (404, "NOT_FOUND"), (409, "CONFLICT")]
)
def test_a_refusal_is_not_repeated(refusal: tuple[int, str]) -> None:
    script = Script([refusing(*refusal)])
    with pytest.raises(Exception, match="No"):
        script.client().projects.get("proj_1")
    assert script.waits == []


def test_retry_after_is_honoured() -> None:
    script = Script([refusing(429, "RATE_LIMITED", retry_after="18"), FOUND])
    script.client().projects.get("proj_1")
    assert script.waits == [18]


@pytest.mark.parametrize("text", ["soon", "-1", "1.5", "", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_retry_after_that_is_no_number_is_passed_over(text: str) -> None:
    script = Script([refusing(429, "RATE_LIMITED", retry_after=text), FOUND])
    script.client().projects.get("proj_1")
    assert script.waits == [0.5]


def test_a_wait_longer_than_allowed_is_the_callers() -> None:
    script = Script([refusing(429, "RATE_LIMITED", retry_after="61")])
    with pytest.raises(RateLimited) as limited:
        script.client().projects.get("proj_1")
    assert limited.value.retry_after == 61
    assert script.waits == []


def test_attempts_end_with_the_last_error() -> None:
    script = Script([refusing(503, "UNAVAILABLE")] * 4)
    with pytest.raises(Unavailable):
        script.client().projects.get("proj_1")
    assert script.waits == [0.5, 1, 2]


def test_waits_are_scattered_and_bounded() -> None:
    script = Script([refusing(503, "UNAVAILABLE")] * 6)
    client = script.client(Retries(attempts=6, first_wait=4, longest_wait=10, random=lambda: 0.5))
    with pytest.raises(Unavailable):
        client.projects.get("proj_1")
    assert script.waits == [3, 6, 10, 10, 10]


def test_one_attempt_is_one() -> None:
    script = Script([refusing(503, "UNAVAILABLE")])
    with pytest.raises(Unavailable):
        script.client(Retries(attempts=1)).projects.get("proj_1")


@pytest.mark.parametrize("outcome", [*FAULTS, *LOST])
def test_a_deletion_that_was_done_by_an_attempt_without_answer_is_done(outcome: Outcome) -> None:
    Script([outcome, refusing(404, "NOT_FOUND")]).client().projects.delete("proj_1")
    Script([outcome, refusing(401, "UNAUTHORIZED")]).client().log_out()


def test_a_deletion_of_nothing_is_not_found() -> None:
    with pytest.raises(NotFound):
        Script([refusing(404, "NOT_FOUND")]).client().projects.delete("proj_1")
    with pytest.raises(NotFound):
        Script([refusing(429, "RATE_LIMITED"), refusing(404, "NOT_FOUND")]).client().projects.delete("proj_1")
    with pytest.raises(NotFound):
        Script([failing(httpx.ConnectError), refusing(404, "NOT_FOUND")]).client().projects.delete("proj_1")


def test_a_change_whose_credential_is_not_let_in_any_more_may_have_been_done() -> None:
    changes: list[Callable[[Api[Blocking]], object]] = [
        lambda client: client.api_keys.revoke("key_1"),
        lambda client: client.sessions.end("sid_1"),
        lambda client: client.members.change("user_1", permissions=["read"]),
    ]
    for change in changes:
        with pytest.raises(NoAnswer) as raised:
            change(Script([failing(httpx.ReadError), refusing(401, "UNAUTHORIZED")]).client())
        assert raised.value.may_have_been_done
        with pytest.raises(Unauthorized):
            change(Script([failing(httpx.ConnectError), refusing(401, "UNAUTHORIZED")]).client())
    with pytest.raises(Unauthorized):
        Script([failing(httpx.ReadError), refusing(401, "UNAUTHORIZED")]).client().projects.get("proj_1")


def test_a_page_is_repeated_and_not_the_list() -> None:
    def page(name: str, cursor: str | None) -> httpx.Response:
        return httpx.Response(200, json={"data": [PROJECT | {"name": name}], "next_cursor": cursor})

    empty = httpx.Response(200, json={"data": [], "next_cursor": "c2"})
    script = Script([page("A", "c1"), failing(httpx.ReadError), empty, page("B", None)])
    assert [project.name for project in script.client().projects.list(page_size=1)] == ["A", "B"]
    cursors = [request.url.params.get("cursor") for request in script.requests]
    assert cursors == [None, "c1", "c1", "c2"]


@pytest.mark.anyio
async def test_the_awaited_wire_waits_alike() -> None:
    script = Script([refusing(503, "UNAVAILABLE", retry_after="7"), failing(httpx.ReadError), FOUND])
    assert (await script.async_client().projects.get("proj_1")).name == "Study"
    assert script.waits == [7, 1]
    script = Script([failing(httpx.ReadTimeout)])
    with pytest.raises(TimedOut) as late:
        await script.async_client().members.create("ada@example.com", ["read"], "new")
    assert late.value.may_have_been_done


def test_a_repetition_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="medtwin")
    Script([refusing(503, "UNAVAILABLE"), FOUND]).client().projects.get("proj_1")
    assert "GET /v1/projects/proj_1: 503; again in 0.5 s" in caplog.messages


def test_a_silent_service_times_out_by_default(unanswering_url: str) -> None:
    with Client(KEY, base_url=unanswering_url, timeout=0.05, retries=Retries(attempts=1)) as client:
        with pytest.raises(TimedOut) as late:
            client.projects.create("Study")
        assert late.value.may_have_been_done
    with Client(KEY, base_url=URL) as client:
        assert client._wire.http.timeout == httpx.Timeout(15)


def test_nobody_there_is_a_failed_connection(unused_url: str) -> None:
    with (
        Client(KEY, base_url=unused_url, retries=Retries(attempts=1)) as client,
        pytest.raises(ConnectionFailed, match="refused") as failed,
    ):
        client.projects.create("Study")
    assert not failed.value.may_have_been_done


def test_a_conflict_is_the_callers_to_settle() -> None:
    script = Script([refusing(409, "CONFLICT")])
    with pytest.raises(Conflict):
        script.client().api_keys.rotate("key_1")
    assert len(script.requests) == 1


def test_an_earlier_attempt_counts_for_what_may_have_been_done() -> None:
    script = Script([failing(httpx.ReadTimeout), *[failing(httpx.ConnectError)] * 3])
    with pytest.raises(ConnectionFailed) as failed:
        script.client().projects.create("Study")
    assert failed.value.may_have_been_done
