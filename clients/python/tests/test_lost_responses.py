"""Responses of the real service that are lost before the client receives them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from conftest import Account

from medtwin import Client, KeyCaller, NoResponse, Retries, SecretLost
from medtwin.secret import Secret


class LossyTransport(httpx.HTTPTransport):
    """Loses the response to the first POST request."""

    lost = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.method == "POST" and not self.lost:
            self.lost = True
            response.close()
            raise httpx.ReadError("lost")
        return response


@contextmanager
def lossy_client(key: Secret, account: Account) -> Iterator[Client]:
    with Client(key, base_url=account.url, transport=LossyTransport(), retries=Retries(first_wait=0)) as client:
        yield client


def test_project_creation_is_retried_and_creates_one_project(account: Account) -> None:
    with lossy_client(account.create_key().key, account) as client:
        created = client.projects.create("Study")
        assert [project.id for project in client.projects.list()] == [created.id]


def test_key_creation_creates_one_key_whose_rotation_returns_a_secret(account: Account) -> None:
    with lossy_client(account.create_key().key, account) as client:
        with pytest.raises(SecretLost) as raised:
            client.api_keys.create("Reader", ["read"])
        created = raised.value.api_key
        assert created.id in str(raised.value)
        assert [key.id for key in client.api_keys.list()].count(created.id) == 1
        rotated = client.api_keys.rotate(created.id)
    with Client(rotated.key, base_url=account.url) as reader:
        me = reader.me()
    assert isinstance(me, KeyCaller)
    assert me.key_id == created.id


def test_own_rotation_succeeds_on_a_second_call_with_replace_lost(account: Account) -> None:
    old = account.create_key("read")
    with lossy_client(old.key, account) as client:
        with pytest.raises(SecretLost):
            client.rotate_own_key(lambda _: None)
        # The old secret still works, so it can rotate the key once more.
        rotated = client.rotate_own_key(lambda _: None, replace_lost=True)
        me = client.me()
    assert isinstance(me, KeyCaller)
    assert me.has_current_secret
    assert rotated.id == old.id


def test_rotation_that_ended_its_own_credential_raises_no_response(account: Account) -> None:
    created = account.create_key("read")
    with lossy_client(created.key, account) as client, pytest.raises(NoResponse) as raised:
        client.api_keys.rotate(created.id, grace_period=timedelta(0))
    assert raised.value.may_have_been_processed
