"""The synchronous and the asynchronous client."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, TypeVar

import anyio
import httpx

from medtwin import caller, sessions
from medtwin.api import Api
from medtwin.api_keys import RotatedApiKey
from medtwin.base_url import may_use_proxies, parse_base_url
from medtwin.credential import Credential
from medtwin.errors import MedtwinError, RotationIncomplete, Unauthorized
from medtwin.retry_policy import Retries
from medtwin.rotation import DEFAULT_GRACE_PERIOD, rotatable_key_id, rotating, verify_new_secret
from medtwin.secret import Secret
from medtwin.transport import AsyncTransport, SyncTransport

C = TypeVar("C", bound=Api[Any])

_DEFAULT_TIMEOUT = 15.0
"""In seconds. Longer than the 9 seconds after which the service itself gives up and returns an error."""
_DEFAULT_RETRIES = Retries()


class Client(Api[SyncTransport]):
    """A synchronous client with an API key. Threads may share a client.

    `api_key` and `base_url` default to the environment variables `MEDTWIN_API_KEY` and `MEDTWIN_BASE_URL`. `timeout`
    is in seconds, and applies separately to each step of an attempt: opening the connection, sending the request, and
    each wait for a part of the response. `transport` replaces the default transport of `httpx`.

    Raises `ValueError` if the key or the URL is missing or malformed, or if a credential must not be sent to the URL.
    """

    def __init__(
        self,
        api_key: str | Secret | None = None,
        *,
        base_url: str | None = None,
        timeout: float = _DEFAULT_TIMEOUT,
        retries: Retries = _DEFAULT_RETRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        # A traceback may show locals, so `api_key` must not keep the plain text.
        api_key = _argument_or_variable(api_key, "MEDTWIN_API_KEY")
        super().__init__(_new_sync_transport(Credential.from_api_key(api_key), base_url, timeout, retries, transport))

    @classmethod
    def without_credential(
        cls,
        *,
        base_url: str | None = None,
        timeout: float = _DEFAULT_TIMEOUT,
        retries: Retries = _DEFAULT_RETRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> Client:
        """Create a client without a credential.

        It can only call operations that need none: `accept_invitation`, `leaked_credentials` and `password_reset`.
        Others raise `Unauthorized`. The client reads no key from the environment.
        """
        return _with_transport(cls, _new_sync_transport(None, base_url, timeout, retries, transport))

    @classmethod
    @contextmanager
    def login(
        cls,
        email: str,
        password: str | Secret,
        *,
        recovery_code: str | Secret | None = None,
        base_url: str | None = None,
        timeout: float = _DEFAULT_TIMEOUT,
        retries: Retries = _DEFAULT_RETRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> Iterator[Client]:
        """Log in as a member. The context manager returns a client with the session, and logs out at its end.

        A member with a passkey needs a recovery code, which works once. Without one, it raises `RecoveryCodeRequired`.
        """
        password = Secret.of(password)
        recovery_code = None if recovery_code is None else Secret.of(recovery_code)
        sync_transport = _new_sync_transport(None, base_url, timeout, retries, transport)
        with sync_transport.http:
            logged_in = sync_transport.send(sessions.log_in(email, password))
            if isinstance(logged_in, sessions.SecondFactor):
                logged_in = sync_transport.send(sessions.complete_log_in(logged_in, recovery_code))
            sync_transport.credential = Credential.from_session_token(logged_in.session_token)
            with _logging_out(_with_transport(cls, sync_transport)) as client:
                yield client

    @classmethod
    @contextmanager
    def with_session(
        cls,
        session_token: str | Secret,
        *,
        base_url: str | None = None,
        timeout: float = _DEFAULT_TIMEOUT,
        retries: Retries = _DEFAULT_RETRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> Iterator[Client]:
        """Use a session that exists, such as the one that `accept_invitation` starts.

        Like `login`, the context manager returns a client with the session, and logs out at its end.
        """
        session_token = Secret.of(session_token)
        credential = Credential.from_session_token(session_token)
        sync_transport = _new_sync_transport(credential, base_url, timeout, retries, transport)
        with sync_transport.http, _logging_out(_with_transport(cls, sync_transport)) as client:
            yield client

    def rotate_own_key(
        self,
        store: Callable[[RotatedApiKey], None],
        *,
        grace_period: timedelta = DEFAULT_GRACE_PERIOD,
        replace_lost: bool = False,
    ) -> RotatedApiKey:
        """Replace the secret of this client's own key.

        The service creates the new secret, `store` saves it, and the client verifies that the service authorizes it.
        The client then uses the new secret. The old one works for `grace_period` more, so that other programs can load
        the new one.

        Raises `RotationIncomplete`, which holds the new secret, if `store` or the verification fails. Raises
        `RotationRefused` if this client has the key's previous secret, because another program probably has the
        current one. If no program has it, pass `replace_lost=True`: the secret of this client then expires at once.
        """
        with rotating(self._transport):
            rotated = self.api_keys.rotate(
                rotatable_key_id(self.me(), grace_period, replace_lost), grace_period=grace_period
            )
            try:
                result: object = store(rotated)  # type: ignore[func-returns-value]
                if inspect.iscoroutine(result):
                    result.close()
                    raise TypeError("`store` must not be a coroutine function: only AsyncClient awaits it")
                credential = Credential.from_api_key(rotated.key)
                verify_new_secret(self._transport.send(caller.me(), credential), rotated)
            except Exception as error:
                raise RotationIncomplete(rotated) from error
            self._transport.credential = credential
            return rotated

    def close(self) -> None:
        """Close the connections."""
        self._transport.http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(Api[AsyncTransport]):
    """An asynchronous client, for asyncio and trio, with the methods of `Client`. Tasks may share a client."""

    def __init__(
        self,
        api_key: str | Secret | None = None,
        *,
        base_url: str | None = None,
        timeout: float = _DEFAULT_TIMEOUT,
        retries: Retries = _DEFAULT_RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        # A traceback may show locals, so `api_key` must not keep the plain text.
        api_key = _argument_or_variable(api_key, "MEDTWIN_API_KEY")
        super().__init__(_new_async_transport(Credential.from_api_key(api_key), base_url, timeout, retries, transport))

    @classmethod
    def without_credential(
        cls,
        *,
        base_url: str | None = None,
        timeout: float = _DEFAULT_TIMEOUT,
        retries: Retries = _DEFAULT_RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> AsyncClient:
        """Create a client without a credential.

        It can only call operations that need none: `accept_invitation`, `leaked_credentials` and `password_reset`.
        Others raise `Unauthorized`. The client reads no key from the environment.
        """
        return _with_transport(cls, _new_async_transport(None, base_url, timeout, retries, transport))

    @classmethod
    @asynccontextmanager
    async def login(
        cls,
        email: str,
        password: str | Secret,
        *,
        recovery_code: str | Secret | None = None,
        base_url: str | None = None,
        timeout: float = _DEFAULT_TIMEOUT,
        retries: Retries = _DEFAULT_RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> AsyncIterator[AsyncClient]:
        """Log in as a member. The context manager returns a client with the session, and logs out at its end.

        A member with a passkey needs a recovery code, which works once. Without one, it raises `RecoveryCodeRequired`.
        """
        password = Secret.of(password)
        recovery_code = None if recovery_code is None else Secret.of(recovery_code)
        async_transport = _new_async_transport(None, base_url, timeout, retries, transport)
        async with async_transport.http:
            logged_in = await async_transport.send(sessions.log_in(email, password))
            if isinstance(logged_in, sessions.SecondFactor):
                logged_in = await async_transport.send(sessions.complete_log_in(logged_in, recovery_code))
            async_transport.credential = Credential.from_session_token(logged_in.session_token)
            async with _logging_out_async(_with_transport(cls, async_transport), timeout) as client:
                yield client

    @classmethod
    @asynccontextmanager
    async def with_session(
        cls,
        session_token: str | Secret,
        *,
        base_url: str | None = None,
        timeout: float = _DEFAULT_TIMEOUT,
        retries: Retries = _DEFAULT_RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> AsyncIterator[AsyncClient]:
        """Use a session that exists, such as the one that `accept_invitation` starts.

        Like `login`, the context manager returns a client with the session, and logs out at its end.
        """
        session_token = Secret.of(session_token)
        credential = Credential.from_session_token(session_token)
        async_transport = _new_async_transport(credential, base_url, timeout, retries, transport)
        async with async_transport.http, _logging_out_async(_with_transport(cls, async_transport), timeout) as client:
            yield client

    async def rotate_own_key(
        self,
        store: Callable[[RotatedApiKey], Awaitable[object]],
        *,
        grace_period: timedelta = DEFAULT_GRACE_PERIOD,
        replace_lost: bool = False,
    ) -> RotatedApiKey:
        """Replace the secret of this client's own key, as `Client.rotate_own_key` does."""
        with rotating(self._transport):
            rotated = await self.api_keys.rotate(
                rotatable_key_id(await self.me(), grace_period, replace_lost), grace_period=grace_period
            )
            try:
                await store(rotated)
                credential = Credential.from_api_key(rotated.key)
                verify_new_secret(await self._transport.send(caller.me(), credential), rotated)
            except Exception as error:
                raise RotationIncomplete(rotated) from error
            self._transport.credential = credential
            return rotated

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


