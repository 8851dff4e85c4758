"""The two transports, synchronous and asynchronous. They share all decisions, which `retry_policy` makes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import TypeVar

import httpx

from medtwin.credential import Credential
from medtwin.deprecation import warn_of_previous_secret
from medtwin.errors import ConnectionFailed, NoResponse, TimedOut
from medtwin.request import ApiRequest, JsonFields, Page, Part, next_page
from medtwin.retry_policy import Retries, RetryState
from medtwin.secret import Secret

T = TypeVar("T")

_USER_AGENT = f"medtwin-python/{version('medtwin')}"


@dataclass(eq=False)
class SyncTransport:
    """Sends requests with an `httpx.Client`."""

    http: httpx.Client
    credential: Credential | None
    retries: Retries
    sleep: Callable[[float], None]
    is_rotating: bool = False
    """Whether the client is replacing the credential. It then uses a replaced one without a warning."""

    def send(self, request: ApiRequest[T], credential: Credential | None = None) -> T:
        """Send a request with `credential`, or with that of the transport if it is None."""
        state = RetryState(request, self.retries)
        while True:
            sent = credential or self.credential
            outcome: httpx.Response | NoResponse
            try:
                outcome = self.http.send(_http_request(self.http, request, sent))
            except httpx.HTTPError as error:
                outcome = _no_response(error)
            except BaseException as error:
                # The frames of lower layers have the Authorization header among their locals.
                raise error.with_traceback(None) from None
            else:
                if sent is self.credential and not self.is_rotating:
                    warn_of_previous_secret(outcome)
            wait = state.wait_before_retry(outcome)
            if wait is None:
                return state.result(outcome)
            self.sleep(wait)

    def paginate(self, first: ApiRequest[Page[T]]) -> Iterator[T]:
        """Iterate over all items of a list. Each page is requested when the iteration reaches it."""
        request: ApiRequest[Page[T]] | None = first
        while request is not None:
            page = self.send(request)
            yield from page.data
            request = next_page(request, page)

    def complete(self, request: ApiRequest[Part[T]]) -> tuple[T, ...]:
        """Send a request again until it has nothing more to do. Return what all of its responses report as done."""
        part = self.send(request)
        done = part.done
        while part.more:
            part = self.send(request)
            done += part.done
        return done


@dataclass(eq=False)
class AsyncTransport:
    """Sends requests with an `httpx.AsyncClient`."""

    http: httpx.AsyncClient
    credential: Credential | None
    retries: Retries
    sleep: Callable[[float], Awaitable[None]]
    is_rotating: bool = False
    """Whether the client is replacing the credential. It then uses a replaced one without a warning."""

    async def send(self, request: ApiRequest[T], credential: Credential | None = None) -> T:
        """Send a request with `credential`, or with that of the transport if it is None."""
        state = RetryState(request, self.retries)
        while True:
            sent = credential or self.credential
            outcome: httpx.Response | NoResponse
            try:
                outcome = await self.http.send(_http_request(self.http, request, sent))
            except httpx.HTTPError as error:
                outcome = _no_response(error)
            except BaseException as error:
                # The frames of lower layers have the Authorization header among their locals.
                raise error.with_traceback(None) from None
            else:
                if sent is self.credential and not self.is_rotating:
                    warn_of_previous_secret(outcome)
            wait = state.wait_before_retry(outcome)
            if wait is None:
                return state.result(outcome)
            await self.sleep(wait)

    async def paginate(self, first: ApiRequest[Page[T]]) -> AsyncIterator[T]:
        """Iterate over all items of a list. Each page is requested when the iteration reaches it."""
        request: ApiRequest[Page[T]] | None = first
        while request is not None:
            page = await self.send(request)
            for item in page.data:
                yield item
            request = next_page(request, page)

    async def complete(self, request: ApiRequest[Part[T]]) -> tuple[T, ...]:
        """Send a request again until it has nothing more to do. Return what all of its responses report as done."""
        part = await self.send(request)
        done = part.done
        while part.more:
            part = await self.send(request)
            done += part.done
        return done


def _http_request(
    http: httpx.Client | httpx.AsyncClient, request: ApiRequest[T], credential: Credential | None
) -> httpx.Request:
    headers = httpx.Headers({"Accept": "application/json", "User-Agent": _USER_AGENT})
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    if request.idempotency_key is not None:
        headers["Idempotency-Key"] = request.idempotency_key
    if credential is not None and request.needs_credential:
        headers["Authorization"] = credential.authorization_header()
    return http.build_request(
        request.method,
        request.path,
        params={name: value for name, value in request.query.items() if value is not None},
        content=None if request.body is None else _encode_json(request.body),
        headers=headers,
    )


def _encode_json(body: JsonFields) -> bytes:
    # `json` calls `default` for secrets only, so their texts are not among the locals of a traceback.
    return json.dumps(body, default=_reveal).encode()


def _reveal(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"{type(value).__name__} is not a value of JSON")


def _no_response(error: httpx.HTTPError) -> NoResponse:
    """Convert `error` without what it holds: the request, and so its headers."""
    not_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"no response in time ({type(error).__name__})", not not_sent)
    # The text of a ConnectError names the cause and cannot quote a request.
    reason = str(error) if isinstance(error, httpx.ConnectError) else type(error).__name__
    return ConnectionFailed(f"no response ({reason})", not not_sent)
