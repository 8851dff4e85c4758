"""The warning that a client uses the previous secret of its key."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest
from responses import KEY, URL, Outcome, ScriptedService, error_response

from medtwin import Client, RotatedApiKey, RotationIncomplete, Unavailable, deprecation

DEPRECATION = "@1769731230"
SUNSET = "Fri, 30 Jan 2026 01:00:30 GMT"
TEXT = (
    "the secret of this client's API key was replaced on 2026-01-30T00:00:30+00:00, "
    "and it works until 2026-01-30T01:00:30+00:00: load the current secret"
)
ME = {
    "type": "api_key",
    "account_id": "acct_1",
    "key_id": "key_1",
    "name": "Reader",
    "key_type": "live",
    "permissions": ["read"],
    "scope": None,
    "expires_at": None,
    "secret": "current",
}


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the package forget that it has warned."""
    monkeypatch.setattr(deprecation, "_warned", False)


@pytest.fixture(autouse=True)
def shown_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Collect all warnings, even repeated ones from the same line."""
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        yield shown


def response(deprecation: str | None = DEPRECATION, sunset: str | None = SUNSET, **fields: str) -> httpx.Response:
    """Return a response to `me` with the headers that are not None."""
    headers = {"Deprecation": deprecation, "Sunset": sunset}
    present = [(name.encode(), value.encode()) for name, value in headers.items() if value is not None]
    return httpx.Response(200, headers=present, json=ME | fields)


def messages(shown: list[warnings.WarningMessage]) -> list[str]:
    assert all(warning.category is DeprecationWarning for warning in shown)
    return [str(warning.message) for warning in shown]


def test_previous_secret_warns_once_with_both_times(
    shown_warnings: list[warnings.WarningMessage], caplog: pytest.LogCaptureFixture
) -> None:
    client = ScriptedService([response()] * 3).client()
    for _ in range(3):
        client.me()
    # Another client of the same process.
    ScriptedService([response()]).client().me()
    assert messages(shown_warnings) == [TEXT]
    assert [(record.name, record.levelno, record.getMessage()) for record in caplog.records] == [
        ("medtwin", logging.WARNING, TEXT)
    ]


def test_warning_names_the_line_that_called_the_client(shown_warnings: list[warnings.WarningMessage]) -> None:
    ScriptedService([response()]).client().me()
    assert [warning.filename for warning in shown_warnings] == [__file__]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_previous_secret_of_an_async_client_warns_once(
    anyio_backend: str, shown_warnings: list[warnings.WarningMessage]
) -> None:
    client = ScriptedService([response()] * 2).async_client()
    await client.me()
    await client.me()
    assert messages(shown_warnings) == [TEXT]
    assert [warning.filename for warning in shown_warnings] == [__file__]


def test_error_response_to_the_previous_secret_warns(shown_warnings: list[warnings.WarningMessage]) -> None:
    unavailable = error_response(503, "UNAVAILABLE", retry_after="90")
    unavailable.headers["Deprecation"] = DEPRECATION
    with pytest.raises(Unavailable):
        ScriptedService([unavailable]).client().me()
    assert len(shown_warnings) == 1


def test_current_secret_does_not_warn(shown_warnings: list[warnings.WarningMessage]) -> None:
    ScriptedService([response(None, None)]).client().me()
    assert shown_warnings == []


@pytest.mark.parametrize(
    "malformed",
    ["", "@", "true", "1769731230", "@-1", "@1.5", "@1e9", "@٣", "@1769731230;a", "@999999999999", SUNSET],
)
def test_malformed_deprecation_is_ignored(malformed: str, shown_warnings: list[warnings.WarningMessage]) -> None:
    client = ScriptedService([response(malformed, None), response(malformed)]).client()
    client.me()
    assert shown_warnings == []
    # The other header alone says that the secret was replaced.
    client.me()
    assert messages(shown_warnings) == [TEXT.replace(" on 2026-01-30T00:00:30+00:00", "")]


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "soon",
        DEPRECATION,
        "2026-01-30T01:00:30Z",
        "Fri, 30 Jan 2026 01:00:30 +0000",
        "Fri, 30 Jan 2026 01:00:30 -0000",
        "Fri, 31 Feb 2026 01:00:30 GMT",
        "Fri, 30 Foo 2026 01:00:30 GMT",
        "Fri, 30 Jan 2026 25:00:30 GMT",
        f"{SUNSET}, {SUNSET}",
    ],
)
def test_malformed_sunset_is_ignored(malformed: str, shown_warnings: list[warnings.WarningMessage]) -> None:
    client = ScriptedService([response(None, malformed), response(DEPRECATION, malformed)]).client()
    client.me()
    assert shown_warnings == []
    client.me()
    assert messages(shown_warnings) == [TEXT.replace(", and it works until 2026-01-30T01:00:30+00:00", "")]


def test_concurrent_threads_warn_once(
    shown_warnings: list[warnings.WarningMessage], caplog: pytest.LogCaptureFixture
) -> None:
    threads = 16
    barrier = Barrier(threads)

    def respond(_: httpx.Request) -> httpx.Response:
        barrier.wait()
        return response()

    with (
        Client(KEY, base_url=URL, transport=httpx.MockTransport(respond)) as client,
        ThreadPoolExecutor(threads) as pool,
    ):
        list(pool.map(lambda _: client.me(), range(threads)))
    assert len(shown_warnings) == 1
    assert [record.getMessage() for record in caplog.records if record.name == "medtwin"] == [TEXT]


def test_warning_as_an_error_does_not_replace_the_response(caplog: pytest.LogCaptureFixture) -> None:
    warnings.simplefilter("error")
    assert ScriptedService([response()]).client().me().account_id == "acct_1"
    assert caplog.messages == [TEXT]


def test_warning_contains_no_secret(
    shown_warnings: list[warnings.WarningMessage], caplog: pytest.LogCaptureFixture
) -> None:
    ScriptedService([response()]).client().me()
    assert len(shown_warnings) == len(caplog.records) == 1
    for text in (str(shown_warnings[0]), repr(vars(caplog.records[0]))):
        assert KEY not in text


def test_warning_is_shown_to_a_script_with_the_default_filters() -> None:
    script = f"""
