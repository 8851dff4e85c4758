"""Hunts for secrets wherever a program may show one by accident."""

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
from answers import KEY, URL, Script, failing, refusing
from conftest import PASSWORD, Account

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

SECRET = "mt_live_0VpZbQ3kd81xTq7M"  # noqa: S105 - one to be looked for
ONCE = Retries(attempts=1)


def shown(error: BaseException) -> str:
    """Give what a tool can show of `error` and whatever it came from: texts, members, and locals of frames of ours."""
    seen = ""
    link: BaseException | None = error
    while link is not None:
        trace = traceback.TracebackException.from_exception(link, capture_locals=True)
        for frame in trace.stack:
            # What is looked for is known to who looks.
            if frame.name.startswith(("test_", "hunted")):
                frame.locals = None
        seen += "".join(trace.format()) + repr(vars(link)) + repr(link.args)
        link = link.__cause__ or link.__context__
    return seen


@contextmanager
def hunted(*secrets: str) -> Iterator[None]:
    """Expect an error that shows none of `secrets`."""
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - any
        yield
    text = shown(raised.value)
    # Nothing from below is behind it, for tools that look there.
    assert raised.value.__cause__ is raised.value.__context__ is None
    # It looked at frames below this file's.
    assert "wire.py" in text
    for secret in secrets:
        assert secret not in text


def test_a_secret_is_its_text_where_revealed_alone() -> None:
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


def test_a_secret_is_not_written_by_accident() -> None:
    secret = Secret(SECRET)
    assert copy.copy(secret) is copy.deepcopy(secret) is secret
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(secret, protocol)
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_a_new_key_is_not_shown_by_what_holds_it(client: Client) -> None:
    made: CreatedApiKey = client.api_keys.create("Reader", ["read"])
    for text in (repr(made), str(made), f"{made}", str(dataclasses.asdict(made)), str(dataclasses.astuple(made))):
        assert made.id in text
        assert made.key.reveal() not in text


def test_a_client_does_not_show_its_key(client: Client) -> None:
    key = client._wire.credential
    assert key is not None
    for thing in (client, client._wire, client.api_keys, key):
        assert key.secret.reveal() not in repr(thing) + str(vars(thing))
    assert "Authorization" not in client._wire.http.headers


def test_no_log_shows_a_secret(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Client.login(account.email, PASSWORD, base_url=account.url) as member:
        token = member._wire.credential
        assert token is not None
        made = member.api_keys.create("Reader", ["read"])
        with Client(made.key, base_url=account.url) as client:
            rotated = client.rotate_own_key(lambda _: None)
            with suppress(MedtwinError):
                client.projects.create("Study")
    names = {record.name for record in caplog.records}
    # All the layers spoke.
    assert {"httpx", "httpcore.http11"} <= names
    for secret in (PASSWORD, token.secret.reveal(), made.key.reveal(), rotated.key.reveal()):
        assert secret not in caplog.text
        for record in caplog.records:
            assert secret not in repr(vars(record))


@pytest.mark.parametrize(
    "outcome",
    [
        failing(httpx.ConnectError),
        failing(httpx.ReadTimeout),
        failing(httpx.RemoteProtocolError),
        refusing(401, "UNAUTHORIZED"),
        httpx.Response(502, text="Bad gateway"),
    ],
)
def test_no_error_shows_the_key(outcome: httpx.Response | Callable[[httpx.Request], httpx.Response]) -> None:
    client = Script([outcome]).client(ONCE)
    with hunted(KEY):
        client.me()
    with hunted(KEY):
        list(Script([outcome]).client(ONCE).projects.list())


def test_a_real_failure_shows_no_key(unused_url: str, unanswering_url: str) -> None:
    with Client(KEY, base_url=unused_url, retries=ONCE) as client, hunted(KEY):
        client.me()
    with Client(KEY, base_url=unanswering_url, retries=ONCE, timeout=0.05) as client, hunted(KEY):
        client.me()


@pytest.mark.anyio
async def test_a_real_failure_of_the_awaited_client_shows_no_key(unused_url: str, unanswering_url: str) -> None:
    for url in (unused_url, unanswering_url):
        async with AsyncClient(KEY, base_url=url, retries=ONCE, timeout=0.05) as client:
            with hunted(KEY):
                await client.me()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_an_interruption_below_shows_no_key(kind: type[BaseException]) -> None:
    def interrupt(request: httpx.Request) -> httpx.Response:
        header = request.headers["Authorization"]
        assert KEY in header
        raise kind

    with Client(KEY, base_url=URL, transport=httpx.MockTransport(interrupt)) as client, hunted(KEY):
        client.me()


@pytest.mark.anyio
async def test_an_interruption_below_the_awaited_client_shows_no_key() -> None:
    async def interrupt(request: httpx.Request) -> httpx.Response:
        header = request.headers["Authorization"]
        assert KEY in header
        raise RuntimeError

    async with AsyncClient(KEY, base_url=URL, transport=httpx.MockTransport(interrupt)) as client:
        with hunted(KEY):
            await client.me()


def test_passwords_are_not_shown_where_other_arguments_are_wrong() -> None:
    password = "a secret of Ada's"  # noqa: S105 - one to be looked for
    with pytest.raises(TypeError) as wrong:
        Script([]).client().members.create("ada@example.com", None, password)  # type: ignore[arg-type]
    assert password not in shown(wrong.value)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"key": SECRET}),
        httpx.Response(200, json=[SECRET]),
        httpx.Response(200, text=f'{{"key": "{SECRET}'),
        httpx.Response(200, text=SECRET),
    ],
)
def test_an_answer_that_cannot_be_read_is_not_shown(answer: httpx.Response) -> None:
    client = Script([answer]).client()
    with hunted(SECRET):
        client.api_keys.rotate("key_1")


def test_passwords_are_not_shown(unused_url: str) -> None:
    password = "a secret of Ada's"  # noqa: S105 - one to be looked for
    with hunted(password), Client.login("ada@example.com", password, base_url=unused_url, retries=ONCE):
        pass
    with Client(KEY, base_url=unused_url, retries=ONCE) as client:
        with hunted(password):
            client.change_password(password, password)
        with hunted(password):
            client.members.create("ada@example.com", ["read"], password)
        with hunted(password):
            client.members.create("ada@example.com", ["read"], password=password)


def test_an_incomplete_rotation_does_not_show_the_secret(account: Account) -> None:
    old = account.key("read")

    def full(_: RotatedApiKey) -> None:
        raise OSError("the disk is full")

    with Client(old.key, base_url=account.url) as client, pytest.raises(RotationIncomplete) as incomplete:
        client.rotate_own_key(full)
    text = shown(incomplete.value)
    assert incomplete.value.rotated.id in text
    assert old.key.reveal() not in text
    assert incomplete.value.rotated.key.reveal() not in text


@pytest.mark.parametrize("key", [" ", SECRET + "\n", f" {SECRET}", "sess_abc", "AKIAIOSFODNN7EXAMPLE", "mt_live_ä"])
def test_what_is_no_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="API key is not of the form") as refused:
        Client(key, base_url=URL)
    text = shown(refused.value)
    assert "credential.py" in text
    assert repr(key) not in text
