"""A scripted service: it returns the responses that a test lists, and its clients record waits instead of sleeping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field

import httpx

from medtwin import AsyncClient, Client, Retries, Secret
from medtwin.api import Api
from medtwin.credential import Credential
from medtwin.transport import AsyncTransport, SyncTransport

KEY = "mt_live_0VpZbQ3kd81xTq7M0VpZbQ9sWm40aYeK"
URL = "https://api.example.com"

SECOND_FACTOR_NEEDED = httpx.Response(
    200,
    json={
        "second_factor": {
            "login_token": "login_1",
            "options": {"publicKey": {}},
            "expires_at": "2026-01-30T12:05:00Z",
        }
    },
)
LOGGED_IN = httpx.Response(200, json={"session_token": "sess_1", "expires_at": "2026-01-31T00:00:00Z"})

_ONCE = Retries(attempts=1)
_MEMBER = ("ada@example.com", "old")

Outcome = httpx.Response | Callable[[httpx.Request], httpx.Response]


def failure(error: type[httpx.TransportError]) -> Outcome:
    """Return an outcome without a response: sending the request raises `error`."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise error("simulated failure", request=request)

    return fail


def error_response(status: int, code: str, *, retry_after: str | None = None, **fields: str) -> httpx.Response:
    """Return an error response of the service. `fields` are added to its `error` object."""
    headers = {"X-Request-Id": "1-2-3"} | ({} if retry_after is None else {"Retry-After": retry_after})
    return httpx.Response(status, headers=headers, json={"error": {"code": code, "message": "No.", **fields}})


@dataclass
class ScriptedService:
    """A service with one outcome for each request. It records the requests, and the client's waits in seconds."""

    outcomes: Sequence[Outcome]
    requests: list[httpx.Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        outcome = self.outcomes[len(self.requests)]
        self.requests.append(request)
        if callable(outcome):
            return outcome(request)
        # An `httpx.Response` belongs to one request, so each request gets a copy.
        return httpx.Response(outcome.status_code, headers=outcome.headers, content=outcome.content)

    def client(self, retries: Retries = Retries(random=lambda: 0)) -> Api[SyncTransport]:  # noqa: B008 - it is frozen
        http = httpx.Client(base_url=URL, transport=httpx.MockTransport(self.handle))
        return Api(SyncTransport(http, Credential.from_api_key(Secret(KEY)), retries, self.waits.append))

    def async_client(self) -> Api[AsyncTransport]:
        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        http = httpx.AsyncClient(base_url=URL, transport=httpx.MockTransport(self.handle))
        return Api(AsyncTransport(http, Credential.from_api_key(Secret(KEY)), Retries(random=lambda: 0), sleep))

    def log_in(self, recovery_code: str | None = None) -> AbstractContextManager[Client]:
        transport = httpx.MockTransport(self.handle)
        return Client.login(*_MEMBER, recovery_code=recovery_code, base_url=URL, retries=_ONCE, transport=transport)

    def async_log_in(self, recovery_code: str | None = None) -> AbstractAsyncContextManager[AsyncClient]:
        transport = httpx.MockTransport(self.handle)
        return AsyncClient.login(
            *_MEMBER, recovery_code=recovery_code, base_url=URL, retries=_ONCE, transport=transport
        )
