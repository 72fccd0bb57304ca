"""One thing at a time is computed, a bounded number waits, and for clients that are gone nothing is computed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")

PATIENCE = 0.2  # seconds between looks whether the client is still there


class BusyError(Exception):
    """More questions wait than the server keeps."""


class Worker:
    """Runs functions on one thread in the order in which they come: torch itself uses all cores for each of them.

    Args:
        waiting: questions that may wait; more are refused at once instead of late.
    """

    def __init__(self, waiting: int = 64) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="regard")
        self._turn = asyncio.Lock()
        self._waiting = waiting
        self._count = 0

    async def run(self, function: Callable[[], Answer], gone: Callable[[], Awaitable[bool]]) -> Answer | None:
        """What the function returns; None where the client was gone before its turn came.

        Raises:
            BusyError: too many wait already.
        """
        if self._count >= self._waiting:
            raise BusyError
        self._count += 1
        try:
            async with self._my_turn(gone) as here:
                if not here:
                    return None
                return await asyncio.get_running_loop().run_in_executor(self._pool, function)
        finally:
            self._count -= 1

    @contextlib.asynccontextmanager
    async def _my_turn(self, gone: Callable[[], Awaitable[bool]]) -> AsyncIterator[bool]:
        turn = asyncio.ensure_future(self._turn.acquire())
        try:
            while not turn.done():
                await asyncio.wait([turn], timeout=PATIENCE)
                if not turn.done() and await gone():
                    break
            here = turn.done() and not await gone()
            yield here
        finally:
            if turn.done() and not turn.cancelled():
                self._turn.release()
            else:
                turn.cancel()

    @property
    def idle(self) -> bool:
        """Whether nothing is computed, and nothing waits."""
        return self._count == 0

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
