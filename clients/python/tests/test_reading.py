from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

import httpx
import pytest
from answers import Script

from medtwin.reading import Malformed, read

KEY = {
    "id": "key_1",
    "name": "Reader",
    "type": "live",
    "permissions": ["read"],
    "scope": None,
    "hint": "mt_live_…x7Qd",
    "status": "active",
    "created_at": "2026-01-30T12:00:00Z",
    "expires_at": None,
    "last_used_at": None,
}


@dataclass(frozen=True)
class Inner:
    flag: bool


@dataclass(frozen=True)
class Outer:
    word: Literal["a"] | str
    number: int
    time: datetime | None
    inner: tuple[Inner, ...]
    extra: str | None = None


OUTER = {"word": "a", "number": 1, "time": "2026-01-30T12:00:00Z", "inner": [{"flag": True}]}


def test_a_thing_is_read_whole() -> None:
    time = datetime(2026, 1, 30, 12, tzinfo=timezone.utc)
    assert read(Outer, OUTER) == Outer("a", 1, time, (Inner(True),))
    assert read(Outer, OUTER | {"time": None, "inner": [], "extra": "x"}) == Outer("a", 1, None, (), "x")


@pytest.mark.parametrize(
    ("member", "value", "problem"),
    [
        ("word", None, "the answer.word is no str"),
        ("number", True, "the answer.number is no int"),
        ("number", "1", "the answer.number is no int"),
        ("time", "yesterday", "the answer.time is no time"),
        ("time", "2026-01-30T12:00:00", "the answer.time is a time without its zone"),
        ("inner", {}, "the answer.inner is no list"),
        ("inner", [{"flag": True}, {"flag": 1}], "the answer.inner[1].flag is no bool"),
        ("inner", [{}], "the answer.inner[0] lacks members of Inner"),
    ],
)
def test_what_is_not_as_it_should_be_is_named(member: str, value: object, problem: str) -> None:
    with pytest.raises(Malformed) as malformed:
        read(Outer, OUTER | {member: value})
    assert str(malformed.value) == problem


def test_a_later_service_may_say_more() -> None:
    later = KEY | {"type": "sandbox", "status": "paused", "permissions": ["read", "share"], "colour": "red"}
    key = Script([httpx.Response(200, json=later)]).client().api_keys.get("key_1")
    assert (key.type, key.status, key.permissions) == ("sandbox", "paused", ("read", "share"))


def test_an_event_of_a_later_service_is_read() -> None:
    event = {
        "id": "event_1",
        "type": "moon.risen",
        "created_at": "2026-01-30T12:00:00Z",
        "actor": {"type": "tide", "height": 3},
        "request_id": "1-2-3",
        "source_ip": None,
        "phase": "full",
    }
    answer = httpx.Response(200, json={"data": [event], "next_cursor": None, "total": 1})
    (read,) = Script([answer]).client().audit_events.list()
    assert read.type == "moon.risen"
