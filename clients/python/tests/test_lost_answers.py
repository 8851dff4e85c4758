"""Answers of the real service that get lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from conftest import Account

from medtwin import Client, KeyCaller, NoAnswer, Retries, SecretLost
from medtwin.secret import Secret


class Losing(httpx.HTTPTransport):
    """Loses the answer to the first request that makes something."""

    lost = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.method == "POST" and not self.lost:
            self.lost = True
            response.close()
            raise httpx.ReadError("lost")
        return response


@contextmanager
def losing(key: Secret, account: Account) -> Iterator[Client]:
    with Client(key, base_url=account.url, transport=Losing(), retries=Retries(first_wait=0)) as client:
        yield client


def test_a_project_is_made_once(account: Account) -> None:
    with losing(account.key().key, account) as client:
        made = client.projects.create("Study")
        assert [project.id for project in client.projects.list()] == [made.id]


def test_a_key_is_made_once_and_its_secret_is_had_by_rotation(account: Account) -> None:
    with losing(account.key().key, account) as client:
        with pytest.raises(SecretLost) as lost:
            client.api_keys.create("Reader", ["read"])
        made = lost.value.api_key
        assert made.id in str(lost.value)
        assert [key.id for key in client.api_keys.list()].count(made.id) == 1
        rotated = client.api_keys.rotate(made.id)
    with Client(rotated.key, base_url=account.url) as reader:
        me = reader.me()
    assert isinstance(me, KeyCaller)
    assert me.key_id == made.id


def test_a_rotation_whose_answer_was_lost_is_made_good(account: Account) -> None:
    old = account.key("read")
    with losing(old.key, account) as client:
        with pytest.raises(SecretLost):
            client.rotate_own_key(lambda _: None)
        # The old secret works, and makes one more rotation.
        rotated = client.rotate_own_key(lambda _: None, replace_lost=True)
        me = client.me()
    assert isinstance(me, KeyCaller)
    assert me.has_current_secret
    assert rotated.id == old.id


def test_a_rotation_that_ended_its_own_credential_says_that_its_answer_was_lost(account: Account) -> None:
    made = account.key("read")
    with losing(made.key, account) as client, pytest.raises(NoAnswer) as lost:
        client.api_keys.rotate(made.id, grace_period=timedelta(0))
    assert lost.value.may_have_been_done
