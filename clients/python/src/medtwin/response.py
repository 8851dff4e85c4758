"""Interpretation of HTTP responses."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx

from medtwin.decoding import DecodeError, decode
from medtwin.errors import ApiError, MedtwinError, UnexpectedResponse, error_class

T = TypeVar("T")


@dataclass(frozen=True)
class ErrorDetail:
    """The object `error` in the body of an error response."""

    code: str
    message: str
    field: str | None = None


@dataclass(frozen=True)
class ErrorBody:
    """The body of an error response."""

    error: ErrorDetail


def decode_body(response: httpx.Response, decoder: Callable[[object], T]) -> T:
    """Decode the JSON body of a successful response.

    Raises `UnexpectedResponse` if `decoder` cannot decode it. The error has no `__context__`, because a lower layer's
    error would show the body, which may contain a new secret.
    """
    try:
        return decoder(_parse_json(response))
    except DecodeError as error:
        problem = str(error)
    raise _unexpected_response(response, problem)


def error_from_response(response: httpx.Response) -> MedtwinError:
    """Return the error that an unsuccessful response represents."""
    if response.is_redirect:
        return _unexpected_response(response, "response is a redirect, which the client does not follow")
    try:
        detail = decode(ErrorBody, _parse_json(response)).error
    except DecodeError as error:
        return _unexpected_response(response, str(error))
    cls: type[ApiError] = error_class(response.status_code, detail.code)
    return cls(
        detail.message,
        response.status_code,
        detail.code,
        _request_id(response),
        retry_after(response),
        detail.field,
    )


def retry_after(response: httpx.Response) -> int | None:
    """Return the value of `Retry-After` in seconds. The service never sends a date."""
    text = response.headers.get("Retry-After", "")
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def _parse_json(response: httpx.Response) -> object:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        media_type = response.headers.get("Content-Type", "missing")
        raise DecodeError(f"response is not JSON (Content-Type: {media_type})") from None


def _unexpected_response(response: httpx.Response, problem: str) -> UnexpectedResponse:
    return UnexpectedResponse(problem, response.status_code, _request_id(response))


def _request_id(response: httpx.Response) -> str | None:
    request_id: str | None = response.headers.get("X-Request-Id")
    return request_id
