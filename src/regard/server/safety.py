"""What the server does not answer: other hosts' names, other sites' scripts, strangers, and questions that are too large."""

import hmac
import ipaddress
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, unquote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY = 2**20
"""Bytes of a question: room for the ends of some ten thousand cells."""

COOKIE = "regard_token"
"""Of each port its own: browsers give a machine's cookies to all of its ports."""

ONWARD = '<!doctype html><meta charset="utf-8"><title>Regard</title><meta http-equiv="refresh" content="0; url={path}">'

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
    that it controls (DNS rebinding); a server that is reached by other names asks for its token alone. Scripts of other sites
    are told by Origin and Sec-Fetch-Site.

    Args:
        app: what is wrapped.
        token: who does not have it is refused; None for nobody.
        any_host: whether it is reached by other names than the loopback's.
    """

    def __init__(self, app: ASGIApp, token: str | None = None, *, any_host: bool = False) -> None:
        self.app = app
        self.token = token
        self.any_host = any_host and token is not None

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
        cookie = f"{COOKIE}_{(scope.get('server') or ('', 0))[1]}"
        admitted = self.token is None or self._has_cookie(headers, cookie)
        refused = self._refused(scope, headers, admitted=admitted)
        if refused is not None:
            await refused(scope, receive, finish)
            return
        if self.token is not None and not admitted:
            # The address that the terminal printed carries the token once; then a cookie does, and the address is clean.
            # One slash in front: "//elsewhere" would be an address of another site.
            path = quote("/" + scope["path"].lstrip("/\\"), safe="/:@!$&'()*+,;=~")
            answer: Response = RedirectResponse(path, status_code=303)
            if headers.get("sec-fetch-site") == "cross-site":
                # From the file that opened the browser. Such a chain of addresses has no strict cookies; one from here has.
                answer = HTMLResponse(ONWARD.format(path=escape(path)))
            answer.set_cookie(cookie, quote(self.token, safe=""), httponly=True, samesite="strict", path="/")
            await answer(scope, receive, finish)
            return
        await self.app(scope, receive, finish)

    def _refused(self, scope: Scope, headers: Headers, *, admitted: bool) -> JSONResponse | None:
        host = _name(headers.get("host", ""))
        if len(headers.getlist("host")) != 1 or host is None or not (self.any_host or is_loopback(host)):
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
        if self.token is not None and not admitted:
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if not _same(given, self.token) or scope["method"] != "GET":
                return _error(401, "expected the token that the server was started with; open the address that it printed")
        return None

    def _has_cookie(self, headers: Headers, name: str) -> bool:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(name)
        except CookieError:
            return False
        return found is not None and self.token is not None and _same(unquote(found.value), self.token)


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
