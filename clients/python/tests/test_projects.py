from __future__ import annotations

import pytest
from conftest import Account

from medtwin import Client, Forbidden, NotFound, Project, Scope


def test_a_project_is_made_renamed_and_deleted(client: Client) -> None:
    made: Project = client.projects.create("Study A")
    assert client.projects.get(made.id) == made
    assert client.projects.rename(made.id, "Study B").name == "Study B"
    client.projects.delete(made.id)
    with pytest.raises(NotFound):
        client.projects.get(made.id)


def test_a_list_pages_by_itself(client: Client) -> None:
    made = {client.projects.create(f"Study {n}").id for n in range(5)}
    listed = [project.id for project in client.projects.list(page_size=2)]
    assert len(listed) == 5
    assert set(listed) == made


def test_an_empty_list_has_nothing(client: Client) -> None:
    assert list(client.projects.list()) == []


def test_a_session_sees_test_data_where_asked(member: Client) -> None:
    made = member.projects.create("Trial", environment="test")
    assert [project.id for project in member.projects.list(environment="test")] == [made.id]
    assert list(member.projects.list()) == []
    assert member.projects.get(made.id, environment="test") == made
    assert member.projects.rename(made.id, "Trial 2", environment="test").name == "Trial 2"
    member.projects.delete(made.id, environment="test")


def test_a_scoped_key_reaches_its_project_alone(client: Client, account: Account) -> None:
    own, other = client.projects.create("Own"), client.projects.create("Other")
    key = client.api_keys.create("Scoped", ["read"], scope=Scope((own.id,)))
    with Client(key.key, base_url=account.url) as scoped:
        assert [project.id for project in scoped.projects.list()] == [own.id]
        with pytest.raises(Forbidden):
            scoped.projects.get(other.id)
