from __future__ import annotations

import pickle

import httpx
import pytest
from responses import ScriptedService, error_response

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
    ReauthenticationRequired,
    Retries,
    SecondFactorRequired,
    TimedOut,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
    UnprocessableContent,
    UnsupportedMediaType,
)

NO_RETRIES = Retries(attempts=1)


def error_for(response: httpx.Response) -> MedtwinError:
    with pytest.raises(MedtwinError) as raised:
        ScriptedService([response]).client(NO_RETRIES).me()
    return raised.value


@pytest.mark.parametrize(
    ("status", "code", "cls"),
    [
        (400, "BAD_REQUEST", BadRequest),
        (401, "UNAUTHORIZED", Unauthorized),
        (403, "FORBIDDEN", Forbidden),
        (403, "REAUTHENTICATION_REQUIRED", ReauthenticationRequired),
        (403, "SECOND_FACTOR_REQUIRED", SecondFactorRequired),
        (404, "NOT_FOUND", NotFound),
        (409, "CONFLICT", Conflict),
        (413, "PAYLOAD_TOO_LARGE", PayloadTooLarge),
        (415, "UNSUPPORTED_MEDIA_TYPE", UnsupportedMediaType),
        (422, "UNPROCESSABLE_CONTENT", UnprocessableContent),
        (429, "RATE_LIMITED", RateLimited),
        (500, "INTERNAL", InternalError),
        (503, "UNAVAILABLE", Unavailable),
        # Unknown codes.
        (403, "BLOCKED", Forbidden),
        (409, "BUSY", Conflict),
        (418, "TEAPOT", ApiError),
        (502, "BAD_GATEWAY", ApiError),
    ],
)
def test_error_response_raises_the_class_of_its_code_or_status(status: int, code: str, cls: type[ApiError]) -> None:
    error = error_for(error_response(status, code, retry_after="3", field="name"))
    assert type(error) is cls
    assert isinstance(error, ApiError)
    assert (error.status, error.code, error.message) == (status, code, "No.")
    assert (error.request_id, error.retry_after, error.field) == ("1-2-3", 3, "name")
    assert str(error) == f"{status} {code}: No. (request 1-2-3)"


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (
            httpx.Response(502, html="<h1>Bad gateway</h1>"),
            "502: response is not JSON (Content-Type: text/html; charset=utf-8)",
        ),
        (
            httpx.Response(200, html="<h1>Log in to the Wi-Fi</h1>"),
            "200: response is not JSON (Content-Type: text/html",
        ),
        (httpx.Response(307, headers={"Location": "https://example.org/"}), "307: response is a redirect"),
        (httpx.Response(403, json={"message": "Forbidden"}), "403: response lacks required fields of ErrorBody"),
        (httpx.Response(500), "500: response is not of type dict"),
        (httpx.Response(200), "200: response is not of type dict"),
        (httpx.Response(200, json=[]), "200: response is not of type dict"),
        (httpx.Response(200, json={"type": "robot"}), "200: response.type has an unknown value"),
        (httpx.Response(200, json={"type": "session"}), "200: response lacks required fields of SessionCaller"),
        (httpx.Response(200, content=b"\xff\xfe\xfd"), "200: response is not JSON (Content-Type: missing)"),
    ],
)
def test_response_that_does_not_follow_the_api_raises_unexpected_response(
    response: httpx.Response, message: str
) -> None:
    error = error_for(response)
    assert type(error) is UnexpectedResponse
    assert str(error).startswith(message)
    assert error.status == response.status_code


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("No.", 429, "RATE_LIMITED", "1-2-3", 7),
        BadRequest("No.", 400, "BAD_REQUEST", None, None, "name"),
        UnexpectedResponse("response is not JSON", 502, "1-2-3"),
        TimedOut("no response in time", True),
    ],
)
def test_pickled_error_is_restored_unchanged(error: MedtwinError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - the test pickled it itself
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)
