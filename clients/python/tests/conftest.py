"""The service that tests speak to: the gateway as `cargo build` leaves it, with an account for each test."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from medtwin import Client, CreatedApiKey

ROOT = Path(__file__).parents[3]
PASSWORD = "a lizard on the 7th wall"  # noqa: S105 - of accounts that end with the test


@dataclass(frozen=True)
class Service:
    """A gateway."""

    url: str

    def account(self) -> Account:
        email = f"{uuid4()}@example.com"
        self.operator({"create_account": {"name": "Ada", "email": email, "password": PASSWORD}})
        return Account(self.url, email)

    def operator(self, command: dict[str, object]) -> None:
        answer = httpx.post(f"{self.url}/2015-03-31/functions/operator/invocations", json=command, timeout=30)
        assert "X-Amz-Function-Error" not in answer.headers, answer.text


@dataclass(frozen=True)
class Account:
    """An account, and its first member's address."""

    url: str
    email: str

    def key(self, *permissions: str) -> CreatedApiKey:
        with Client.login(self.email, PASSWORD, base_url=self.url) as client:
            return client.api_keys.create("Test", permissions or ("read", "write", "delete", "admin"))


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    program = ROOT / "target/debug/gateway"
    with subprocess.Popen(
        [program, "--ephemeral", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as gateway:
        try:
            assert gateway.stdout is not None
            printed = ""
            for line in gateway.stdout:
                printed += line
                if line.startswith("Ctrl-C"):
                    break
            yield Service(_in(printed, r"^listening on (\S+)"))
        finally:
            gateway.terminate()


@pytest.fixture
def account(service: Service) -> Account:
    return service.account()


@pytest.fixture
def client(account: Account) -> Iterator[Client]:
    """A client with a key that may do all."""
    with Client(account.key().key, base_url=account.url) as client:
        yield client


@pytest.fixture
def member(account: Account) -> Iterator[Client]:
    """A client with a member's session."""
    with Client.login(account.email, PASSWORD, base_url=account.url) as client:
        yield client


@pytest.fixture
def unanswering_url() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def unused_url() -> Iterator[str]:
    """A port that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _in(printed: str, pattern: str) -> str:
    found = re.search(pattern, printed, re.MULTILINE)
    assert found, f"the gateway printed nothing like {pattern}"
    return found[1]
