"""The asynchronous transport: one test for each kind of method, and what differs from the synchronous transport.

The code that builds requests and decodes responses is the same for both, so other tests cover it.
"""

from __future__ import annotations

import json

import anyio
import httpx
import pytest
from conftest import PASSWORD, Account
from responses import LOGGED_IN, SECOND_FACTOR_NEEDED, URL, ScriptedService

from medtwin import AsyncClient, Client, KeyCaller, NotFound, Project, SessionCaller, Unauthorized

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_key_is_created_used_and_revoked(account: Account) -> None:
    async with AsyncClient(account.create_key().key, base_url=account.url) as client:
        created = await client.api_keys.create("Reader", ["read"])
        async with AsyncClient(created.key, base_url=account.url) as reader:
            me = await reader.me()
            assert isinstance(me, KeyCaller)
            assert me.key_id == created.id
            await client.api_keys.revoke(created.id)
            with pytest.raises(Unauthorized):
                await reader.me()


async def test_list_returns_all_pages(account: Account) -> None:
    async with AsyncClient(account.create_key().key, base_url=account.url) as client:
        created_ids = [(await client.projects.create(f"Study {n}")).id for n in range(5)]
        listed: list[Project] = [project async for project in client.projects.list(page_size=2)]
        assert sorted(project.id for project in listed) == sorted(created_ids)


async def test_error_response_raises_its_class(account: Account) -> None:
    async with AsyncClient(account.create_key().key, base_url=account.url) as client:
        with pytest.raises(NotFound) as raised:
            await client.api_keys.get("key_0000000000000000")
    assert raised.value.request_id


async def test_concurrent_calls_all_succeed(account: Account) -> None:
    async with AsyncClient(account.create_key().key, base_url=account.url) as client:
        created_ids: list[str] = []

        async def create(n: int) -> None:
            created_ids.append((await client.projects.create(f"Study {n}")).id)

        async with anyio.create_task_group() as tasks:
            for n in range(10):
                tasks.start_soon(create, n)
        assert sorted(created_ids) == sorted([project.id async for project in client.projects.list()])


async def test_login_block_that_raises_logs_out(account: Account) -> None:
    async def fail() -> None:
        async with AsyncClient.login(account.email, PASSWORD, base_url=account.url) as client:
            assert isinstance(await client.me(), SessionCaller)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with AsyncClient.login(account.email, PASSWORD, base_url=account.url) as client:
        assert len([session async for session in client.sessions.list()]) == 1


async def test_client_with_a_session_logs_out_at_its_end() -> None:
    service = ScriptedService([httpx.Response(204)])
    transport = httpx.MockTransport(service.handle)
    async with AsyncClient.with_session("sess_1", base_url=URL, transport=transport):
        pass
    (log_out,) = service.requests
    assert log_out.url.path == "/v1/auth/logout"
    assert log_out.headers["Authorization"] == "Session sess_1"


async def test_login_with_a_recovery_code_completes_the_second_step() -> None:
    service = ScriptedService([SECOND_FACTOR_NEEDED, LOGGED_IN, httpx.Response(204)])
    async with service.async_log_in(recovery_code="code"):
        pass
    _, second_step, log_out = service.requests
    assert json.loads(second_step.content) == {"login_token": "login_1", "recovery_code": "code"}
    assert log_out.headers["Authorization"] == "Session sess_1"


async def test_login_block_of_a_cancelled_task_logs_out(account: Account) -> None:
    logged_in = anyio.Event()

    async def wait() -> None:
        async with AsyncClient.login(account.email, PASSWORD, base_url=account.url):
            logged_in.set()
            await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await logged_in.wait()
        tasks.cancel_scope.cancel()
    with Client.login(account.email, PASSWORD, base_url=account.url) as client:
        assert len(list(client.sessions.list())) == 1


async def test_other_sessions_are_ended(account: Account) -> None:
    async with AsyncClient.login(account.email, PASSWORD, base_url=account.url) as first:
        me = await first.me()
        assert isinstance(me, SessionCaller)
        async with AsyncClient.login(account.email, PASSWORD, base_url=account.url) as second:
            await first.sessions.end_others()
            with pytest.raises(Unauthorized):
                await second.me()
        listed = [session async for session in first.members.sessions(me.user_id)]
        assert [session.current for session in listed] == [True]
        await first.members.end_sessions(me.user_id)
        with pytest.raises(Unauthorized):
            await first.me()
