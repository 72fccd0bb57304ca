"""Running the application: an address, a browser, and an end."""

import contextlib
import errno
import secrets
import socket
import sys
from collections.abc import Iterator
from urllib.parse import quote

import uvicorn
from starlette.types import ASGIApp

from regard.arguments import whole_number
from regard.errors import OptionError
from regard.server.connections import NEXT, Connection
from regard.server.opening import opened_in_browser
from regard.server.safety import is_loopback

GRACE = 3  # seconds that running answers get when the server is told to stop


def checked_address(host: str, port: int, token: str | None, *, no_token: bool = False) -> str | None:
    """The token that is asked for at this address; None where the user wants none, which the loopback alone allows.

    Args:
        host: address to listen on.
        port: 0 for any that is free.
        token: what the user gave; one is made where this is "auto", and on the loopback where this is None.
        no_token: whether everybody is answered who can reach the address.

    Raises:
        OptionError: an address beyond this machine without a token, a token that is none, or a port that is none.
    """
    whole_number("port", port, 0, 2**16 - 1, advice="0 takes any that is free")
    if no_token:
        if token is not None:
            raise OptionError("expected --token or --no-token, got both")
        if not is_loopback(host):
            raise OptionError(
                f"host: expected an address of this machine only (127.0.0.1) with --no-token, got {host}, where others could "
                "read the recording; say --token auto instead"
            )
        return None
    if token is None and not is_loopback(host):
        raise OptionError(
            f"host: expected an address of this machine only (127.0.0.1), got {host}, where others could read the recording; "
            "add --token auto to serve it to those who have the token"
        )
    if token is None or token == "auto":  # noqa: S105 - a word, not a secret
        return secrets.token_urlsafe(16)
    if len(token) < 8:
        raise OptionError(f"token: expected at least 8 characters, got {len(token)}; leave --token out, and one is made")
    if not token.isprintable():  # nor are lone surrogates, which no address can carry
        raise OptionError(f"token: expected characters that can be typed, got {token!r}")
    return token


def address_of(host: str, port: int, token: str | None) -> str:
    """What to type into a browser: of an address that stands for all of the machine's, its name.

    Example:
        >>> address_of("::1", 8000, "a&b c")
        'http://[::1]:8000/?token=a%26b%20c'
    """
    name = socket.gethostname() if host in ("", "0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"http://{name}:{port}/" + ("" if token is None else f"?token={quote(token, safe='')}")


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket at the address.

    Raises:
        OSError: it is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # TCP by its name: elsewhere asyncio leaves Nagle's algorithm on, and answers wait 40 ms for an acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, port))
            found.listen(128)  # who connects from now on waits until the server runs
        except OSError as error:
            taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
            way = "--port 0 takes a free one" if taken else "--host takes an address of this machine, as 127.0.0.1"
            raise OSError(error.errno, f"cannot listen on {host}, port {port}: {error.strerror}; {way}") from error
        yield found


def server_of(application: ASGIApp) -> uvicorn.Server:
    """What runs the application, with our limits."""
    return uvicorn.Server(
        uvicorn.Config(
            application,
            log_level="warning",
            access_log=False,
            server_header=False,
            http=Connection,  # of h11: the other one that uvicorn may find sets no limit to what headers may take
            timeout_keep_alive=int(NEXT),
            timeout_graceful_shutdown=GRACE,
            h11_max_incomplete_event_size=2**16,
            ws="none",
        )
    )


def serve(application: ASGIApp, *, host: str = "127.0.0.1", port: int = 0, token: str | None = None, browser: bool) -> None:
    """Serve until it is stopped (Ctrl-C, or a signal to end).

    Args:
        application: what ``application()`` made, with the same token.
        host: address to listen on.
        port: 0 for any that is free.
        token: part of the address that is printed; None says aloud that there is none.
        browser: open it in one.
    """
    with listening(host, port) as found:
        address = address_of(host, found.getsockname()[1], token)
        server = server_of(application)
        print(f"look at {address}", flush=True)
        if token is None:
            print("no token: every user of this machine can see what is served here", file=sys.stderr, flush=True)
        print("Ctrl-C ends it", file=sys.stderr, flush=True)
        opening = opened_in_browser(address, secret=token is not None) if browser else contextlib.nullcontext()
        with opening, contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[found])
