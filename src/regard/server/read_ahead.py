"""What a server does between questions: it computes the denominators that the next question will need.

A region of a long map costs the denominators of its rows, over all keys, and then little more. They are kept once they are
known: four bytes a row and head.
"""

import asyncio
from collections.abc import Callable

from regard.server.worker import BusyError, Worker
from regard.viewer.document.document import Document

QUIET = 0.4
"""Seconds without a question before each step: who pans asks more often, and of several clients one always asks."""

STEP_WORK = 5 * 10**8
"""Multiply-adds at a time, about ten milliseconds: as long as a question may have to wait for it."""

LONG = 4096
"""Keys of a row from which this is worth while."""


class Preparation:
    """Goes through the rows of a document: first those of the head that is looked at, then those of the map's other heads.

    Args:
        document: what is looked at.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self._rows: dict[tuple[int, int], int] = {}  # known from the first on, by map and head

    def step(self) -> bool:
        """Compute some rows; whether there was anything to do."""
        if self.document.looked_at is None:
            return False
        number, looked = self.document.looked_at
        amap = self.document.maps[number].amap
        _, heads, queries, keys = amap.shape
        factors = amap.view.whole_factors
        if keys < LONG or factors is None:
            return False
        for head in (looked, *(one for one in range(heads) if one != looked)):
            start = self._rows.get((number, head), 0)
            if start < queries:
                rows = max(1, STEP_WORK // (keys * factors.query.shape[-1]))
                amap.select(heads=head, queries=slice(start, start + rows)).logsumexp()
                self._rows[number, head] = start + rows
                return True
        return False


async def read_ahead(worker: Worker, looked_at: Callable[[], Document | None]) -> None:
    """Between questions, a step on the document of the last one; until it is cancelled."""
    preparation: Preparation | None = None

    async def here() -> bool:
        return False

    while True:
        await asyncio.sleep(QUIET / 4)
        document = looked_at()
        if document is None:
            continue
        if preparation is None or preparation.document is not document:
            preparation = Preparation(document)
        while worker.quiet(QUIET) and looked_at() is document:
            try:
                if not await worker.run(preparation.step, here, unasked=True):
                    break
            except BusyError:
                break
            await asyncio.sleep(0)  # questions that have come meanwhile go first
