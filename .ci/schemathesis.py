"""Who calls in `.ci/schemathesis`: the first member of an account with a session, or a key that may read one project
alone, as `CALLER` says. Operations end sessions, remove members and disable passwords, the caller's own among them. Who is
not let in any more is followed by a caller from another account.
"""

import itertools
import os

import requests
import schemathesis

# As in the description's examples, which so succeed.
PASSWORD = "a lizard on the 7th wall"


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
    if response.status_code == 401 and case.headers.get("Authorization") == Caller.authorization:
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
    answer = requests.post(os.environ["API"] + path, json=body, headers={"Authorization": authorization}, timeout=30)
    answer.raise_for_status()
    return answer.json()