import httpx
from medtwin import Client

def respond(request):
    return httpx.Response(200, headers={{"Deprecation": {DEPRECATION!r}}}, json={ME!r})

Client({KEY!r}, base_url={URL!r}, transport=httpx.MockTransport(respond)).me()
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "DeprecationWarning: the secret of this client's API key was replaced on 2026" in result.stderr


def rotation_outcomes(verified_secret: str) -> list[Outcome]:
    """Return the responses to a rotation whose own requests have the previous secret."""
    created = {
        "id": "key_1",
        "name": "Reader",
        "type": "live",
        "permissions": ["read"],
        "scope": None,
        "allowed_ips": None,
        "hint": "mt_live_…x7Qd",
        "status": "active",
        "created_at": "2026-01-30T00:00:30Z",
        "created_by": None,
        "expires_at": None,
        "last_used_at": None,
        "last_used_ip": None,
        "previous_secret": None,
        "previous_expires_at": "2026-01-30T01:00:30Z",
        "key": "mt_live_1",
    }
    headers = {"Deprecation": DEPRECATION, "Sunset": SUNSET}
    return [
        response(),
        httpx.Response(200, headers=headers, json=created),
        response(None, None, secret=verified_secret),
    ]


def rotating_client(service: ScriptedService) -> Client:
    return Client(KEY, base_url=URL, transport=httpx.MockTransport(service.handle))


def test_own_rotation_does_not_warn(shown_warnings: list[warnings.WarningMessage]) -> None:
    with rotating_client(ScriptedService([*rotation_outcomes("current"), response(None, None)])) as client:
        client.rotate_own_key(lambda _: None)
        client.me()
    assert shown_warnings == []


def test_other_request_during_an_own_rotation_does_not_warn(shown_warnings: list[warnings.WarningMessage]) -> None:
    me, rotated, verified = rotation_outcomes("current")

    def store(_: RotatedApiKey) -> None:
        client.me()

    with rotating_client(ScriptedService([me, rotated, response(), verified])) as client:
        client.rotate_own_key(store)
    assert shown_warnings == []


def test_response_that_arrives_after_an_own_rotation_does_not_warn(
    shown_warnings: list[warnings.WarningMessage],
) -> None:
    outcomes = iter(rotation_outcomes("current"))

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/projects/proj_1":
            client.rotate_own_key(lambda _: None)
            project = {"id": "proj_1", "name": "Study", "created_at": "2026-01-30T12:00:00Z"}
            return httpx.Response(200, headers={"Deprecation": DEPRECATION}, json=project)
        outcome = next(outcomes)
        assert isinstance(outcome, httpx.Response)
        return outcome

    with Client(KEY, base_url=URL, transport=httpx.MockTransport(respond)) as client:
        client.projects.get("proj_1")
    assert shown_warnings == []


def test_request_after_an_incomplete_rotation_warns(shown_warnings: list[warnings.WarningMessage]) -> None:
    with rotating_client(ScriptedService([*rotation_outcomes("previous"), response()])) as client:
        with pytest.raises(RotationIncomplete):
            client.rotate_own_key(lambda _: None)
        assert shown_warnings == []
        client.me()
    assert messages(shown_warnings) == [TEXT]
