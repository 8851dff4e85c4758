from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Literal

import httpx
import pytest
from responses import ScriptedService

from medtwin import ApiKey, SecretLost
from medtwin.api import Api
from medtwin.decoding import DecodeError, decode
from medtwin.transport import SyncTransport

KEY = {
    "id": "key_1",
    "name": "Reader",
    "type": "live",
    "permissions": ["read"],
    "scope": None,
    "allowed_ips": None,
    "hint": "mt_live_…x7Qd",
    "status": "active",
    "created_at": "2026-01-30T12:00:00Z",
    "created_by": None,
    "expires_at": None,
    "last_used_at": None,
    "last_used_ip": None,
    "previous_secret": None,
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
    day: date | None = None


OUTER = {"word": "a", "number": 1, "time": "2026-01-30T12:00:00Z", "inner": [{"flag": True}]}


def test_object_decodes_to_its_dataclass() -> None:
    time = datetime(2026, 1, 30, 12, tzinfo=timezone.utc)
    assert decode(Outer, OUTER) == Outer("a", 1, time, (Inner(True),))
    assert decode(Outer, OUTER | {"day": "2026-01-30"}).day == date(2026, 1, 30)
    assert decode(Outer, OUTER | {"time": None, "inner": [], "extra": "x"}) == Outer("a", 1, None, (), "x")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("word", None, "response.word is not of type str"),
        ("number", True, "response.number is not of type int"),
        ("number", "1", "response.number is not of type int"),
        ("time", "yesterday", "response.time is not a valid time"),
        ("time", "2026-01-30T12:00:00", "response.time has no time zone"),
        ("day", "2026-02-30", "response.day is not a valid date"),
        ("day", "20260130", "response.day is not a valid date"),
        ("day", "2026-01-30T12:00:00Z", "response.day is not a valid date"),
        ("inner", {}, "response.inner is not of type list"),
        ("inner", [{"flag": True}, {"flag": 1}], "response.inner[1].flag is not of type bool"),
        ("inner", [{}], "response.inner[0] lacks required fields of Inner"),
    ],
)
def test_invalid_value_raises_decode_error_that_names_the_field(field: str, value: object, message: str) -> None:
    with pytest.raises(DecodeError) as raised:
        decode(Outer, OUTER | {field: value})
    assert str(raised.value) == message


def test_key_with_unknown_fields_and_values_decodes() -> None:
    response = KEY | {"type": "sandbox", "status": "paused", "permissions": ["read", "share"], "colour": "red"}
    key = ScriptedService([httpx.Response(200, json=response)]).client().api_keys.get("key_1")
    assert (key.type, key.status, key.permissions) == ("sandbox", "paused", ("read", "share"))


@pytest.mark.parametrize(
    ("call", "more"),
    [
        (lambda client: client.api_keys.create("Reader", ["read"]), {}),
        (lambda client: client.api_keys.rotate("key_1"), {"previous_expires_at": "2026-01-31T12:00:00Z"}),
    ],
)
def test_replayed_response_that_an_earlier_version_stored_raises_secret_lost(
    call: Callable[[Api[SyncTransport]], object], more: dict[str, str]
) -> None:
    later = ("allowed_ips", "created_by", "last_used_ip", "previous_secret")
    stored = {name: value for name, value in KEY.items() if name not in later} | more
    client = ScriptedService([httpx.Response(200, json=stored)]).client()
    with pytest.raises(SecretLost) as raised:
        call(client)
    assert raised.value.api_key == decode(ApiKey, KEY)


def test_key_without_a_field_that_every_version_returns_raises_decode_error() -> None:
    for name in ("id", "hint", "status", "scope", "expires_at", "last_used_at"):
        with pytest.raises(DecodeError):
            decode(ApiKey, {field: value for field, value in KEY.items() if field != name})


def test_event_of_an_unknown_type_decodes() -> None:
    event = {
        "id": "event_1",
        "type": "moon.risen",
        "created_at": "2026-01-30T12:00:00Z",
        "actor": {"type": "tide", "height": 3},
        "request_id": "1-2-3",
        "source_ip": None,
        "phase": "full",
    }
    response = httpx.Response(200, json={"data": [event], "next_cursor": None, "total": 1})
    (decoded,) = ScriptedService([response]).client().audit_events.list()
    assert decoded.type == "moon.risen"
