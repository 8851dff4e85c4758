"""The two ways to send a call: blocking, and awaited. All that they decide is in `attempts` and `answer`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import TypeVar

import httpx

from medtwin.attempts import Attempts, Retries
from medtwin.call import Call, Members, Page, after
from medtwin.credential import Credential
from medtwin.errors import ConnectionFailed, NoAnswer, TimedOut
from medtwin.secret import Secret

T = TypeVar("T")

_USER_AGENT = f"medtwin-python/{version('medtwin')}"


@dataclass(eq=False)
class Blocking:
    """Sends calls with an `httpx.Client`."""

    http: httpx.Client
    credential: Credential | None
    retries: Retries
    sleep: Callable[[float], None]

    def send(self, call: Call[T], credential: Credential | None = None) -> T:
        """Send `call`, with the client's credential where no other is given."""
        attempts = Attempts(call, self.retries)
        while True:
            outcome: httpx.Response | NoAnswer
            try:
                outcome = self.http.send(_request(self.http, call, credential or self.credential))
            except httpx.HTTPError as error:
                outcome = _no_answer(error)
            except BaseException as error:
                # Frames below have the header among their locals.
                raise error.with_traceback(None) from None
            wait = attempts.wait_after(outcome)
            if wait is None:
                return attempts.conclude(outcome)
            self.sleep(wait)

    def pages(self, first: Call[Page[T]]) -> Iterator[T]:
        """Give all things of a list, reading a page when its first is asked for."""
        call: Call[Page[T]] | None = first
        while call is not None:
            page = self.send(call)
            yield from page.data
            call = after(call, page)


@dataclass(eq=False)
class Awaited:
    """Sends calls with an `httpx.AsyncClient`."""

    http: httpx.AsyncClient
    credential: Credential | None
    retries: Retries
    sleep: Callable[[float], Awaitable[None]]

    async def send(self, call: Call[T], credential: Credential | None = None) -> T:
        """Send `call`, with the client's credential where no other is given."""
        attempts = Attempts(call, self.retries)
        while True:
            outcome: httpx.Response | NoAnswer
            try:
                outcome = await self.http.send(_request(self.http, call, credential or self.credential))
            except httpx.HTTPError as error:
                outcome = _no_answer(error)
            except BaseException as error:
                # Frames below have the header among their locals.
                raise error.with_traceback(None) from None
            wait = attempts.wait_after(outcome)
            if wait is None:
                return attempts.conclude(outcome)
            await self.sleep(wait)

    async def pages(self, first: Call[Page[T]]) -> AsyncIterator[T]:
        """Give all things of a list, reading a page when its first is asked for."""
        call: Call[Page[T]] | None = first
        while call is not None:
            page = await self.send(call)
            for thing in page.data:
                yield thing
            call = after(call, page)


def _request(http: httpx.Client | httpx.AsyncClient, call: Call[T], credential: Credential | None) -> httpx.Request:
    headers = httpx.Headers({"Accept": "application/json", "User-Agent": _USER_AGENT})
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    if call.idempotency_key is not None:
        headers["Idempotency-Key"] = call.idempotency_key
    if credential is not None:
        headers["Authorization"] = credential.authorization()
    return http.build_request(
        call.method,
        call.path,
        params={name: value for name, value in call.query.items() if value is not None},
        content=None if call.body is None else _json(call.body),
        headers=headers,
    )


def _json(body: Members) -> bytes:
    given = {
        name: value.reveal() if isinstance(value, Secret) else value
        for name, value in body.items()
        if value is not None
    }
    return json.dumps(given).encode()


def _no_answer(error: httpx.HTTPError) -> NoAnswer:
    """Tell of `error` without what it holds: the request, and so its headers."""
    not_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"no answer in time ({type(error).__name__})", not not_sent)
    # That of an attempt to connect says why, and cannot quote a request.
    why = str(error) if isinstance(error, httpx.ConnectError) else type(error).__name__
    return ConnectionFailed(f"no answer ({why})", not not_sent)
