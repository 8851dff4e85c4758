from __future__ import annotations

import pytest
from conftest import Account

from medtwin import Client, Forbidden, NotFound, Project, Scope


def test_project_is_created_renamed_and_deleted(client: Client) -> None:
    created: Project = client.projects.create("Study A")
    assert client.projects.get(created.id) == created
    assert client.projects.rename(created.id, "Study B").name == "Study B"
    client.projects.delete(created.id)
    with pytest.raises(NotFound):
        client.projects.get(created.id)


def test_list_returns_all_pages(client: Client) -> None:
    created_ids = {client.projects.create(f"Study {n}").id for n in range(5)}
    listed_ids = [project.id for project in client.projects.list(page_size=2)]
    assert len(listed_ids) == 5
    assert set(listed_ids) == created_ids


def test_list_of_an_empty_account_is_empty(client: Client) -> None:
    assert list(client.projects.list()) == []


def test_environment_test_of_a_session_accesses_only_test_data(session_client: Client) -> None:
    created = session_client.projects.create("Trial", environment="test")
    assert [project.id for project in session_client.projects.list(environment="test")] == [created.id]
    assert list(session_client.projects.list()) == []
    assert session_client.projects.get(created.id, environment="test") == created
    assert session_client.projects.rename(created.id, "Trial 2", environment="test").name == "Trial 2"
    session_client.projects.delete(created.id, environment="test")


def test_scoped_key_accesses_only_the_projects_of_its_scope(client: Client, account: Account) -> None:
    inside, outside = client.projects.create("Inside"), client.projects.create("Outside")
    key = client.api_keys.create("Scoped", ["read"], scope=Scope((inside.id,)))
    with Client(key.key, base_url=account.url) as scoped:
        assert [project.id for project in scoped.projects.list()] == [inside.id]
        with pytest.raises(Forbidden):
            scoped.projects.get(outside.id)
