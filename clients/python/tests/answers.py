"""A service that answers what a test says, and clients of it that sleep without a bed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from medtwin import Retries, Secret
from medtwin.api import Api
from medtwin.credential import Credential
from medtwin.wire import Awaited, Blocking

KEY = "mt_live_0VpZbQ3kd81xTq7M0VpZbQ9sWm40aYeK"
URL = "https://api.example.com"

Outcome = httpx.Response | Callable[[httpx.Request], httpx.Response]


def failing(error: type[httpx.TransportError]) -> Outcome:
    """Give an outcome that is no answer."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise error("what went wrong", request=request)

    return fail


def refusing(status: int, code: str, *, retry_after: str | None = None, **members: str) -> httpx.Response:
    """Give an answer that is an error of the service's."""
    headers = {"X-Request-Id": "1-2-3"} | ({} if retry_after is None else {"Retry-After": retry_after})
    return httpx.Response(status, headers=headers, json={"error": {"code": code, "message": "No.", **members}})


@dataclass
class Script:
    """Outcomes, one for each request; what was asked, and how long a client waited in between."""

    outcomes: Sequence[Outcome]
    requests: list[httpx.Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        outcome = self.outcomes[len(self.requests)]
        self.requests.append(request)
        if callable(outcome):
            return outcome(request)
        # A response is of one request.
        return httpx.Response(outcome.status_code, headers=outcome.headers, content=outcome.content)

    def client(self, retries: Retries = Retries(random=lambda: 0)) -> Api[Blocking]:  # noqa: B008 - it is frozen
        http = httpx.Client(base_url=URL, transport=httpx.MockTransport(self.answer))
        return Api(Blocking(http, Credential.of_key(Secret(KEY)), retries, self.waits.append))

    def async_client(self) -> Api[Awaited]:
        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        http = httpx.AsyncClient(base_url=URL, transport=httpx.MockTransport(self.answer))
        return Api(Awaited(http, Credential.of_key(Secret(KEY)), Retries(random=lambda: 0), sleep))
