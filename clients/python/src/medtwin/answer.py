"""What the service's answers say."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx

from medtwin.errors import ApiError, MedtwinError, UnexpectedAnswer, kind_of
from medtwin.reading import Malformed, read

T = TypeVar("T")


@dataclass(frozen=True)
class _Problem:
    code: str
    message: str
    field: str | None = None


@dataclass(frozen=True)
class _Failure:
    error: _Problem


def value(response: httpx.Response, make: Callable[[object], T]) -> T:
    """Give what `make` makes of the answer's JSON.

    Raises `UnexpectedAnswer` where it can't. That error has no context: one from below would show the answer, which
    may hold a new secret.
    """
    try:
        return make(_json(response))
    except Malformed as malformed:
        problem = str(malformed)
    raise _unexpected(response, problem)


def failure(response: httpx.Response) -> MedtwinError:
    """Give the error that the answer is."""
    if response.is_redirect:
        return _unexpected(response, "the answer leads elsewhere, where no credential is sent")
    try:
        problem = read(_Failure, _json(response)).error
    except Malformed as malformed:
        return _unexpected(response, str(malformed))
    kind: type[ApiError] = kind_of(response.status_code, problem.code)
    return kind(
        problem.message,
        response.status_code,
        problem.code,
        _request_id(response),
        retry_after(response),
        problem.field,
    )


def retry_after(response: httpx.Response) -> int | None:
    """Give the seconds that `Retry-After` asks for; the service never says a date."""
    text = response.headers.get("Retry-After", "")
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def _json(response: httpx.Response) -> object:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        media_type = response.headers.get("Content-Type", "of no type")
        raise Malformed(f"the answer is no JSON, but {media_type}") from None


def _unexpected(response: httpx.Response, problem: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(problem, response.status_code, _request_id(response))


def _request_id(response: httpx.Response) -> str | None:
    request_id: str | None = response.headers.get("X-Request-Id")
    return request_id
