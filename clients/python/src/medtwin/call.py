"""A call of the service, as a value: what to send, how to read the answer, and when it may be sent again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from enum import Enum, auto
from typing import Generic, TypeAlias, TypeVar
from uuid import uuid4

from medtwin.reading import read

T = TypeVar("T")

Parameters: TypeAlias = Mapping[str, str | None]
"""Parameters of the query; one that is None is left out."""
Members: TypeAlias = Mapping[str, object]
"""Members of the body; one that is None is left out."""
_NONE: Parameters = {}


class Repeat(Enum):
    """When a call may be sent again."""

    SAFE = auto()
    """Always: doing it twice is doing it once."""
    UNLESS_DONE = auto()
    """Where it surely was not done: it was not sent, or refused by a limit before anything was looked at."""
    NEVER = auto()
    """Not at all: it is somebody's attempt at a password."""


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request and what becomes of its answer."""

    method: str
    path: str
    read: Callable[[object], T]
    """Makes of the answer's JSON what the caller is given. Raises `Malformed` where it can't."""
    query: Parameters = field(default_factory=dict)
    body: Members | None = None
    repeat: Repeat = Repeat.SAFE
    idempotency_key: str | None = None
    """Names the request, so that the service does it once however often it comes."""
    done_already: int | None = None
    """The status of a repetition where the attempt before it, whose answer was lost, has done it."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list."""

    data: tuple[T, ...]
    next_cursor: str | None


def get(path: str, kind: type[T], query: Parameters = _NONE) -> Call[T]:
    """Read the one thing at `path`."""
    return Call(method="GET", path=path, read=_reader(kind), query=query)


def get_page(path: str, kind: type[T], page_size: int | None, query: Parameters = _NONE) -> Call[Page[T]]:
    """Read the first page of the list at `path`."""
    limit = None if page_size is None else str(page_size)
    return Call(method="GET", path=path, read=_page_reader(kind), query={**query, "limit": limit})


def after(call: Call[Page[T]], page: Page[T]) -> Call[Page[T]] | None:
    """Read the page behind `page`, which `call` has read, if there is one."""
    if page.next_cursor is None:
        return None
    return replace(call, query={**call.query, "cursor": page.next_cursor})


def post(path: str, kind: type[T], body: Members, query: Parameters = _NONE) -> Call[T]:
    """Make a thing, or a secret: to do it twice would make two."""
    return Call(method="POST", path=path, read=_reader(kind), query=query, body=body, repeat=Repeat.UNLESS_DONE)


def once(call: Call[T]) -> Call[T]:
    """Name a request that makes something, where the service takes a name: it may then be sent again."""
    return replace(call, repeat=Repeat.SAFE, idempotency_key=str(uuid4()))


def patch(path: str, kind: type[T], body: Members, query: Parameters = _NONE) -> Call[T]:
    """Set members of the thing at `path` to what `body` says."""
    return Call(method="PATCH", path=path, read=_reader(kind), query=query, body=body)


def delete(path: str, query: Parameters = _NONE) -> Call[None]:
    """End the thing at `path`."""
    return Call(method="DELETE", path=path, read=nothing, query=query, done_already=404)


def nothing(_answer: object) -> None:
    """Read an answer that says no more than that it was done."""


def segment(thing_id: str) -> str:
    """Give an id as a part of a path.

    Raises `ValueError` where it is none, and would lead elsewhere.
    """
    if not re.fullmatch("[A-Za-z0-9_]+", thing_id):
        raise ValueError("an id has letters, digits and underscores alone")
    return thing_id


def seconds(time: datetime | None) -> str | None:
    """Give a time as the service takes it: in UTC, to the second.

    Raises `ValueError` where its zone is missing, since it could then be any of 26 hours.
    """
    if time is None:
        return None
    if time.tzinfo is None:
        raise ValueError("a time needs its zone, as in datetime.now(timezone.utc)")
    return time.astimezone(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def _reader(kind: type[T]) -> Callable[[object], T]:
    return lambda answer: read(kind, answer)


def _page_reader(kind: type[T]) -> Callable[[object], Page[T]]:
    def read_page(answer: object) -> Page[T]:
        page = read(_AnyPage, answer)
        return Page(
            tuple(read(kind, thing, f"the answer.data[{n}]") for n, thing in enumerate(page.data)),
            page.next_cursor,
        )

    return read_page


@dataclass(frozen=True)
class _AnyPage:
    data: tuple[object, ...]
    next_cursor: str | None
