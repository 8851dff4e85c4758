from __future__ import annotations

import pytest
from conftest import PASSWORD, Account, Service

from medtwin import Client, Unauthorized

NEW_PASSWORD = "a newt under the 8th stair"  # noqa: S105 - its accounts exist only during a test


def test_token_replaces_the_password_once(service: Service, account: Account) -> None:
    reset = service.invoke_operator({"reset_password": {"email": account.email}})
    with Client.without_credential(base_url=account.url) as client:
        client.password_reset.confirm(reset["token"], NEW_PASSWORD)
        with pytest.raises(Unauthorized):
            client.password_reset.confirm(reset["token"], PASSWORD)
    with pytest.raises(Unauthorized), Client.login(account.email, PASSWORD, base_url=account.url):
        pass
    with Client.login(account.email, NEW_PASSWORD, base_url=account.url):
        pass


def test_request_for_any_address_succeeds(account: Account) -> None:
    with Client.without_credential(base_url=account.url) as client:
        client.password_reset.request(account.email)
        client.password_reset.request("nobody@example.com")
