"""The two clients."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from types import TracebackType

import anyio
import httpx

from medtwin import base_url as bases
from medtwin import caller, sessions
from medtwin.api import Api
from medtwin.api_keys import RotatedApiKey
from medtwin.attempts import Retries
from medtwin.credential import Credential
from medtwin.errors import MedtwinError, RotationIncomplete, Unauthorized
from medtwin.rotation import DEFAULT_GRACE, key_to_rotate, verify
from medtwin.secret import Secret
from medtwin.wire import Awaited, Blocking

_TIMEOUT = 15.0
"""The service gives up on a request after 9 seconds, and answers so."""
_RETRIES = Retries()


class Client(Api[Blocking]):
    """The service, as a program with an API key sees it. Threads may share one.

    `api_key` and `base_url` are those of `MEDTWIN_API_KEY` and `MEDTWIN_BASE_URL` where left out. `timeout` is how
    many seconds an attempt may take to connect, to send, and to wait for more of the answer, each. `transport` is how
    `httpx` reaches the service, where that is not straightforward.
    """

    def __init__(
        self,
        api_key: str | Secret | None = None,
        *,
        base_url: str | None = None,
        timeout: float = _TIMEOUT,
        retries: Retries = _RETRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        # A traceback may show locals.
        api_key = _given(api_key, "MEDTWIN_API_KEY")
        super().__init__(_blocking(Credential.of_key(api_key), base_url, timeout, retries, transport))

    @classmethod
    @contextmanager
    def login(
        cls,
        email: str,
        password: str | Secret,
        *,
        base_url: str | None = None,
        timeout: float = _TIMEOUT,
        retries: Retries = _RETRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> Iterator[Client]:
        """Log in as a member; give a client with the session, and log out at the end."""
        password = Secret.of(password)
        wire = _blocking(None, base_url, timeout, retries, transport)
        with wire.http:
            logged_in = wire.send(sessions.log_in(email, password))
            wire.credential = Credential.of_session(logged_in.session_token)
            client = cls.__new__(cls)
            Api.__init__(client, wire)
            try:
                yield client
            except BaseException:
                with suppress(MedtwinError):
                    client.log_out()
                raise
            # It may have ended before.
            with suppress(Unauthorized):
                client.log_out()

    def rotate_own_key(
        self,
        store: Callable[[RotatedApiKey], None],
        *,
        grace_period: timedelta = DEFAULT_GRACE,
        replace_lost: bool = False,
    ) -> RotatedApiKey:
        """Give the key of this client a new secret.

        Makes one, hands it to `store`, asks the service whether it is let in, and goes on with it; the old one works
        for `grace_period` more, for whoever has yet to load the new one, and then ends. Raises `RotationIncomplete`,
        which has the new secret, where it was not stored or not let in.

        A client with a key's previous secret is refused, since somebody else has the current one. `replace_lost=True`
        goes on where nobody has; the old secret then ends at once.
        """
        rotated = self.api_keys.rotate(key_to_rotate(self.me(), grace_period, replace_lost), grace_period=grace_period)
        try:
            unawaited: object = store(rotated)  # type: ignore[func-returns-value]
            if inspect.iscoroutine(unawaited):
                unawaited.close()
                raise TypeError("`store` has to be awaited, which AsyncClient does")
            credential = Credential.of_key(rotated.key)
            verify(self._wire.send(caller.me(), credential), rotated)
        except Exception as error:
            raise RotationIncomplete(rotated) from error
        self._wire.credential = credential
        return rotated

    def close(self) -> None:
        """Close the connections."""
        self._wire.http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(Api[Awaited]):
    """The same as `Client`, to be awaited, under asyncio or trio. Tasks may share one."""

    def __init__(
        self,
        api_key: str | Secret | None = None,
        *,
        base_url: str | None = None,
        timeout: float = _TIMEOUT,
        retries: Retries = _RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        # A traceback may show locals.
        api_key = _given(api_key, "MEDTWIN_API_KEY")
        super().__init__(_awaited(Credential.of_key(api_key), base_url, timeout, retries, transport))

    @classmethod
    @asynccontextmanager
    async def login(
        cls,
        email: str,
        password: str | Secret,
        *,
        base_url: str | None = None,
        timeout: float = _TIMEOUT,
        retries: Retries = _RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> AsyncIterator[AsyncClient]:
        """Log in as a member; give a client with the session, and log out at the end."""
        password = Secret.of(password)
        wire = _awaited(None, base_url, timeout, retries, transport)
        async with wire.http:
            logged_in = await wire.send(sessions.log_in(email, password))
            wire.credential = Credential.of_session(logged_in.session_token)
            client = cls.__new__(cls)
            Api.__init__(client, wire)
            try:
                yield client
            except BaseException:
                # A task that was cancelled logs out still.
                with anyio.move_on_after(timeout, shield=True), suppress(MedtwinError):
                    await client.log_out()
                raise
            # It may have ended before.
            with suppress(Unauthorized):
                await client.log_out()

    async def rotate_own_key(
        self,
        store: Callable[[RotatedApiKey], Awaitable[object]],
        *,
        grace_period: timedelta = DEFAULT_GRACE,
        replace_lost: bool = False,
    ) -> RotatedApiKey:
        """Give the key of this client a new secret, as `Client.rotate_own_key` does."""
        rotated = await self.api_keys.rotate(
            key_to_rotate(await self.me(), grace_period, replace_lost), grace_period=grace_period
        )
        try:
            await store(rotated)
            credential = Credential.of_key(rotated.key)
            verify(await self._wire.send(caller.me(), credential), rotated)
        except Exception as error:
            raise RotationIncomplete(rotated) from error
        self._wire.credential = credential
        return rotated

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _blocking(
    credential: Credential | None,
    base_url: str | None,
    timeout: float,
    retries: Retries,
    transport: httpx.BaseTransport | None,
) -> Blocking:
    url = _base_url(base_url)
    http = httpx.Client(base_url=url, timeout=timeout, transport=transport, trust_env=bases.may_pass_proxies(url))
    return Blocking(http, credential, retries, time.sleep)


def _awaited(
    credential: Credential | None,
    base_url: str | None,
    timeout: float,
    retries: Retries,
    transport: httpx.AsyncBaseTransport | None,
) -> Awaited:
    url = _base_url(base_url)
    http = httpx.AsyncClient(base_url=url, timeout=timeout, transport=transport, trust_env=bases.may_pass_proxies(url))
    return Awaited(http, credential, retries, anyio.sleep)


def _base_url(text: str | None) -> httpx.URL:
    return bases.checked(_given(text, "MEDTWIN_BASE_URL").reveal())


def _given(value: str | Secret | None, variable: str) -> Secret:
    if value is None:
        value = os.environ.get(variable)
    if not value:
        raise ValueError(f"{variable} is not set, and nothing was given instead")
    return Secret.of(value)
