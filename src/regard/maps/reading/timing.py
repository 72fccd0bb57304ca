"""How long a pass over many blocks will take, and its progress bar."""

import time
from collections.abc import Callable, Iterable, Iterator

import torch

from regard.amounts import duration_text
from regard.maps.reading.parts import Block, PooledRows, Rows
from regard.progress import bar

LONG_PASS = 2**33
"""Weights of a pass whose time is predicted before it starts: some seconds."""

SAMPLES = 9
"""Blocks that are read to predict it."""

Reading = Callable[[Block], Iterator[Rows | PooledRows]]
"""How a block becomes rows."""


def with_progress(blocks: list[Block], what: str | None, weights: int, read: Reading) -> Iterable[Block]:
    """The blocks one after another, behind a progress bar named ``what``, if this is not None.

    A pass over many weights says first how long it will take.
    """
    if what is None:
        return blocks
    if weights >= LONG_PASS:
        what = f"{what}, about {duration_text(predicted_seconds(blocks, read))}"
    return bar(blocks, desc=what, unit="block", delay=1, leave=False)


def predicted_seconds(blocks: list[Block], read: Reading) -> float:
    """Seconds for all blocks, from some of the first head: those in the middle of equal stretches, as masks make rows unequal.

    One head, because what is done once for each (its keys leave the disk, and are cast) is little beside all of its rows.
    """
    if not blocks:
        return 0.0
    alike = [block for block in blocks if block[:2] == blocks[0][:2]]
    middles = [alike[(2 * at + 1) * len(alike) // (2 * SAMPLES)] for at in range(SAMPLES)]
    seconds = []
    with torch.no_grad():
        for block in [middles[-1], *middles]:
            start = time.perf_counter()
            for rows in read(block):  # the sum is what any statistic does; on a GPU it also waits for the work to be done
                (rows.weights if isinstance(rows, Rows) else rows.cells[0]).sum(-2).cpu()
            seconds.append(time.perf_counter() - start)
    return len(blocks) * sum(seconds[1:]) / SAMPLES  # the first one also made the memory that the others use again
