"""The other wire: each kind of method once, and what differs. What methods say is the same code for both."""

from __future__ import annotations

import anyio
import pytest
from conftest import PASSWORD, Account

from medtwin import AsyncClient, Client, KeyCaller, NotFound, Project, SessionCaller, Unauthorized

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_key_is_made_used_and_revoked(account: Account) -> None:
    async with AsyncClient(account.key().key, base_url=account.url) as client:
        made = await client.api_keys.create("Reader", ["read"])
        async with AsyncClient(made.key, base_url=account.url) as itself:
            me = await itself.me()
            assert isinstance(me, KeyCaller)
            assert me.key_id == made.id
            await client.api_keys.revoke(made.id)
            with pytest.raises(Unauthorized):
                await itself.me()


async def test_a_list_pages_by_itself(account: Account) -> None:
    async with AsyncClient(account.key().key, base_url=account.url) as client:
        made = [(await client.projects.create(f"Study {n}")).id for n in range(5)]
        listed: list[Project] = [project async for project in client.projects.list(page_size=2)]
        assert sorted(project.id for project in listed) == sorted(made)


async def test_an_error_is_the_same(account: Account) -> None:
    async with AsyncClient(account.key().key, base_url=account.url) as client:
        with pytest.raises(NotFound) as refused:
            await client.api_keys.get("key_0000000000000000")
    assert refused.value.request_id


async def test_calls_run_at_once(account: Account) -> None:
    async with AsyncClient(account.key().key, base_url=account.url) as client:
        seen: list[str] = []

        async def make(n: int) -> None:
            seen.append((await client.projects.create(f"Study {n}")).id)

        async with anyio.create_task_group() as tasks:
            for n in range(10):
                tasks.start_soon(make, n)
        assert sorted(seen) == sorted([project.id async for project in client.projects.list()])


async def test_the_context_manager_logs_out_when_its_body_fails(account: Account) -> None:
    async def fail() -> None:
        async with AsyncClient.login(account.email, PASSWORD, base_url=account.url) as client:
            assert isinstance(await client.me(), SessionCaller)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with AsyncClient.login(account.email, PASSWORD, base_url=account.url) as client:
        assert len([session async for session in client.sessions.list()]) == 1


async def test_a_cancelled_task_logs_out(account: Account) -> None:
    begun = anyio.Event()

    async def wait() -> None:
        async with AsyncClient.login(account.email, PASSWORD, base_url=account.url):
            begun.set()
            await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await begun.wait()
        tasks.cancel_scope.cancel()
    with Client.login(account.email, PASSWORD, base_url=account.url) as client:
        assert len(list(client.sessions.list())) == 1
