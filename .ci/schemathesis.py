"""Supplies the credential of `.ci/schemathesis`.

If `CALLER` is `session`, it is a session of an account's first member. If `CALLER` is `key`, it is a key that may only read
one project. The tested operations can end the caller's session, remove the caller, disable the caller's password or require a second
factor. When the credential is no longer valid, or its authentication is too long ago, this module creates another account and uses
a credential of that one.
"""

import itertools
import os

import requests
import schemathesis

# The password in the examples of the OpenAPI document, so that these succeed.
PASSWORD = "a lizard on the 7th wall"


# The codes of the errors of a session that is valid, but not for the request.
STEP_UP_CODES = ["REAUTHENTICATION_REQUIRED", "SECOND_FACTOR_REQUIRED"]


@schemathesis.auth(refresh_interval=None).skip_for(path="/v1/auth/login")
class Caller:
    addresses = itertools.chain(["user@example.com"], (f"user-{n}@example.com" for n in itertools.count()))
    authorization = None

    def get(self, case, context):
        if Caller.authorization is None:
            Caller.authorization = authorization(next(Caller.addresses))
        return Caller.authorization

    def set(self, case, data, context):
        case.headers["Authorization"] = data


@schemathesis.hook
def after_call(context, case, response):
    # Operations without a credential return 401 for a wrong password or token.
    is_unauthorized = response.status_code == 401 and case.operation.definition.raw.get("security") != []
    is_lost = is_unauthorized or any(code in response.text for code in STEP_UP_CODES)
    if is_lost and case.headers.get("Authorization") == Caller.authorization:
        Caller.authorization = None


def authorization(email):
    account = {"name": "Ada", "email": email, "password": PASSWORD}
    post("/2015-03-31/functions/operator/invocations", {"create_account": account})
    session = "Session " + post("/v1/auth/login", {"email": email, "password": PASSWORD})["session_token"]
    if os.environ["CALLER"] == "session":
        return session
    project = post("/v1/projects", {"name": "Study A"}, session)["id"]
    key = {"name": "Reader", "permissions": ["read"], "scope": {"projects": [project]}}
    return "Bearer " + post("/v1/api-keys", key, session)["key"]


def post(path, body, authorization=None):
    response = requests.post(os.environ["API"] + path, json=body, headers={"Authorization": authorization}, timeout=30)
    response.raise_for_status()
    return response.json()
