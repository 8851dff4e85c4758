"""Fixtures. The tests call the gateway that `cargo build` produces, and each test has an account of its own."""

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
PASSWORD = "a lizard on the 7th wall"  # noqa: S105 - its accounts exist only during a test


@dataclass(frozen=True)
class Service:
    """A running gateway."""

    url: str

    def create_account(self) -> Account:
        email = f"{uuid4()}@example.com"
        self.invoke_operator({"create_account": {"name": "Ada", "email": email, "password": PASSWORD}})
        return Account(self.url, email)

    def invoke_operator(self, command: dict[str, object]) -> dict[str, str]:
        """Send a command and return its result."""
        response = httpx.post(f"{self.url}/2015-03-31/functions/operator/invocations", json=command, timeout=30)
        assert "X-Amz-Function-Error" not in response.headers, response.text
        result: dict[str, str] = response.json()
        return result


@dataclass(frozen=True)
class Account:
    """An account, with the email address of its first member."""

    url: str
    email: str

    def create_key(self, *permissions: str) -> CreatedApiKey:
        """Create a key with `permissions`, or with all permissions if none are given."""
        with Client.login(self.email, PASSWORD, base_url=self.url) as client:
            return client.api_keys.create("Test", permissions or ("read", "write", "delete", "admin"))


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    program = ROOT / "target/debug/gateway"
    with subprocess.Popen(
        # Without mail, the response to an invitation contains its token.
        [program, "--ephemeral", "--port", "0", "--parameter", "MailFrom="],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as gateway:
        try:
            assert gateway.stdout is not None
            first_line = gateway.stdout.readline()
            match = re.fullmatch(r"listening on (\S+)\n", first_line)
            assert match, f"the gateway printed {first_line!r}"
            yield Service(match[1])
        finally:
            gateway.terminate()


@pytest.fixture
def account(service: Service) -> Account:
    return service.create_account()


@pytest.fixture
def client(account: Account) -> Iterator[Client]:
    """A client whose key has all permissions."""
    with Client(account.create_key().key, base_url=account.url) as client:
        yield client


@pytest.fixture
def session_client(account: Account) -> Iterator[Client]:
    """A client with a session of the account's first member."""
    with Client.login(account.email, PASSWORD, base_url=account.url) as client:
        yield client


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The URL of a server that accepts connections but never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def unused_url() -> Iterator[str]:
    """The URL of a port on which no server listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