@contextmanager
def _logging_out(client: Client) -> Iterator[Client]:
    """Log out at the end of the block, even if it raises."""
    try:
        yield client
    except BaseException:
        with suppress(MedtwinError):
            client.log_out()
        raise
    # The session may have ended already.
    with suppress(Unauthorized):
        client.log_out()


@asynccontextmanager
async def _logging_out_async(client: AsyncClient, timeout: float) -> AsyncIterator[AsyncClient]:
    """Log out at the end of the block, even if it raises."""
    try:
        yield client
    except BaseException:
        # The shield lets a cancelled task log out too.
        with anyio.move_on_after(timeout, shield=True), suppress(MedtwinError):
            await client.log_out()
        raise
    # The session may have ended already.
    with suppress(Unauthorized):
        await client.log_out()


def _with_transport(cls: type[C], transport: SyncTransport | AsyncTransport) -> C:
    """Create a client without its constructor, which requires an API key."""
    client = cls.__new__(cls)
    Api.__init__(client, transport)
    return client


def _new_sync_transport(
    credential: Credential | None,
    base_url: str | None,
    timeout: float,
    retries: Retries,
    transport: httpx.BaseTransport | None,
) -> SyncTransport:
    url = _resolve_base_url(base_url)
    http = httpx.Client(base_url=url, timeout=timeout, transport=transport, trust_env=may_use_proxies(url))
    return SyncTransport(http, credential, retries, time.sleep)


def _new_async_transport(
    credential: Credential | None,
    base_url: str | None,
    timeout: float,
    retries: Retries,
    transport: httpx.AsyncBaseTransport | None,
) -> AsyncTransport:
    url = _resolve_base_url(base_url)
    http = httpx.AsyncClient(base_url=url, timeout=timeout, transport=transport, trust_env=may_use_proxies(url))
    return AsyncTransport(http, credential, retries, anyio.sleep)


def _resolve_base_url(base_url: str | None) -> httpx.URL:
    return parse_base_url(_argument_or_variable(base_url, "MEDTWIN_BASE_URL").reveal())


def _argument_or_variable(argument: str | Secret | None, variable: str) -> Secret:
    """Return an argument, or the value of an environment variable if the argument is None.

    Raises `ValueError` if the value is missing or empty.
    """
    if argument is None:
        argument = os.environ.get(variable)
    if not argument:
        raise ValueError(f"no value was passed, and {variable} is not set")
    return Secret.of(argument)
