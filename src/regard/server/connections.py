"""Connections that say nothing, and those that do not listen, are closed; who speaks is never turned away for their sake."""

import asyncio
from typing import Any, ClassVar

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

FIRST = 10.0
"""Seconds that a new connection has for its first request."""

NEXT = 30.0
"""Seconds that it has for each later one."""

STALLED = 20.0
"""Seconds after which an answer has to have got further."""

PROGRESS = 2**14
"""Bytes that count as further."""

MOST = 256
"""Connections at a time. Beyond, a silent one makes room: first those that never said anything."""


class Connection(H11Protocol):
    """One connection. What it may do is uvicorn's; how long it may do nothing is said here."""

    silent: ClassVar[dict["Connection", None]] = {}
    """All connections without a request, the longest silent first."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.app = self._counted(self.app)
        self._requests, self._heard = 0, False
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room, and wait for the first request."""
        super().connection_made(transport)
        while len(self.connections) > MOST and self.silent:
            next((one for one in self.silent if not one._heard), next(iter(self.silent)))._close()
        if len(self.connections) > MOST:
            self._close()
            return
        self._wait(FIRST)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop()
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered: see that it reads at all."""
        super().pause_writing()
        self._unread = self.loop.call_later(STALLED, self._see, self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It has read enough."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _see(self, before: int) -> None:
        now = self.transport.get_write_buffer_size()
        if now > before - PROGRESS:
            self._close()
        else:
            self._unread = self.loop.call_later(STALLED, self._see, now)

    def _wait(self, seconds: float) -> None:
        """Close it, unless a request comes: a whole head of one, however its bytes drip."""
        self.silent[self] = None
        self._timer = self.loop.call_later(seconds, self._close)

    def _stop(self) -> None:
        self.silent.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._stop()
        self.connections.discard(self)
        self.transport.abort()

    def _counted(self, app: ASGIApp) -> ASGIApp:
        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            self._stop()
            self._requests, self._heard = self._requests + 1, True
            try:
                await app(scope, receive, send)
            finally:
                self._requests -= 1
                if not self._requests and not self.transport.is_closing():
                    self._wait(NEXT)

        return counted
