"""What the server does not answer: other hosts' names, other sites' scripts, strangers, and questions that are too large."""

import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY = 2**20
"""Bytes of a question: room for the ends of some ten thousand cells."""

COOKIE = "regard_token"

HEADERS = {
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
}


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Wraps an application: refuses before anything is read or computed, and sets the headers of every answer.

    The Host header must be a name of this machine's own loopback, so that a page elsewhere cannot reach the server by a name
    that it controls (DNS rebinding); a server with a token may have any name, and asks for the token instead. Scripts of other
    sites are told by Origin and Sec-Fetch-Site.
    """

    def __init__(self, app: ASGIApp, token: str | None = None) -> None:
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def finish(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name.lower() not in HEADERS]
                message = {**message, "headers": [*kept, *HEADERS.items()]}
            await send(message)

        headers = Headers(scope=scope)
        refused = self._refused(scope, headers)
        if refused is not None:
            await refused(scope, receive, finish)
            return
        if self.token is not None and not self._has_cookie(headers):
            # The address that the terminal printed carries the token once; then a cookie does, and the address is clean.
            # One slash in front: "//elsewhere" would be an address of another site.
            answer = RedirectResponse("/" + scope["path"].lstrip("/\\"), status_code=303)
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict", path="/")
            await answer(scope, receive, finish)
            return
        await self.app(scope, receive, finish)

    def _refused(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        host = _name(headers.get("host", ""))
        if len(headers.getlist("host")) != 1 or host is None or (self.token is None and not is_loopback(host)):
            return _error(421, f"expected a name of this machine as Host, got {headers.get('host', '')[:80]!r}")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and scope["method"] != "GET":
            return _error(403, "expected a request of this server's own page, got one of another site")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != headers["host"]:
            return _error(403, f"expected a request of this server's own page, got one of {origin[:80]!r}")
        if scope["method"] == "POST":
            if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                return _error(415, "expected application/json")
            length = headers.get("content-length", "")
            if length and not (length.isdecimal() and int(length) <= BODY):
                return _error(413, f"expected at most {BODY:,} bytes, got {length[:20]}")
        if self.token is not None and not self._has_cookie(headers):
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if not _same(given, self.token) or scope["method"] != "GET":
                return _error(401, "expected the token that the server was started with; open the address that it printed")
        return None

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return found is not None and self.token is not None and _same(found.value, self.token)


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _name(host: str) -> str | None:
    """The host of a Host header without its port; None where it is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _error(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status_code=status)
