"""A gateway that a script runs, and its API from outside."""

import json
import pathlib
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
# How much more memory than in the second third of the time a program may have in the last one.
MOST_GROWTH = 0.05


def check(holds, otherwise):
    if not holds:
        sys.exit(f"infra/{pathlib.Path(sys.argv[0]).name}: {otherwise}")


class Service:
    """The gateway's API, from outside."""

    def __init__(self, url):
        self.url = url

    def send(self, method, path, credential=None, body=None, headers=()):
        """Returns an answer's status and body."""
        headers = dict(headers)
        if credential:
            headers["Authorization"] = credential
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    def expect(self, status, *request):
        """Returns the body of an answer with this status, where it has one."""
        given, body = self.send(*request)
        check(given == status, f"{request[0]} {request[1]} answered {given} instead of {status}: {body}")
        return json.loads(body) if body else None

    def all_of(self, path, credential):
        """Returns all that a list holds, page by page."""
        things, cursor = [], ""
        while True:
            page = self.expect(200, "GET", f"{path}{'&' if '?' in path else '?'}limit=100{cursor}", credential)
            things += page["data"]
            if page["next_cursor"] is None:
                return things
            cursor = f"&cursor={page['next_cursor']}"


class Gateway:
    """One that runs, as it is released. What it says and logs is in files of the folder `work`."""

    @staticmethod
    def build():
        subprocess.check_call(["cargo", "build", "--release", "--locked", "--bin", "gateway"], cwd=ROOT)

    def __init__(self, work, name, *arguments, until="Ctrl-C"):
        """Starts it, and waits until it has said `until`."""
        self.name, self.log, said = name, work / f"{name}.log", work / f"{name}.out"
        # The log goes on where there was one before.
        with open(said, "w") as out, open(self.log, "a") as log:
            command = [ROOT / "target/release/gateway", *arguments]
            self.program = subprocess.Popen(command, stdout=out, stderr=log, cwd=ROOT)
        self.said = ""
        while until not in self.said:
            check(self.runs(), f"the gateway {name} ended: {self.log.read_text()[-1_000:]}")
            time.sleep(0.1)
            self.said = said.read_text()

    def runs(self):
        return self.program.poll() is None

    def weigh(self):
        """Returns how much memory it has, in MB."""
        return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(self.program.pid)])) / 1_024

    def kill(self):
        """Ends it at once, whatever it does."""
        self.program.kill()
        self.program.wait()

    def stop(self):
        self.program.terminate()
        self.program.wait()


def thirds(weights):
    """Returns the mean of the first, the second and the last third."""
    check(len(weights) >= 3, "the time was too short to weigh anything")
    parts = [weights[len(weights) * part // 3 : len(weights) * (part + 1) // 3] for part in range(3)]
    return tuple(statistics.mean(part) for part in parts)


def check_memory(name, second, last):
    check(last <= second * (1 + MOST_GROWTH), f"memory of {name} grew by more than {MOST_GROWTH:.0%}")
