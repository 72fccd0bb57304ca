"""Running the application: an address, a browser, and an end."""

import contextlib
import errno
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from regard.arguments import whole_number
from regard.errors import OptionError
from regard.server.safety import is_loopback

GRACE = 3  # seconds that running answers get when the server is told to stop


def checked_address(host: str, port: int, token: str | None) -> str | None:
    """The token that is asked for at this address: None on the loopback, where none is needed.

    Args:
        host: address to listen on.
        port: 0 for any that is free.
        token: what the user gave; "auto" makes one.

    Raises:
        OptionError: an address beyond this machine without a token, or a port that is none.
    """
    whole_number("port", port, 0, 2**16 - 1)
    if token == "auto":  # noqa: S105 - a word, not a secret
        return secrets.token_urlsafe(16)
    if token is not None and len(token) < 8:
        raise OptionError(f"token: expected at least 8 characters, got {len(token)}; --token auto makes one")
    if token is None and not is_loopback(host):
        raise OptionError(
            f"host: expected an address of this machine only (127.0.0.1), got {host}, where others could read the recording; "
            "add --token auto to serve it to those who have the token"
        )
    return token


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket at the address.

    Raises:
        OSError: it is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, port))
            found.listen(128)  # who connects from now on waits until the server runs
        except OSError as error:
            taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
            way = "--port 0 takes a free one" if taken else "--host takes an address of this machine, as 127.0.0.1"
            raise OSError(error.errno, f"cannot listen on {host}, port {port}: {error.strerror}; {way}") from error
        yield found


def serve(application: Starlette, *, host: str = "127.0.0.1", port: int = 0, token: str | None = None, browser: bool) -> None:
    """Serve until it is stopped (Ctrl-C, or a signal to end).

    Args:
        application: what ``application()`` made, with the same token.
        host: address to listen on.
        port: 0 for any that is free.
        token: part of the address that is printed.
        browser: open it in one.
    """
    with listening(host, port) as found:
        name = f"[{host}]" if ":" in host else host
        address = f"http://{name}:{found.getsockname()[1]}/" + ("" if token is None else f"?token={token}")
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                log_level="warning",
                access_log=False,
                server_header=False,
                http="h11",  # the other one that uvicorn may find sets no limit to what headers may take
                limit_concurrency=256,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=GRACE,
                h11_max_incomplete_event_size=2**16,
                ws="none",
            )
        )
        print(f"look at {address}", flush=True)
        print("Ctrl-C ends it", file=sys.stderr, flush=True)
        if browser:
            opening = threading.Timer(0.5, webbrowser.open, (address,))
            opening.daemon = True
            opening.start()
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[found])
