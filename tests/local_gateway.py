"""Runs a local gateway for a script, and sends requests to its API."""

import json
import pathlib
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The share by which memory may grow from the second third of a run to the last.
MAX_GROWTH = 0.05


def check(condition, message):
    """Ends the script with the message unless the condition is true."""
    if not condition:
        sys.exit(f"tests/{pathlib.Path(sys.argv[0]).name}: {message}")


class Service:
    """A client of the gateway's API."""

    def __init__(self, url):
        self.url = url

    def send(self, method, path, credential=None, body=None, headers=()):
        """Returns the status and the body of the response."""
        headers = dict(headers)
        if credential:
            headers["Authorization"] = credential
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def expect(self, status, *request):
        """Sends a request that must get this status. Returns the body of the response, or None if it is empty."""
        actual, body = self.send(*request)
        check(actual == status, f"{request[0]} {request[1]} returned {actual} instead of {status}: {body}")
        return json.loads(body) if body else None

    def list_all(self, path, credential):
        """Returns the items of all pages of a list."""
        items, cursor = [], ""
        while True:
            page = self.expect(200, "GET", f"{path}{'&' if '?' in path else '?'}limit=100{cursor}", credential)
            items += page["data"]
            if page["next_cursor"] is None:
                return items
            cursor = f"&cursor={page['next_cursor']}"


class Gateway:
    """A running gateway, built in release mode. Its standard output and its log are files in the folder `work`."""

    @staticmethod
    def build():
        subprocess.check_call(["cargo", "build", "--release", "--locked", "--bin", "gateway"], cwd=ROOT)

    def __init__(self, work, name, *arguments, until="Ctrl-C"):
        """Starts the gateway, and waits until it has printed `until`."""
        self.name, self.log, output = name, work / f"{name}.log", work / f"{name}.out"
        # Each start appends to the same log.
        with open(output, "w") as out, open(self.log, "a") as log:
            command = [ROOT / "target/release/gateway", *arguments]
            self.process = subprocess.Popen(command, stdout=out, stderr=log, cwd=ROOT)
        self.output = ""
        while until not in self.output:
            check(self.is_running(), f"the gateway {name} exited: {self.log.read_text()[-1_000:]}")
            time.sleep(0.1)
            self.output = output.read_text()

    def is_running(self):
        return self.process.poll() is None

    def memory(self):
        """Returns the resident memory in MB."""
        return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(self.process.pid)])) / 1_024

    def kill(self):
        """Kills the process immediately, with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def mean_of_thirds(samples):
    """Returns the means of the first, the second and the last third of the samples."""
    check(len(samples) >= 3, "the run was too short to measure memory")
    thirds = [samples[len(samples) * third // 3 : len(samples) * (third + 1) // 3] for third in range(3)]
    return tuple(statistics.mean(third) for third in thirds)


def check_memory(name, second, last):
    check(last <= second * (1 + MAX_GROWTH), f"the memory of {name} grew by more than {MAX_GROWTH:.0%}")
