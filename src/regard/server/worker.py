"""One thing at a time is computed, quick ones first; a bounded number waits, and nothing is computed for who is gone."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")

PATIENCE = 0.2  # seconds between looks whether the client is still there

OVERTAKEN = 16
"""Quick questions in a row that go before others which came earlier: then one of these has its turn."""


class BusyError(Exception):
    """More questions wait than the server keeps."""


class Worker:
    """Runs functions on one thread, torch itself using all cores for each of them: quick ones first, else as they come.

    Args:
        waiting: questions that may wait; more are refused after a moment, in which those who left make room, instead of late.
    """

    def __init__(self, waiting: int = 64) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="regard")
        self._free = True
        self._turns: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}  # by whether they are quick
        self._overtaken = 0
        self._waiting = waiting
        self._count = 0
        self._asked = 0.0  # when a question last came or was answered

    async def run(
        self,
        function: Callable[[], Answer],
        gone: Callable[[], Awaitable[bool]],
        *,
        quick: bool = False,
        unasked: bool = False,
    ) -> Answer | None:
        """What the function returns; None where the client was gone before its turn came.

        Args:
            function: computes it.
            gone: whether the client has left.
            quick: whether it is soon done, and goes before what is not.
            unasked: whether it is no question, but work between them.

        Raises:
            BusyError: too many wait already.
        """
        if self._count >= self._waiting:
            await asyncio.sleep(2 * PATIENCE)  # by then each that waits was asked whether its client is still there
        if self._count >= self._waiting:
            raise BusyError
        self._count += 1
        self._asked = self._asked if unasked else time.monotonic()
        try:
            async with self._my_turn(gone, quick) as here:
                if not here:
                    return None
                return await asyncio.get_running_loop().run_in_executor(self._pool, function)
        finally:
            self._count -= 1
            self._asked = self._asked if unasked else time.monotonic()

    @contextlib.asynccontextmanager
    async def _my_turn(self, gone: Callable[[], Awaitable[bool]], quick: bool) -> AsyncIterator[bool]:
        turn = asyncio.get_running_loop().create_future()
        self._turns[quick].append(turn)
        self._next()
        try:
            while not turn.done():
                await asyncio.wait([turn], timeout=PATIENCE)
                if not turn.done() and await gone():
                    break
            here = turn.done() and not await gone()
            yield here
        finally:
            if turn.done():
                self._free = True
                self._next()
            else:
                self._turns[quick].remove(turn)

    def _next(self) -> None:
        """Give the turn to whoever comes next, if nobody has it."""
        quick, others = self._turns[True], self._turns[False]
        if not self._free or not (quick or others):
            return
        first = bool(quick) and (not others or self._overtaken < OVERTAKEN)
        self._overtaken = self._overtaken + 1 if first and others else 0
        self._free = False
        self._turns[first].popleft().set_result(None)

    def quiet(self, seconds: float) -> bool:
        """Whether nothing is computed, nothing waits, and nobody has asked anything for so long."""
        return self._count == 0 and time.monotonic() - self._asked >= seconds

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
