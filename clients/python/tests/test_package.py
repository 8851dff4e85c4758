"""The installed package, and the examples in its README and in the README of the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import metadata
from importlib.resources import files
from pathlib import Path

import pytest
from conftest import PASSWORD, ROOT, Account

import medtwin
from medtwin import ApiError, Client, MedtwinError

README = ROOT / "clients/python/README.md"


@pytest.fixture
def configured_client(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Set up what the examples need: both environment variables, a typed password and an empty working directory."""
    key = account.create_key().key
    monkeypatch.setenv("MEDTWIN_API_KEY", key.reveal())
    monkeypatch.setenv("MEDTWIN_BASE_URL", account.url)
    monkeypatch.setattr("getpass.getpass", lambda _: PASSWORD)
    monkeypatch.chdir(tmp_path)
    with Client() as client:
        yield client


def run_examples(page: Path, account: Account) -> None:
    """Run all Python examples of a page, from top to bottom."""
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block.replace("ada@example.com", account.email), str(page), "exec"), namespace)  # noqa: S102
    for value in namespace.values():
        if isinstance(value, Client):
            value.close()


def test_readme_examples_run(
    configured_client: Client, account: Account, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    configured_client.projects.create("Study 0")
    run_examples(README, account)
    output = capsys.readouterr().out
    assert re.search(r"^proj_\w+ Study 0$", output, re.MULTILINE)
    assert "Secret('…')\n" in output
    assert " api_key.created Actor(" in output
    assert "(this one)\n" in output
    assert "['Study A', 'Study 0']\n" in output
    key_file = tmp_path / "medtwin-api-key"
    assert key_file.stat().st_mode & 0o077 == 0
    with Client(key_file.read_text(), base_url=account.url) as client:
        assert len(list(client.projects.list())) == 3


def test_integration_page_examples_run(
    configured_client: Client, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    configured_client.projects.create("Study 0")
    run_examples(ROOT / "docs/integrating.md", account)
    assert "Study 0" in capsys.readouterr().out


def test_readme_documents_every_error() -> None:
    documented = set(re.findall(r"`(\w+)`", README.read_text()))
    errors = {
        name
        for name in medtwin.__all__
        if isinstance(cls := getattr(medtwin, name), type) and issubclass(cls, MedtwinError)
    }
    assert {cls.__name__ for cls in ApiError.__subclasses__()} <= errors
    assert errors <= documented


def test_package_declares_types_license_and_python_version() -> None:
    assert files(medtwin).joinpath("py.typed").is_file()
    assert metadata("medtwin")["License-Expression"] == "Apache-2.0"
    assert metadata("medtwin")["Requires-Python"] == ">=3.10"


def test_every_name_in_all_exists_and_belongs_to_the_package() -> None:
    for name in medtwin.__all__:
        assert getattr(medtwin, name).__module__.startswith(("medtwin.", "typing", "types"))
