"""The client against the API's own description of itself, so that neither knows what the other doesn't."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, get_args, get_origin

import httpx
import pytest
from answers import Script, refusing
from conftest import Service

from medtwin import (
    Actor,
    ApiError,
    ApiKey,
    AuditEvent,
    CreatedApiKey,
    Environment,
    Forbidden,
    KeyCaller,
    KeyStatus,
    KeyType,
    Limits,
    Member,
    MemberStatus,
    Permission,
    Project,
    RotatedApiKey,
    Scope,
    Secret,
    Session,
    SessionCaller,
)
from medtwin.sessions import LoggedIn, log_in

METHODS = ("get", "post", "patch", "delete")
WITHOUT_A_METHOD = {("get", "/v1/health"), ("get", "/v1/openapi.json")}


@pytest.fixture(scope="session")
def description(service: Service) -> Any:
    return httpx.get(f"{service.url}/v1/openapi.json").json()


def requests_of_every_method() -> Iterator[httpx.Request]:
    script = Script([refusing(403, "FORBIDDEN")] * 100)
    client = script.client()
    end = datetime.now(timezone.utc)
    for call in (
        client.me,
        client.log_out,
        lambda: client.change_password("old", "new"),
        lambda: client._wire.send(log_in("ada@example.com", Secret("old"))),
        lambda: client.api_keys.create("R", ["read"], type="test", scope=Scope(("proj_1",)), expires_at=end),
        lambda: list(client.api_keys.list(status="all", page_size=1)),
        lambda: client.api_keys.get("ID"),
        lambda: client.api_keys.revoke("ID"),
        lambda: client.api_keys.rotate("ID", grace_period=timedelta(seconds=1)),
        lambda: client.projects.create("P", environment="test"),
        lambda: list(client.projects.list(environment="test", page_size=1)),
        lambda: client.projects.get("ID", environment="test"),
        lambda: client.projects.rename("ID", "P", environment="test"),
        lambda: client.projects.delete("ID", environment="test"),
        lambda: client.members.create("ada@example.com", ["read"], "new"),
        lambda: list(client.members.list(page_size=1)),
        lambda: client.members.get("ID"),
        lambda: client.members.change("ID", permissions=["read"], status="active"),
        lambda: client.members.remove("ID"),
        lambda: list(client.sessions.list(page_size=1)),
        lambda: client.sessions.end("ID"),
        lambda: list(client.audit_events.list(key_id="key_1", page_size=1)),
    ):
        with suppress(Forbidden):
            call()
    yield from script.requests


def test_every_operation_has_a_method_with_all_that_it_takes(description: Any) -> None:
    described = {}
    for path, operations in description["paths"].items():
        for method in set(METHODS) & set(operations):
            operation = operations[method]
            queries = {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
            content = operation.get("requestBody", {}).get("content", {})
            body = resolved(description, content.get("application/json", {}).get("schema", {}))
            # The cursor is the list's own.
            described[method, re.sub(r"\{\w+\}", "ID", path)] = (queries - {"cursor"}, set(members(description, body)))
    sent = {}
    for request in requests_of_every_method():
        body = set(httpx.Response(200, content=request.content).json()) if request.content else set()
        sent[request.method.lower(), request.url.path] = (set(request.url.params), body)
    assert sent.keys() == described.keys() - WITHOUT_A_METHOD
    for operation, asked in sent.items():
        assert asked == described[operation], operation


def test_whatever_takes_a_name_is_given_one(description: Any) -> None:
    takes = {
        (method, re.sub(r"\{\w+\}", "ID", path))
        for path, operations in description["paths"].items()
        for method in set(METHODS) & set(operations)
        if "Idempotency-Key" in {each["name"] for each in operations[method].get("parameters", [])}
    }
    named = {
        (request.method.lower(), request.url.path)
        for request in requests_of_every_method()
        if "Idempotency-Key" in request.headers
    }
    assert named == takes


@pytest.mark.parametrize(
    ("schema", "kinds"),
    [
        ("Actor", [Actor]),
        ("ApiKey", [ApiKey]),
        ("ApiKeyWithSecret", [CreatedApiKey]),
        ("RotatedKeyWithSecret", [RotatedApiKey]),
        ("AuditEvent", [AuditEvent]),
        ("LoggedIn", [LoggedIn]),
        ("Me", [KeyCaller, SessionCaller]),
        ("Member", [Member]),
        ("Project", [Project]),
        ("ProjectScope", [Scope]),
        ("Quotas", [Limits]),
        ("Session", [Session]),
    ],
)
def test_every_answer_has_its_members(description: Any, schema: str, kinds: list[type[Any]]) -> None:
    described = set(members(description, description["components"]["schemas"][schema]))
    known = {field.name for kind in kinds for field in fields(kind)}
    if schema == "Me":
        # It is which of the two classes.
        described.remove("type")
    assert known == described


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("Environment", Environment),
        ("Environment", KeyType),
        ("KeyStatus", KeyStatus),
        ("MemberStatus", MemberStatus),
        ("Permission", Permission),
    ],
)
def test_every_word_is_known(description: Any, schema: str, words: Any) -> None:
    literal = words if get_origin(words) is Literal else get_args(words)[0]
    described = description["components"]["schemas"][schema]
    assert set(get_args(literal)) == set(described.get("enum") or [each["const"] for each in described["oneOf"]])


def resolved(description: Any, schema: Any) -> Any:
    name = schema.get("$ref", "").rpartition("/")[2]
    return description["components"]["schemas"][name] if name else schema


def members(description: Any, schema: Any) -> Iterator[str]:
    """Give the names of all members that `schema` may have."""
    schema = resolved(description, schema)
    yield from schema.get("properties", {})
    for part in ("oneOf", "allOf", "anyOf"):
        for each in schema.get(part, []):
            yield from members(description, each)


def test_every_code_has_its_class(description: Any) -> None:
    answers = description["components"]["responses"].items()
    examples = {status: each["content"]["application/json"]["example"] for status, each in answers}
    codes = {(int(status), example["error"]["code"]) for status, example in examples.items()}
    assert codes == {kind.expected for kind in ApiError.__subclasses__()}
