"""The application: one page, the documents that it was given, and the playground."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from regard.errors import FileChangedError, OptionError, RegardError
from regard.server.documents import KeptDocuments
from regard.server.playground import Playground
from regard.server.read_ahead import read_ahead
from regard.server.safety import BODY, Guard
from regard.server.worker import BusyError, Worker
from regard.viewer.document.document import Document
from regard.viewer.front_end import front_end

Answer = TypeVar("Answer")

SLOWEST = 15.0  # seconds that a question may take to arrive

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Regard</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="site.css">
<link rel="modulepreload" href="regard.js">
</head>
<body>
<main id="regard"></main>
<noscript>This page needs JavaScript, which comes from this server only.</noscript>
<script type="module" src="site.js"></script>
</body>
</html>
"""
SCRIPT = 'import { mountSite } from "./regard.js";\nmountSite(document.getElementById("regard"), ".");\n'
STYLE = "html, body, main { margin: 0; height: 100%; }\n"


def application(
    documents: Mapping[str, Document],
    *,
    playground: Playground | None = None,
    token: str | None = None,
    any_host: bool = False,
) -> Guard:
    """What is served: these documents by name, and nothing else of this machine.

    Args:
        documents: what can be looked at.
        playground: translates and shows mechanisms, where it is wanted.
        token: who does not have it is refused; None where everybody is answered who can reach it.
        any_host: whether it is reached by other names than the loopback's, which a token allows.

    Returns:
        An ASGI application.

    Raises:
        OptionError: neither documents nor a playground.
    """
    if not documents and playground is None:
        raise OptionError("expected documents or a playground to serve, got neither")
    site = _Site(KeptDocuments(documents), playground)
    routes = [
        Route("/", lambda _: HTMLResponse(PAGE)),
        Route("/site.js", lambda _: Response(SCRIPT, media_type="text/javascript")),
        Route("/site.css", lambda _: Response(STYLE, media_type="text/css")),
        Route("/regard.js", lambda _: Response(front_end(), media_type="text/javascript")),
        Route("/documents", site.list),
        Route("/documents/{name}/{question}", site.answer, methods=["POST"]),
        Route("/playground", site.offer),
        Route("/playground/{what}", site.play, methods=["POST"]),
    ]

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        reading = asyncio.create_task(read_ahead(site.worker, site.documents.looked_at))
        yield
        reading.cancel()
        site.worker.close()

    handlers: Any = {HTTPException: _told, Exception: _broken}
    # Outside of all, so that what breaks has the same headers as what works.
    return Guard(Starlette(routes=routes, lifespan=life, exception_handlers=handlers), token, any_host=any_host)


class _Site:
    def __init__(self, documents: KeptDocuments, playground: Playground | None) -> None:
        self.documents = documents
        self.playground = playground
        self.worker = Worker()

    async def list(self, _: Request) -> Response:
        return JSONResponse({"documents": self.documents.titles(), "playground": self.playground is not None})

    async def answer(self, request: Request) -> Response:
        document = self.documents.get(request.path_params["name"])
        if document is None:
            raise HTTPException(404, "expected a document of this server; it may have made room for newer ones")
        fields = await _json(request)
        question = request.path_params["question"]
        quick = question == "region" and fields.get("quick") is True
        if question == "region" and not quick:
            while await self._computed(request, lambda: document.prepare(fields)):
                pass  # glances of others go in between
        packed = await self._computed(request, lambda: document.answer(question, fields), quick=quick)
        return Response(packed, media_type="application/octet-stream")

    async def offer(self, _: Request) -> Response:
        if self.playground is None:
            raise HTTPException(404, "this server has no playground; start it with regard serve")
        return JSONResponse(self.playground.offer())

    async def play(self, request: Request) -> Response:
        playground = self.playground
        if playground is None:
            raise HTTPException(404, "this server has no playground; start it with regard serve")
        fields = await _json(request)
        document = await self._computed(request, lambda: playground.play(request.path_params["what"], fields))
        return JSONResponse({"id": self.documents.add(document), "title": str(document.manifest["title"])})

    async def _computed(self, request: Request, function: Callable[[], Answer], *, quick: bool = False) -> Answer:
        """What the function returns when its turn has come; its own refusals as answers."""
        try:
            answer = await self.worker.run(function, request.is_disconnected, quick=quick)
        except BusyError:
            raise HTTPException(503, "busy: too many questions wait", headers={"Retry-After": "1"}) from None
        except FileChangedError as error:
            raise HTTPException(409, str(error)) from error
        except RegardError as error:
            raise HTTPException(400, str(error)) from error
        if answer is None:
            raise HTTPException(499, "the client has gone")
        return answer


async def _json(request: Request) -> dict[str, Any]:
    """The body as an object of JSON, read no further than allowed and no longer than patience lasts."""
    body = bytearray()
    try:
        async with asyncio.timeout(SLOWEST):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY:
                    raise HTTPException(413, f"expected at most {BODY:,} bytes")
    except TimeoutError:
        raise HTTPException(408, f"expected the question within {SLOWEST:.0f} seconds") from None
    except ClientDisconnect:
        raise HTTPException(499, "the client has gone") from None
    try:
        fields = json.loads(bytes(body) or b"{}")
        if b"\\u" in body:  # half of a character, which no text can have
            json.dumps(fields, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"expected JSON, got {type(error).__name__}") from error
    if not isinstance(fields, dict):
        raise HTTPException(400, f"expected a JSON object, got {type(fields).__name__}")
    return fields


async def _told(_: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def _broken(_: Request, error: Exception) -> Response:
    """A mistake of ours: said without the machine's insides, which the terminal shows."""
    return JSONResponse({"error": f"the server failed: {type(error).__name__}; its terminal says more"}, status_code=500)
