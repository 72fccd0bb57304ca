"""How all tests run: one thread each, as two of them run beside each other, and the long ones first."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the programs that tests start, too

import pytest
import torch

torch.set_num_threads(1)

LONGEST = ("slow", "browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests come first: what is begun last should be short, as the other workers wait for it."""

    def rank(item: pytest.Item) -> int:
        return min((at for at, name in enumerate(LONGEST) if item.get_closest_marker(name)), default=len(LONGEST))

    first: dict[object, int] = {}
    for item in items:
        first[item.path] = min(rank(item), first.get(item.path, len(LONGEST)))
    items.sort(key=lambda item: first[item.path])  # which keeps the order of the rest
