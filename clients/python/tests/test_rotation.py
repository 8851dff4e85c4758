from __future__ import annotations

from datetime import timedelta

import pytest
from conftest import PASSWORD, Account

from medtwin import (
    AsyncClient,
    Client,
    KeyCaller,
    RotatedApiKey,
    RotationIncomplete,
    RotationRefused,
    Secret,
    Unauthorized,
)


def secret_state(secret: Secret, account: Account) -> str:
    """Return whether the service regards `secret` as `current` or `previous`."""
    with Client(secret, base_url=account.url) as client:
        me = client.me()
    assert isinstance(me, KeyCaller)
    return me.secret


def own_secret_state(client: Client) -> str:
    """Return whether the service regards the secret of `client` as `current` or `previous`."""
    me = client.me()
    assert isinstance(me, KeyCaller)
    return me.secret


def test_successful_rotation_stores_verifies_and_uses_the_new_secret(account: Account) -> None:
    old = account.create_key("read")
    stored: list[RotatedApiKey] = []
    with Client(old.key, base_url=account.url) as client:
        rotated = client.rotate_own_key(stored.append, grace_period=timedelta(minutes=5))
        assert stored == [rotated]
        assert own_secret_state(client) == "current"
        # The resources use the new secret too: with the old one, a second rotation would be refused.
        client.rotate_own_key(stored.append)
    assert secret_state(stored[1].key, account) == "current"
    assert secret_state(rotated.key, account) == "previous"
    with pytest.raises(Unauthorized):
        secret_state(old.key, account)


def test_failed_store_keeps_the_old_secret_and_returns_the_new_one_in_the_error(account: Account) -> None:
    old = account.create_key("read")

    def fail_to_store(_: RotatedApiKey) -> None:
        raise OSError("the disk is full")

    with Client(old.key, base_url=account.url) as client:
        with pytest.raises(RotationIncomplete) as raised:
            client.rotate_own_key(fail_to_store)
        assert isinstance(raised.value.__cause__, OSError)
        assert own_secret_state(client) == "previous"
    assert secret_state(old.key, account) == "previous"
    assert secret_state(raised.value.rotated.key, account) == "current"
    assert raised.value.rotated.previous_expires_at.isoformat() in str(raised.value)


def test_key_revoked_during_rotation_raises_rotation_incomplete(account: Account) -> None:
    old = account.create_key("read")

    with (
        Client.login(account.email, PASSWORD, base_url=account.url) as session_client,
        Client(old.key, base_url=account.url) as client,
    ):

        def revoke(rotated: RotatedApiKey) -> None:
            session_client.api_keys.revoke(rotated.id)

        with pytest.raises(RotationIncomplete) as raised:
            client.rotate_own_key(revoke)
    assert isinstance(raised.value.__cause__, Unauthorized)


def test_concurrent_rotation_raises_rotation_incomplete(account: Account) -> None:
    old = account.create_key("read")
    with Client(old.key, base_url=account.url) as client:

        def rotate_again(rotated: RotatedApiKey) -> None:
            with Client(rotated.key, base_url=account.url) as other:
                other.rotate_own_key(lambda _: None)

        with pytest.raises(RotationIncomplete) as raised:
            client.rotate_own_key(rotate_again)
    assert isinstance(raised.value.__cause__, RotationRefused)


def test_previous_secret_rotates_only_with_replace_lost(account: Account) -> None:
    old = account.create_key("read")
    with Client(old.key, base_url=account.url) as client:
        current = client.api_keys.rotate(old.id)
        with pytest.raises(RotationRefused, match="load the current one"):
            client.rotate_own_key(lambda _: None)
        assert secret_state(current.key, account) == "current"
        replacement = client.rotate_own_key(lambda _: None, replace_lost=True)
        assert own_secret_state(client) == "current"
    assert secret_state(replacement.key, account) == "current"


def test_session_client_raises_rotation_refused(session_client: Client) -> None:
    with pytest.raises(RotationRefused, match="no key"):
        session_client.rotate_own_key(lambda _: None)


def test_rotation_without_a_grace_period_raises_value_error(client: Client) -> None:
    with pytest.raises(ValueError, match="grace period"):
        client.rotate_own_key(lambda _: None, grace_period=timedelta())
    assert own_secret_state(client) == "current"


@pytest.mark.anyio
async def test_async_rotation_stores_verifies_and_uses_the_new_secret(account: Account) -> None:
    old = account.create_key("read")
    stored: list[RotatedApiKey] = []

    async def store(rotated: RotatedApiKey) -> None:
        stored.append(rotated)

    async def fail_to_store(_: RotatedApiKey) -> None:
        raise OSError("the disk is full")

    async with AsyncClient(old.key, base_url=account.url) as client:
        await client.rotate_own_key(store)
        me = await client.me()
        assert isinstance(me, KeyCaller)
        assert me.secret == "current"  # noqa: S105 - not a secret
        with pytest.raises(RotationIncomplete) as raised:
            await client.rotate_own_key(fail_to_store)
    assert secret_state(stored[0].key, account) == "previous"
    assert secret_state(raised.value.rotated.key, account) == "current"


@pytest.mark.anyio
async def test_async_rotation_that_fails_keeps_the_old_secret(account: Account) -> None:
    async def fail_to_store(_: RotatedApiKey) -> None:
        raise OSError("the disk is full")

    async def rotate_again(rotated: RotatedApiKey) -> None:
        async with AsyncClient(rotated.key, base_url=account.url) as other:
            await other.api_keys.rotate(rotated.id)

    for store, cause in ((fail_to_store, OSError), (rotate_again, RotationRefused)):
        async with AsyncClient(account.create_key("read").key, base_url=account.url) as client:
            before = client._transport.credential
            with pytest.raises(RotationIncomplete) as raised:
                await client.rotate_own_key(store)
            assert isinstance(raised.value.__cause__, cause)
            assert client._transport.credential == before


def test_coroutine_function_as_store_raises_rotation_incomplete(account: Account) -> None:
    async def store(_: RotatedApiKey) -> None: ...

    with Client(account.create_key("read").key, base_url=account.url) as client:
        with pytest.raises(RotationIncomplete) as raised:
            client.rotate_own_key(store)  # type: ignore[arg-type]
        assert own_secret_state(client) == "previous"
    assert secret_state(raised.value.rotated.key, account) == "current"
