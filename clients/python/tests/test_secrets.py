"""Searches for secrets wherever a program may show one by accident."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
from conftest import PASSWORD, Account
from responses import KEY, LOGGED_IN, SECOND_FACTOR_NEEDED, URL, ScriptedService, error_response, failure

from medtwin import (
    AsyncClient,
    Client,
    CreatedApiKey,
    MedtwinError,
    Retries,
    RotatedApiKey,
    RotationIncomplete,
    Secret,
)

SECRET = "mt_live_0VpZbQ3kd81xTq7M"  # noqa: S105 - the tests search for it
NO_RETRIES = Retries(attempts=1)


def render(error: BaseException) -> str:
    """Return all that a tool may show of `error` and its causes: messages, attributes, and the locals of its frames.

    The locals of the tests themselves are left out, because they contain the secrets.
    """
    rendered = ""
    link: BaseException | None = error
    while link is not None:
        trace = traceback.TracebackException.from_exception(link, capture_locals=True)
        for frame in trace.stack:
            if frame.name.startswith(("test_", "assert_raises_without")):
                frame.locals = None
        rendered += "".join(trace.format()) + repr(vars(link)) + repr(link.args)
        link = link.__cause__ or link.__context__
    return rendered


@contextmanager
def assert_raises_without(secret: str) -> Iterator[None]:
    """Assert that the block raises an error that does not show `secret`."""
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - any error
        yield
    text = render(raised.value)
    # The errors of lower layers are not attached, because some tools would show them.
    assert raised.value.__cause__ is raised.value.__context__ is None
    # The rendered text includes the frames of the package.
    assert "transport.py" in text
    assert secret not in text


def test_secret_shows_its_text_only_through_reveal() -> None:
    secret = Secret(SECRET)
    assert secret.reveal() == SECRET
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", "%s %r" % (secret, secret), format(secret)):  # noqa: UP031
        assert SECRET not in text
    assert secret == Secret(SECRET) != Secret("another")
    assert secret != SECRET
    assert len({secret, Secret(SECRET)}) == 1
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError):
        format(secret, ">20")


def test_secret_cannot_be_pickled_or_serialized() -> None:
    secret = Secret(SECRET)
    assert copy.copy(secret) is copy.deepcopy(secret) is secret
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(secret, protocol)
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_created_key_does_not_show_its_secret(client: Client) -> None:
    created: CreatedApiKey = client.api_keys.create("Reader", ["read"])
    for text in (
        repr(created),
        str(created),
        f"{created}",
        str(dataclasses.asdict(created)),
        str(dataclasses.astuple(created)),
    ):
        assert created.id in text
        assert created.key.reveal() not in text


def test_client_does_not_show_its_key(client: Client) -> None:
    credential = client._transport.credential
    assert credential is not None
    for holder in (client, client._transport, client.api_keys, credential):
        assert credential.secret.reveal() not in repr(holder) + str(vars(holder))
    assert "Authorization" not in client._transport.http.headers


def test_logs_contain_no_secret(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Client.login(account.email, PASSWORD, base_url=account.url) as session_client:
        session = session_client._transport.credential
        assert session is not None
        created = session_client.api_keys.create("Reader", ["read"])
        with Client(created.key, base_url=account.url) as client:
            rotated = client.rotate_own_key(lambda _: None)
            with suppress(MedtwinError):
                client.projects.create("Study")
    logger_names = {record.name for record in caplog.records}
    # Every layer has logged.
    assert {"httpx", "httpcore.http11"} <= logger_names
    for secret in (PASSWORD, session.secret.reveal(), created.key.reveal(), rotated.key.reveal()):
        assert secret not in caplog.text
        for record in caplog.records:
            assert secret not in repr(vars(record))


@pytest.mark.parametrize(
    "outcome",
    [
        failure(httpx.ConnectError),
        failure(httpx.ReadTimeout),
        failure(httpx.RemoteProtocolError),
        error_response(401, "UNAUTHORIZED"),
        httpx.Response(502, text="Bad gateway"),
    ],
)
def test_error_does_not_show_the_key(outcome: httpx.Response | Callable[[httpx.Request], httpx.Response]) -> None:
    client = ScriptedService([outcome]).client(NO_RETRIES)
    with assert_raises_without(KEY):
        client.me()
    with assert_raises_without(KEY):
        list(ScriptedService([outcome]).client(NO_RETRIES).projects.list())


def test_connection_error_does_not_show_the_key(unused_url: str, silent_url: str) -> None:
    with Client(KEY, base_url=unused_url, retries=NO_RETRIES) as client, assert_raises_without(KEY):
        client.me()
    with Client(KEY, base_url=silent_url, retries=NO_RETRIES, timeout=0.05) as client, assert_raises_without(KEY):
        client.me()


@pytest.mark.anyio
async def test_connection_error_of_the_async_client_does_not_show_the_key(unused_url: str, silent_url: str) -> None:
    for url in (unused_url, silent_url):
        async with AsyncClient(KEY, base_url=url, retries=NO_RETRIES, timeout=0.05) as client:
            with assert_raises_without(KEY):
                await client.me()


@pytest.mark.parametrize("cls", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_interruption_in_a_lower_layer_does_not_show_the_key(cls: type[BaseException]) -> None:
    def interrupt(request: httpx.Request) -> httpx.Response:
        header = request.headers["Authorization"]
        assert KEY in header
        raise cls

    with Client(KEY, base_url=URL, transport=httpx.MockTransport(interrupt)) as client, assert_raises_without(KEY):
        client.me()


@pytest.mark.anyio
async def test_interruption_in_a_lower_async_layer_does_not_show_the_key() -> None:
    async def interrupt(request: httpx.Request) -> httpx.Response:
        header = request.headers["Authorization"]
        assert KEY in header
        raise RuntimeError

    async with AsyncClient(KEY, base_url=URL, transport=httpx.MockTransport(interrupt)) as client:
        with assert_raises_without(KEY):
            await client.me()


def test_invalid_argument_error_does_not_show_the_password() -> None:
    password = "a secret of Ada's"  # noqa: S105 - the tests search for it
    with pytest.raises(ValueError, match="either a password or a credential") as raised:
        ScriptedService([]).client().reauthenticate(password, credential={})
    assert password not in render(raised.value)


@pytest.mark.parametrize("outcomes", [[], [SECOND_FACTOR_NEEDED], [SECOND_FACTOR_NEEDED, LOGGED_IN]])
def test_failed_login_does_not_show_the_recovery_code(outcomes: list[httpx.Response]) -> None:
    # The last response is that of the logout.
    service = ScriptedService([*outcomes, error_response(500, "INTERNAL"), httpx.Response(204)])
    with assert_raises_without(SECRET), service.log_in(recovery_code=SECRET) as client:
        client.me()


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, json={"key": SECRET}),
        httpx.Response(200, json=[SECRET]),
        httpx.Response(200, text=f'{{"key": "{SECRET}'),
        httpx.Response(200, text=SECRET),
    ],
)
def test_undecodable_response_is_not_shown(response: httpx.Response) -> None:
    client = ScriptedService([response]).client()
    with assert_raises_without(SECRET):
        client.api_keys.rotate("key_1")


def test_no_response_error_does_not_show_the_password(unused_url: str) -> None:
    password = "a secret of Ada's"  # noqa: S105 - the tests search for it
    with (
        assert_raises_without(password),
        Client.login("ada@example.com", password, base_url=unused_url, retries=NO_RETRIES),
    ):
        pass
    with Client(KEY, base_url=unused_url, retries=NO_RETRIES) as client:
        with assert_raises_without(password):
            client.change_password(password, password)
        with assert_raises_without(password):
            client.reauthenticate(password)
        with assert_raises_without(password):
            client.accept_invitation("invite_1", password)
        with assert_raises_without(password):
            client.password_reset.confirm(password, password)
        with assert_raises_without(password):
            client.accept_invitation(password, "new")


@pytest.mark.parametrize(
    "outcome",
    [
        failure(httpx.ReadTimeout),
        error_response(400, "BAD_REQUEST", field="credentials"),
        error_response(503, "UNAVAILABLE"),
        httpx.Response(502, text="Bad gateway"),
    ],
)
def test_failed_report_does_not_show_the_credential(
    outcome: httpx.Response | Callable[[httpx.Request], httpx.Response], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = ScriptedService([outcome] * 4).client()
    with assert_raises_without(SECRET):
        client.leaked_credentials.report(SECRET)
    assert caplog.records
    assert SECRET not in caplog.text
    assert SECRET not in str([vars(record) for record in caplog.records])


def test_body_that_is_not_json_raises_an_error_that_does_not_show_its_secrets() -> None:
    client = ScriptedService([]).client()
    with assert_raises_without(SECRET):
        client.leaked_credentials.report(SECRET, Secret(object()))  # type: ignore[arg-type]


def test_rotation_incomplete_does_not_show_the_secrets(account: Account) -> None:
    old = account.create_key("read")

    def fail_to_store(_: RotatedApiKey) -> None:
        raise OSError("the disk is full")

    with Client(old.key, base_url=account.url) as client, pytest.raises(RotationIncomplete) as raised:
        client.rotate_own_key(fail_to_store)
    text = render(raised.value)
    assert raised.value.rotated.id in text
    assert old.key.reveal() not in text
    assert raised.value.rotated.key.reveal() not in text


@pytest.mark.parametrize("key", [" ", SECRET + "\n", f" {SECRET}", "sess_abc", "AKIAIOSFODNN7EXAMPLE", "mt_live_ä"])
def test_malformed_key_raises_value_error_that_does_not_show_it(key: str) -> None:
    with pytest.raises(ValueError, match="API key must have the form") as raised:
        Client(key, base_url=URL)
    text = render(raised.value)
    assert "credential.py" in text
    assert repr(key) not in text
