from __future__ import annotations

import pytest
from conftest import PASSWORD, Account

from medtwin import Client, Forbidden, RateLimited, Session, SessionCaller, Unauthorized

OTHER_PASSWORD = "a newt under the 8th stair"  # noqa: S105 - of accounts that end with the test


def test_the_context_manager_logs_out(account: Account) -> None:
    with Client.login(account.email, PASSWORD, base_url=account.url) as first:
        assert isinstance(first.me(), SessionCaller)
        assert len(list(first.sessions.list())) == 1
    with Client.login(account.email, PASSWORD, base_url=account.url) as second:
        assert len(list(second.sessions.list())) == 1


def test_the_context_manager_logs_out_when_its_body_fails(account: Account) -> None:
    with pytest.raises(LookupError), Client.login(account.email, PASSWORD, base_url=account.url):
        raise LookupError
    with Client.login(account.email, PASSWORD, base_url=account.url) as second:
        assert len(list(second.sessions.list())) == 1


def test_to_log_out_twice_is_no_error(account: Account) -> None:
    with Client.login(account.email, PASSWORD, base_url=account.url) as client:
        client.log_out()
        with pytest.raises(Unauthorized):
            client.me()


def test_another_session_is_ended(account: Account) -> None:
    with (
        Client.login(account.email, PASSWORD, base_url=account.url) as here,
        Client.login(account.email, PASSWORD, base_url=account.url) as there,
    ):
        sessions: list[Session] = list(here.sessions.list(page_size=1))
        assert [session.current for session in sessions] == [False, True]
        assert (sessions[0].user_agent or "").startswith("medtwin-python/")
        here.sessions.end(sessions[0].id)
        with pytest.raises(Unauthorized):
            there.me()


def test_a_new_password_ends_other_sessions(account: Account) -> None:
    with (
        Client.login(account.email, PASSWORD, base_url=account.url) as here,
        Client.login(account.email, PASSWORD, base_url=account.url) as there,
    ):
        with pytest.raises(Forbidden, match="Current password is wrong"):
            here.change_password(OTHER_PASSWORD, PASSWORD)
        here.change_password(PASSWORD, OTHER_PASSWORD)
        assert isinstance(here.me(), SessionCaller)
        with pytest.raises(Unauthorized):
            there.me()
    with Client.login(account.email, OTHER_PASSWORD, base_url=account.url):
        pass


def test_a_password_tried_too_often_says_when_to_come_back(account: Account) -> None:
    for _ in range(5):
        with pytest.raises(Unauthorized), Client.login(account.email, "wrong", base_url=account.url):
            pass
    # At once: it does not wait for somebody's next guess.
    with pytest.raises(RateLimited) as limited, Client.login(account.email, PASSWORD, base_url=account.url):
        pass
    assert limited.value.retry_after in range(1, 31)


def test_a_key_has_no_sessions(client: Client) -> None:
    with pytest.raises(Forbidden):
        list(client.sessions.list())
