from __future__ import annotations

import httpx
import pytest
from answers import KEY, URL
from conftest import Account

from medtwin import AsyncClient, Client, KeyCaller, UnexpectedAnswer


def test_the_environment_says_key_and_url(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    made = account.key("read")
    monkeypatch.setenv("MEDTWIN_API_KEY", made.key.reveal())
    monkeypatch.setenv("MEDTWIN_BASE_URL", account.url)
    with Client() as client:
        me = client.me()
    assert isinstance(me, KeyCaller)
    assert me.key_id == made.id


@pytest.mark.parametrize("variable", ["MEDTWIN_API_KEY", "MEDTWIN_BASE_URL"])
def test_a_missing_variable_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDTWIN_API_KEY", KEY)
    monkeypatch.setenv("MEDTWIN_BASE_URL", URL)
    monkeypatch.delenv(variable)
    with pytest.raises(ValueError, match=variable):
        Client()


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "https://api.example.com/live",
        "https://api.example.com:8443/live/",
        "http://127.0.0.1:3000",
        "http://127.9.9.9",
        "http://[::1]:3000",
        "http://localhost:3000",
    ],
)
def test_a_credential_goes_to_https_or_this_machine(url: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={"data": [], "next_cursor": None})

    with Client(KEY, base_url=url, transport=httpx.MockTransport(answer)) as client:
        assert list(client.projects.list()) == []
    assert asked == [url.rstrip("/") + "/v1/projects"]


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "http://192.0.2.1",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "ftp://127.0.0.1",
        "https://",
        "api.example.com",
        "/v1",
        "https://user:password@api.example.com",
        "https://api.example.com?key=1",
        "https://api.example.com#v1",
        "https://api.example.com:port",
        "http://localhost@api.example.com",
    ],
)
def test_a_credential_goes_nowhere_else(url: str) -> None:
    with pytest.raises(ValueError, match="the base URL is not"):
        Client(KEY, base_url=url)


def test_a_credential_does_not_follow_a_redirect(account: Account) -> None:
    def lead_away(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "api.example.com"
        return httpx.Response(308, headers={"Location": f"{account.url}/v1/auth/me"})

    with (
        Client(account.key("read").key, base_url=URL, transport=httpx.MockTransport(lead_away)) as client,
        pytest.raises(Exception, match="leads elsewhere"),
    ):
        client.me()


@pytest.mark.anyio
async def test_a_credential_of_the_awaited_client_does_not_follow_a_redirect() -> None:
    def lead_away(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "api.example.com"
        return httpx.Response(308, headers={"Location": "https://example.org/"})

    async with AsyncClient(KEY, base_url=URL, transport=httpx.MockTransport(lead_away)) as client:
        with pytest.raises(UnexpectedAnswer, match="leads elsewhere"):
            await client.me()


def test_a_proxy_does_not_see_what_goes_to_this_machine(
    account: Account, unused_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = account.key("read")
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, unused_url)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    with Client(made.key, base_url=account.url) as client:
        assert client.me().account_id
