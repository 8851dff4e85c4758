from __future__ import annotations

from datetime import timedelta

import pytest
from conftest import Account

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


def age(secret: Secret, account: Account) -> str:
    with Client(secret, base_url=account.url) as client:
        me = client.me()
    assert isinstance(me, KeyCaller)
    return me.secret


def own_age(client: Client) -> str:
    me = client.me()
    assert isinstance(me, KeyCaller)
    return me.secret


def test_a_rotation_stores_verifies_and_goes_on_with_the_new_secret(account: Account) -> None:
    old = account.key("read")
    stored: list[RotatedApiKey] = []
    with Client(old.key, base_url=account.url) as client:
        rotated = client.rotate_own_key(stored.append, grace_period=timedelta(minutes=5))
        assert stored == [rotated]
        assert own_age(client) == "current"
        # Its resources go on with it too: the old secret would be "previous" to a second rotation.
        client.rotate_own_key(stored.append)
    assert age(stored[1].key, account) == "current"
    assert age(rotated.key, account) == "previous"
    with pytest.raises(Unauthorized):
        age(old.key, account)


def test_a_secret_that_cannot_be_stored_is_not_lost(account: Account) -> None:
    old = account.key("read")

    def full(_: RotatedApiKey) -> None:
        raise OSError("the disk is full")

    with Client(old.key, base_url=account.url) as client:
        with pytest.raises(RotationIncomplete) as incomplete:
            client.rotate_own_key(full)
        assert isinstance(incomplete.value.__cause__, OSError)
        assert own_age(client) == "previous"
    assert age(old.key, account) == "previous"
    assert age(incomplete.value.rotated.key, account) == "current"
    assert incomplete.value.rotated.previous_expires_at.isoformat() in str(incomplete.value)


def test_a_secret_that_is_not_let_in_is_not_taken(account: Account) -> None:
    old = account.key("read")

    with (
        Client.login(account.email, "a lizard on the 7th wall", base_url=account.url) as member,
        Client(old.key, base_url=account.url) as client,
    ):

        def revoked_meanwhile(rotated: RotatedApiKey) -> None:
            member.api_keys.revoke(rotated.id)

        with pytest.raises(RotationIncomplete) as incomplete:
            client.rotate_own_key(revoked_meanwhile)
    assert isinstance(incomplete.value.__cause__, Unauthorized)


def test_a_secret_that_was_replaced_meanwhile_is_not_taken(account: Account) -> None:
    old = account.key("read")
    with Client(old.key, base_url=account.url) as client:

        def rotated_meanwhile(rotated: RotatedApiKey) -> None:
            with Client(rotated.key, base_url=account.url) as other:
                other.rotate_own_key(lambda _: None)

        with pytest.raises(RotationIncomplete) as incomplete:
            client.rotate_own_key(rotated_meanwhile)
    assert isinstance(incomplete.value.__cause__, RotationRefused)


def test_a_previous_secret_does_not_replace_the_current_one(account: Account) -> None:
    old = account.key("read")
    with Client(old.key, base_url=account.url) as client:
        current = client.api_keys.rotate(old.id)
        with pytest.raises(RotationRefused, match="load the current one"):
            client.rotate_own_key(lambda _: None)
        assert age(current.key, account) == "current"
        rescued = client.rotate_own_key(lambda _: None, replace_lost=True)
        assert own_age(client) == "current"
    assert age(rescued.key, account) == "current"


def test_a_session_has_no_key_to_rotate(member: Client) -> None:
    with pytest.raises(RotationRefused, match="no key"):
        member.rotate_own_key(lambda _: None)


def test_a_rotation_without_a_grace_period_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="grace period"):
        client.rotate_own_key(lambda _: None, grace_period=timedelta())
    assert own_age(client) == "current"


@pytest.mark.anyio
async def test_the_awaited_client_rotates_alike(account: Account) -> None:
    old = account.key("read")
    stored: list[RotatedApiKey] = []

    async def store(rotated: RotatedApiKey) -> None:
        stored.append(rotated)

    async def full(_: RotatedApiKey) -> None:
        raise OSError("the disk is full")

    async with AsyncClient(old.key, base_url=account.url) as client:
        await client.rotate_own_key(store)
        me = await client.me()
        assert isinstance(me, KeyCaller)
        assert me.secret == "current"  # noqa: S105 - a word about it
        with pytest.raises(RotationIncomplete) as incomplete:
            await client.rotate_own_key(full)
    assert age(stored[0].key, account) == "previous"
    assert age(incomplete.value.rotated.key, account) == "current"


@pytest.mark.anyio
async def test_the_awaited_client_keeps_the_old_secret_alike(account: Account) -> None:
    async def full(_: RotatedApiKey) -> None:
        raise OSError("the disk is full")

    async def rotated_meanwhile(rotated: RotatedApiKey) -> None:
        async with AsyncClient(rotated.key, base_url=account.url) as other:
            await other.api_keys.rotate(rotated.id)

    for store, cause in ((full, OSError), (rotated_meanwhile, RotationRefused)):
        async with AsyncClient(account.key("read").key, base_url=account.url) as client:
            before = client._wire.credential
            with pytest.raises(RotationIncomplete) as incomplete:
                await client.rotate_own_key(store)
            assert isinstance(incomplete.value.__cause__, cause)
            assert client._wire.credential == before


def test_a_store_that_has_to_be_awaited_is_no_store(account: Account) -> None:
    async def store(_: RotatedApiKey) -> None: ...

    with Client(account.key("read").key, base_url=account.url) as client:
        with pytest.raises(RotationIncomplete) as incomplete:
            client.rotate_own_key(store)  # type: ignore[arg-type]
        assert own_age(client) == "previous"
    assert age(incomplete.value.rotated.key, account) == "current"
