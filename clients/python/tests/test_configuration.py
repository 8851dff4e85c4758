from __future__ import annotations

import httpx
import pytest
from conftest import Account
from responses import KEY, URL

from medtwin import AsyncClient, Client, KeyCaller, UnexpectedResponse


def test_client_without_arguments_uses_the_environment_variables(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = account.create_key("read")
    monkeypatch.setenv("MEDTWIN_API_KEY", created.key.reveal())
    monkeypatch.setenv("MEDTWIN_BASE_URL", account.url)
    with Client() as client:
        me = client.me()
    assert isinstance(me, KeyCaller)
    assert me.key_id == created.id


@pytest.mark.parametrize("variable", ["MEDTWIN_API_KEY", "MEDTWIN_BASE_URL"])
def test_missing_environment_variable_raises_value_error_that_names_it(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
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
def test_base_url_with_https_or_a_loopback_host_is_accepted(url: str) -> None:
    requested_urls: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requested_urls.append(str(request.url))
        return httpx.Response(200, json={"data": [], "next_cursor": None})

    with Client(KEY, base_url=url, transport=httpx.MockTransport(respond)) as client:
        assert list(client.projects.list()) == []
    assert requested_urls == [url.rstrip("/") + "/v1/projects"]


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
def test_base_url_that_is_insecure_or_malformed_raises_value_error(url: str) -> None:
    with pytest.raises(ValueError, match="the base URL must"):
        Client(KEY, base_url=url)


def test_redirect_is_not_followed(account: Account) -> None:
    def redirect(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "api.example.com"
        return httpx.Response(308, headers={"Location": f"{account.url}/v1/auth/me"})

    with (
        Client(account.create_key("read").key, base_url=URL, transport=httpx.MockTransport(redirect)) as client,
        pytest.raises(UnexpectedResponse, match="is a redirect"),
    ):
        client.me()


@pytest.mark.anyio
async def test_redirect_of_the_async_client_is_not_followed() -> None:
    def redirect(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "api.example.com"
        return httpx.Response(308, headers={"Location": "https://example.org/"})

    async with AsyncClient(KEY, base_url=URL, transport=httpx.MockTransport(redirect)) as client:
        with pytest.raises(UnexpectedResponse, match="is a redirect"):
            await client.me()


def test_request_to_a_loopback_host_bypasses_proxies(
    account: Account, unused_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = account.create_key("read")
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, unused_url)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    with Client(created.key, base_url=account.url) as client:
        assert client.me().account_id
