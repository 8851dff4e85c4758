"""Compares the client with the service's OpenAPI document: each must have exactly what the other has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, get_args, get_origin

import httpx
import pytest
from conftest import Service
from responses import SECOND_FACTOR_NEEDED, ScriptedService, error_response

from medtwin import (
    Account,
    AccountLimits,
    AccountPolicy,
    AccountStatus,
    Actor,
    AddedPasskey,
    ApiError,
    ApiKey,
    AuditEvent,
    CreatedApiKey,
    CreationOptions,
    DailyUsage,
    DenialReason,
    Environment,
    Factor,
    Forbidden,
    Invitation,
    InvitedMember,
    KeyCaller,
    KeyLimits,
    KeyStatus,
    KeyType,
    Limits,
    Member,
    MemberStatus,
    Passkey,
    Permission,
    PreviousSecret,
    Project,
    RecoveryCodes,
    RotatedApiKey,
    Scope,
    Session,
    SessionCaller,
    Simulation,
    TokenKind,
    TokenPattern,
)
from medtwin.sessions import (
    LoggedIn,
    RequestOptions,
    SecondFactor,
    SecondFactorNeeded,
)

HTTP_METHODS = ("get", "post", "patch", "delete")
# A web page, not a program, logs in with a passkey.
OPERATIONS_OUTSIDE_THE_CLIENT = {
    ("get", "/v1/health"),
    ("get", "/v1/openapi.json"),
    ("post", "/v1/auth/login/options"),
    ("post", "/v1/auth/login/passkey"),
}
FIELDS_OUTSIDE_THE_CLIENT = {("post", "/v1/auth/login/second-factor"): {"credential"}}


@pytest.fixture(scope="session")
def openapi(service: Service) -> Any:
    return httpx.get(f"{service.url}/v1/openapi.json").json()


def requests_of_every_client_method() -> Iterator[httpx.Request]:
    service = ScriptedService([error_response(403, "FORBIDDEN")] * 100)
    client = service.client()
    time = datetime.now(timezone.utc)
    for call in (
        client.me,
        client.log_out,
        client.account,
        lambda: client.change_account(
            name="A",
            require_second_factor=False,
            reauthentication_minutes=None,
            max_key_lifetime_days=None,
            idle_key_days=7,
        ),
        lambda: client.reauthenticate("old"),
        lambda: client.reauthenticate(credential={}),
        client.reauthentication_options,
        lambda: client.change_password("old", "new"),
        client.passkeys.creation_options,
        lambda: client.passkeys.add("P", {}),
        lambda: list(client.passkeys.list(page_size=1)),
        lambda: client.passkeys.remove("ID"),
        client.passkeys.replace_recovery_codes,
        lambda: client.api_keys.create(
            "R", ["read"], type="test", scope=Scope(("proj_1",)), expires_at=time, allowed_ips=["192.0.2.1"]
        ),
        lambda: list(
            client.api_keys.list(status="all", type="live", created_by="user_1", compliant=False, page_size=1)
        ),
        lambda: client.api_keys.get("ID"),
        lambda: client.api_keys.change(
            "ID", name="R", permissions=["read"], scope=None, expires_at=None, allowed_ips=None, disabled=False
        ),
        lambda: client.api_keys.revoke("ID"),
        lambda: client.api_keys.revoke_all(ids=["key_1"]),
        lambda: client.api_keys.revoke_all(created_by="user_1"),
        lambda: client.api_keys.usage("ID", days=1),
        lambda: client.api_keys.simulate("ID", "GET", "/v1/projects", "192.0.2.1"),
        lambda: client.api_keys.rotate("ID", grace_period=timedelta(seconds=1)),
        lambda: client.projects.create("P", environment="test"),
        lambda: list(client.projects.list(environment="test", page_size=1)),
        lambda: client.projects.get("ID", environment="test"),
        lambda: client.projects.rename("ID", "P", environment="test"),
        lambda: client.projects.delete("ID", environment="test"),
        lambda: client.members.invite("ada@example.com", ["read"]),
        lambda: client.members.invite_again("ID"),
        lambda: client.accept_invitation("invite_1", "new"),
        lambda: list(client.members.list(page_size=1)),
        lambda: client.members.get("ID"),
        lambda: client.members.change("ID", permissions=["read"], status="active"),
        lambda: client.members.remove("ID"),
        lambda: list(client.members.sessions("ID", page_size=1)),
        lambda: client.members.end_sessions("ID"),
        lambda: list(client.sessions.list(page_size=1)),
        lambda: client.sessions.end("ID"),
        client.sessions.end_others,
        lambda: list(
            client.audit_events.list(
                key_id="key_1", type="api_key.created", actor="user_1", since=time, until=time, page_size=1
            )
        ),
        lambda: client.leaked_credentials.report("mt_live_1"),
        lambda: client.password_reset.request("ada@example.com"),
        lambda: client.password_reset.confirm("reset_1", "new"),
        client.leaked_credentials.patterns,
    ):
        with suppress(Forbidden):
            call()
    yield from service.requests
    login = ScriptedService([SECOND_FACTOR_NEEDED, error_response(403, "FORBIDDEN")])
    with suppress(Forbidden), login.log_in(recovery_code="code"):
        pass
    yield from login.requests


def test_every_operation_has_a_method_with_all_its_parameters_and_fields(openapi: Any) -> None:
    documented = {}
    for path, operations in openapi["paths"].items():
        for http_method in set(HTTP_METHODS) & set(operations):
            operation = operations[http_method]
            query = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"}
            content = operation.get("requestBody", {}).get("content", {})
            body = resolve(openapi, content.get("application/json", {}).get("schema", {}))
            # The client sets the cursor itself.
            operation_id = (http_method, id_path(path))
            body_fields = set(field_names(openapi, body)) - FIELDS_OUTSIDE_THE_CLIENT.get(operation_id, set())
            documented[operation_id] = (query - {"cursor"}, body_fields)
    sent: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
    for request in requests_of_every_client_method():
        body = set(httpx.Response(200, content=request.content).json()) if request.content else set()
        # `revoke_all` sends one of two fields.
        query, body_fields = sent.setdefault((request.method.lower(), request.url.path), (set(), set()))
        query |= set(request.url.params)
        body_fields |= body
    assert sent.keys() == documented.keys() - OPERATIONS_OUTSIDE_THE_CLIENT
    for operation, parameters_and_fields in sent.items():
        assert parameters_and_fields == documented[operation], operation


def test_every_operation_that_accepts_an_idempotency_key_gets_one(openapi: Any) -> None:
    documented = {
        (http_method, id_path(path))
        for path, operations in openapi["paths"].items()
        for http_method in set(HTTP_METHODS) & set(operations)
        if "Idempotency-Key" in {parameter["name"] for parameter in operations[http_method].get("parameters", [])}
    }
    sent = {
        (request.method.lower(), request.url.path)
        for request in requests_of_every_client_method()
        if "Idempotency-Key" in request.headers
    }
    assert sent == documented


def test_every_operation_that_needs_a_credential_gets_it_and_no_other_does(openapi: Any) -> None:
    for request in requests_of_every_client_method():
        operation = operation_of(openapi, request)
        assert ("Authorization" in request.headers) == (operation["security"] != []), operation["operationId"]


@pytest.mark.parametrize(
    ("schema", "classes"),
    [
        ("Account", [Account]),
        ("AccountLimits", [AccountLimits]),
        ("PolicySettings", [AccountPolicy]),
        ("Actor", [Actor]),
        ("ApiKey", [ApiKey]),
        ("ApiKeyWithSecret", [CreatedApiKey]),
        ("RotatedKeyWithSecret", [RotatedApiKey]),
        ("AuditEvent", [AuditEvent]),
        ("LoggedIn", [LoggedIn]),
        ("LogInResult", [LoggedIn, SecondFactorNeeded]),
        ("RequestOptions", [RequestOptions]),
        ("SecondFactor", [SecondFactor]),
        ("AddedPasskey", [AddedPasskey]),
        ("CreationOptions", [CreationOptions]),
        ("Passkey", [Passkey]),
        ("RecoveryCodes", [RecoveryCodes]),
        ("KeyUsageOfDay", [DailyUsage]),
        ("Me", [KeyCaller, SessionCaller]),
        ("Invitation", [Invitation]),
        ("InvitedMember", [InvitedMember]),
        ("Member", [Member]),
        ("PreviousSecret", [PreviousSecret]),
        ("Project", [Project]),
        ("ProjectScope", [Scope]),
        ("KeyLimits", [KeyLimits]),
        ("Quotas", [Limits]),
        ("Session", [Session]),
        ("Simulation", [Simulation]),
        ("TokenPattern", [TokenPattern]),
    ],
)
def test_every_response_class_has_the_fields_of_its_schema(openapi: Any, schema: str, classes: list[type[Any]]) -> None:
    documented = set(field_names(openapi, openapi["components"]["schemas"][schema]))
    known = {field.name for cls in classes for field in fields(cls)}
    if schema == "Me":
        # `type` selects one of the two classes.
        documented.remove("type")
    assert known == documented


@pytest.mark.parametrize(
    ("schema", "alias"),
    [
        ("AccountStatus", AccountStatus),
        ("DenialReason", DenialReason),
        ("Environment", Environment),
        ("Environment", KeyType),
        ("Factor", Factor),
        ("KeyStatus", KeyStatus),
        ("MemberStatus", MemberStatus),
        ("Permission", Permission),
        ("TokenKind", TokenKind),
    ],
)
def test_every_literal_type_has_the_values_of_its_schema(openapi: Any, schema: str, alias: Any) -> None:
    literal = alias if get_origin(alias) is Literal else get_args(alias)[0]
    documented = openapi["components"]["schemas"][schema]
    values = documented.get("enum") or [option["const"] for option in documented["oneOf"]]
    assert set(get_args(literal)) == set(values)


def test_every_error_code_has_a_class(openapi: Any) -> None:
    responses = openapi["components"]["responses"].items()
    codes = {
        (int(status), example["error"]["code"])
        for status, response in responses
        for example in examples_of(response["content"]["application/json"])
    }
    assert codes == {cls.status_and_code for cls in all_subclasses(ApiError)}


def examples_of(content: Any) -> list[Any]:
    return [named["value"] for named in content["examples"].values()] if "examples" in content else [content["example"]]


def all_subclasses(cls: type[ApiError]) -> set[type[ApiError]]:
    return {found for direct in cls.__subclasses__() for found in {direct, *all_subclasses(direct)}}


def operation_of(openapi: Any, request: httpx.Request) -> Any:
    """Return the documented operation that a request of a client method calls."""
    (operation,) = (
        operations[request.method.lower()]
        for path, operations in openapi["paths"].items()
        if id_path(path) == request.url.path
    )
    return operation


def id_path(path: str) -> str:
    """Replace each parameter of a documented path with the id that the test's requests use."""
    return re.sub(r"\{\w+\}", "ID", path)


def resolve(openapi: Any, schema: Any) -> Any:
    """Follow the `$ref` of a schema, if it has one."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return openapi["components"]["schemas"][name] if name else schema


def field_names(openapi: Any, schema: Any) -> Iterator[str]:
    """Yield the names of all fields that an object of `schema` may have."""
    schema = resolve(openapi, schema)
    yield from schema.get("properties", {})
    for combinator in ("oneOf", "allOf", "anyOf"):
        for part in schema.get(combinator, []):
            yield from field_names(openapi, part)
