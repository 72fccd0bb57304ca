"""A server of ours in a process of its own, and plain requests to it."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.parse

from support import forked

COMMAND = """
import json, os, sys
os.environ.update(json.loads(sys.argv.pop()))
from regard.cli import main
if main(sys.argv[1:]):
    raise RuntimeError("the command failed")
"""


@contextlib.contextmanager
def served(*arguments, command="view", browser=False, fresh=False):
    """Runs ``regard view|serve ...`` and gives its address; it must end cleanly when it is interrupted.

    It is forked from a process that has imported torch, which takes seconds; ``fresh`` starts it as a person does.
    """
    typed = [command, *map(str, arguments), *([] if browser else ["--no-browser"])]
    if fresh:
        program = [sys.executable, "-m", "regard", *typed]
        process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    else:
        process = forked.Piped(COMMAND, *typed, json.dumps(dict(os.environ)))
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if not found:
            raise AssertionError(f"no address in {line!r}: {process.stderr.read()}")
        yield Server(found.group(), process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(120)  # seconds, on a machine that does much else
        finally:
            process.kill()
            process.stdout.close()
            process.stderr.close()


class Server:
    """Where it is, and how it is asked."""

    def __init__(self, address, process):
        parts = urllib.parse.urlsplit(address)
        self.address, self.process = address, process
        self.host, self.port = parts.hostname, parts.port
        self.token = urllib.parse.parse_qs(parts.query).get("token", [None])[0]

    def get(self, path, headers=()):
        return self.request("GET", path, None, dict(headers))

    def post(self, path, asked, headers=()):
        body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        return self.request("POST", path, body, {"Content-Type": "application/json", **dict(headers)})

    @property
    def cookie(self):
        """What a browser has once it was there."""
        return {} if self.token is None else {"Cookie": f"regard_token_{self.port}={urllib.parse.quote(self.token, safe='')}"}

    def request(self, method, path, body, headers, *, known=True):
        headers = {**(self.cookie if known else {}), **headers}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def raw(self, data, timeout=20):
        """Bytes as they are, and whatever comes back."""
        with socket.create_connection((self.host, self.port), timeout=timeout) as connection:
            connection.sendall(data)
            found = b""
            with contextlib.suppress(TimeoutError, ConnectionError):
                while piece := connection.recv(65536):
                    found += piece
            return found
