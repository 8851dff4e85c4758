"""A request to the API as a value: what to send, how to decode the response, and when to retry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from enum import Enum, auto
from typing import Generic, TypeAlias, TypeVar
from uuid import uuid4

from medtwin.decoding import decode
from medtwin.not_given import NOT_GIVEN

T = TypeVar("T")

QueryParameters: TypeAlias = Mapping[str, str | None]
"""The query parameters of a request. A parameter that is None is not sent."""
JsonFields: TypeAlias = Mapping[str, object]
"""The fields of a JSON body. None becomes null, and a `Secret` becomes its text."""
_NO_PARAMETERS: QueryParameters = {}


class RetryWhen(Enum):
    """When a failed request may be sent again."""

    ALWAYS = auto()
    """The request is idempotent: sending it twice has the same effect as sending it once."""
    IF_NOT_PROCESSED = auto()
    """Only if the request certainly had no effect: it was not sent, or the rate limit rejected it."""
    NEVER = auto()
    """The request uses up an attempt at a password, or a token that works once."""


@dataclass(frozen=True, kw_only=True)
class ApiRequest(Generic[T]):
    """One request to the API, whose response decodes to a `T`."""

    method: str
    path: str
    decoder: Callable[[object], T]
    """Decodes the JSON of the response. Raises `DecodeError` if it does not match."""
    query: QueryParameters = field(default_factory=dict)
    body: JsonFields | None = None
    retry: RetryWhen = RetryWhen.ALWAYS
    needs_credential: bool = True
    """Whether the client sends its credential, if it has one. False for operations that anybody may call."""
    idempotency_key: str | None = None
    """The value of `Idempotency-Key`. The service processes requests with the same key once."""
    already_done_status: int | None = None
    """The status that a retry receives if an earlier attempt, whose response was lost, took effect."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list."""

    data: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Part(Generic[T]):
    """The part of an operation that one request completed."""

    done: tuple[T, ...]
    more: bool
    """Whether the same request has more to do."""


def get(path: str, cls: type[T], query: QueryParameters = _NO_PARAMETERS) -> ApiRequest[T]:
    """Return a request for one entity."""
    return ApiRequest(method="GET", path=path, decoder=_decoder(cls), query=query)


def get_page(
    path: str, cls: type[T], page_size: int | None, query: QueryParameters = _NO_PARAMETERS
) -> ApiRequest[Page[T]]:
    """Return a request for the first page of a list."""
    limit = None if page_size is None else str(page_size)
    return ApiRequest(method="GET", path=path, decoder=_page_decoder(cls), query={**query, "limit": limit})


def next_page(request: ApiRequest[Page[T]], page: Page[T]) -> ApiRequest[Page[T]] | None:
    """Return the request for the page after `page`, which `request` returned, or None after the last page."""
    if page.next_cursor is None:
        return None
    return replace(request, query={**request.query, "cursor": page.next_cursor})


def post(path: str, cls: type[T], body: JsonFields, query: QueryParameters = _NO_PARAMETERS) -> ApiRequest[T]:
    """Return a request that creates an entity or a secret. It is not idempotent: sent twice, it creates two."""
    return ApiRequest(
        method="POST", path=path, decoder=_decoder(cls), query=query, body=body, retry=RetryWhen.IF_NOT_PROCESSED
    )


def idempotent(request: ApiRequest[T]) -> ApiRequest[T]:
    """Add an idempotency key, for an operation that accepts one. The request may then always be retried."""
    return replace(request, retry=RetryWhen.ALWAYS, idempotency_key=str(uuid4()))


def patch(path: str, cls: type[T], body: JsonFields, query: QueryParameters = _NO_PARAMETERS) -> ApiRequest[T]:
    """Return a request that sets the fields in `body` and leaves the other fields of the entity as they are."""
    return ApiRequest(method="PATCH", path=path, decoder=_decoder(cls), query=query, body=body)


def delete(path: str, query: QueryParameters = _NO_PARAMETERS) -> ApiRequest[None]:
    """Return a request that deletes, revokes or ends an entity."""
    return ApiRequest(method="DELETE", path=path, decoder=ignore_body, query=query, already_done_status=404)


def without_none(fields: JsonFields) -> JsonFields:
    """Leave out the fields that are None: the service then uses their defaults, or does not change them."""
    return {name: value for name, value in fields.items() if value is not None}


def without_not_given(fields: JsonFields) -> JsonFields:
    """Leave out the fields that are `NOT_GIVEN`. A field that is None is sent as null."""
    return {name: value for name, value in fields.items() if value is not NOT_GIVEN}


def ignore_body(_body: object) -> None:
    """Decode a response whose body does not matter."""


def path_segment(entity_id: str) -> str:
    """Return an id for use as a segment of a path.

    Raises `ValueError` if it contains other characters than those of an id, which could lead to another path.
    """
    if not re.fullmatch("[A-Za-z0-9_]+", entity_id):
        raise ValueError("an id may contain only letters, digits and underscores")
    return entity_id


def format_time(time: datetime | None, *, round_up: bool = False) -> str | None:
    """Format a time as the service expects it: RFC 3339 in UTC, in whole seconds, rounded down or up.

    Raises `ValueError` if the time has no time zone, because the instant is then ambiguous.
    """
    if time is None:
        return None
    if time.tzinfo is None:
        raise ValueError("a time needs a time zone, as in datetime.now(timezone.utc)")
    time = time.astimezone(timezone.utc)
    if round_up and time.microsecond > 0:
        time += timedelta(seconds=1)
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def _decoder(cls: type[T]) -> Callable[[object], T]:
    return lambda body: decode(cls, body)


def _page_decoder(cls: type[T]) -> Callable[[object], Page[T]]:
    def decode_page(body: object) -> Page[T]:
        page = decode(_UndecodedPage, body)
        return Page(
            tuple(decode(cls, item, f"response.data[{index}]") for index, item in enumerate(page.data)),
            page.next_cursor,
        )

    return decode_page


@dataclass(frozen=True)
class _UndecodedPage:
    data: tuple[object, ...]
    next_cursor: str | None
