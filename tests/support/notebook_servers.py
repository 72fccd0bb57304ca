"""Servers of notebooks, as people start them: each over a folder, at a port of its own."""

import contextlib
import signal
import socket
import subprocess
import sys
import time

TOKEN = "regard-test"  # noqa: S105 - of a server that lives as long as a test


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def serving(module, options, folder, port):
    """A module that runs as a server, once it listens at the port; its address."""
    with (folder / "server.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen([sys.executable, "-m", module, *options], stdout=log, stderr=log, cwd=folder)
        try:
            for _ in range(120):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def jupyter(module, folder, **options):
    """JupyterLab, or what stands on the same server."""
    port = free_port()
    whole = {"ServerApp.root_dir": folder, "ServerApp.port": port, "ServerApp.ip": "127.0.0.1", **options}
    whole["IdentityProvider.token"] = TOKEN
    command = ["--no-browser", "--allow-root", *(f"--{name}={value}" for name, value in whole.items())]
    with serving(module, command, folder, port) as address:
        yield address
