from __future__ import annotations

import pickle

import httpx
import pytest
from answers import Script, refusing

from medtwin import (
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    InternalError,
    MedtwinError,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    Retries,
    TimedOut,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    UnprocessableContent,
    UnsupportedMediaType,
)

ONCE = Retries(attempts=1)


def error_of(answer: httpx.Response) -> MedtwinError:
    with pytest.raises(MedtwinError) as raised:
        Script([answer]).client(ONCE).me()
    return raised.value


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "BAD_REQUEST", BadRequest),
        (401, "UNAUTHORIZED", Unauthorized),
        (403, "FORBIDDEN", Forbidden),
        (404, "NOT_FOUND", NotFound),
        (409, "CONFLICT", Conflict),
        (413, "PAYLOAD_TOO_LARGE", PayloadTooLarge),
        (415, "UNSUPPORTED_MEDIA_TYPE", UnsupportedMediaType),
        (422, "UNPROCESSABLE_CONTENT", UnprocessableContent),
        (429, "RATE_LIMITED", RateLimited),
        (500, "INTERNAL", InternalError),
        (503, "UNAVAILABLE", Unavailable),
        # Codes that this version does not know.
        (409, "BUSY", Conflict),
        (418, "TEAPOT", ApiError),
        (502, "BAD_GATEWAY", ApiError),
    ],
)
def test_each_code_has_its_class(status: int, code: str, kind: type[ApiError]) -> None:
    error = error_of(refusing(status, code, retry_after="3", field="name"))
    assert type(error) is kind
    assert isinstance(error, ApiError)
    assert (error.status, error.code, error.message) == (status, code, "No.")
    assert (error.request_id, error.retry_after, error.field) == ("1-2-3", 3, "name")
    assert str(error) == f"{status} {code}: No. (request 1-2-3)"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (httpx.Response(502, html="<h1>Bad gateway</h1>"), "502: the answer is no JSON, but text/html; charset=utf-8"),
        (httpx.Response(200, html="<h1>Log in to the Wi-Fi</h1>"), "200: the answer is no JSON, but text/html"),
        (httpx.Response(307, headers={"Location": "https://example.org/"}), "307: the answer leads elsewhere"),
        (httpx.Response(403, json={"message": "Forbidden"}), "403: the answer lacks members of _Failure"),
        (httpx.Response(500), "500: the answer is no dict"),
        (httpx.Response(200), "200: the answer is no dict"),
        (httpx.Response(200, json=[]), "200: the answer is no dict"),
        (httpx.Response(200, json={"type": "robot"}), "200: the answer.type is none that this version knows"),
        (httpx.Response(200, json={"type": "session"}), "200: the answer lacks members of SessionCaller"),
        (httpx.Response(200, content=b"\xff\xfe\xfd"), "200: the answer is no JSON, but of no type"),
    ],
)
def test_an_answer_of_somebody_elses_is_told(answer: httpx.Response, problem: str) -> None:
    error = error_of(answer)
    assert type(error) is UnexpectedAnswer
    assert str(error).startswith(problem)
    assert error.status == answer.status_code


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("No.", 429, "RATE_LIMITED", "1-2-3", 7),
        BadRequest("No.", 400, "BAD_REQUEST", None, None, "name"),
        UnexpectedAnswer("no JSON", 502, "1-2-3"),
        TimedOut("no answer in time", True),
    ],
)
def test_an_error_survives_the_way_between_processes(error: MedtwinError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - of our own
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)
