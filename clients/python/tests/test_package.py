"""The package as it is installed, and what its README and the repository's show of it."""

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
def at_hand(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """What a reader of a README has: the two variables, a password to type, and a folder."""
    key = account.key().key
    monkeypatch.setenv("MEDTWIN_API_KEY", key.reveal())
    monkeypatch.setenv("MEDTWIN_BASE_URL", account.url)
    monkeypatch.setattr("getpass.getpass", lambda _: PASSWORD)
    monkeypatch.chdir(tmp_path)
    with Client() as client:
        yield client


def run(readme: Path, account: Account) -> None:
    """Run all Python that `readme` shows, from top to bottom."""
    blocks = re.findall(r"^```python\n(.*?)^```$", readme.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block.replace("ada@example.com", account.email), str(readme), "exec"), names)  # noqa: S102
    for name in names.values():
        if isinstance(name, Client):
            name.close()


def test_the_readmes_lines_run(
    at_hand: Client, account: Account, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    at_hand.projects.create("Study 0")
    run(README, account)
    printed = capsys.readouterr().out
    assert re.search(r"^proj_\w+ Study 0$", printed, re.MULTILINE)
    assert "Secret('…')\n" in printed
    assert " api_key.created Actor(" in printed
    assert "(this one)\n" in printed
    assert "['Study A', 'Study 0']\n" in printed
    stored = tmp_path / "medtwin-api-key"
    assert stored.stat().st_mode & 0o077 == 0
    with Client(stored.read_text(), base_url=account.url) as client:
        assert len(list(client.projects.list())) == 3


def test_the_repositorys_readmes_lines_run(
    at_hand: Client, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    at_hand.projects.create("Study 0")
    run(ROOT / "README.md", account)
    assert "Study 0" in capsys.readouterr().out


def test_the_readme_names_every_error() -> None:
    named = set(re.findall(r"`(\w+)`", README.read_text()))
    errors = {
        name
        for name in medtwin.__all__
        if isinstance(kind := getattr(medtwin, name), type) and issubclass(kind, MedtwinError)
    }
    assert {kind.__name__ for kind in ApiError.__subclasses__()} <= errors
    assert errors <= named


def test_the_package_says_that_it_is_typed() -> None:
    assert files(medtwin).joinpath("py.typed").is_file()
    assert metadata("medtwin")["License-Expression"] == "Apache-2.0"
    assert metadata("medtwin")["Requires-Python"] == ">=3.10"


def test_what_is_public_is_there() -> None:
    for name in medtwin.__all__:
        assert getattr(medtwin, name).__module__.startswith(("medtwin.", "typing", "types"))
