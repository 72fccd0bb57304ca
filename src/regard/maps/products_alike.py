"""Products of queries and keys in which each number is the same to the last bit, in whatever company it is computed.

A product of matrices is fast because it sums as it likes: the last bits of a number may depend on how many others are computed
with it. Kernels for many rows and columns sum each number in one order all the same; those for few go other ways, so few are
given zeros beside. Whether a machine's kernels do so is tried once (``are_alike``).
"""

import functools

import torch
from torch import Tensor
from torch.nn import functional

LEAST = 16
"""Rows and columns from which on sums are in one order: measured with MKL from 13 and 3, up to 576 numbers a vector."""

ROWS, COLUMNS = 512, 4096
"""How many are tried together: what is read at a time (``key_chunks.py``)."""

PARTS = (((0, 16), (0, 16)), ((3, 20), (5, 1100)), ((130, 194), (2049, 2082)), ((16, 512), (17, 33)), ((0, 257), (64, 4096)))
"""Rows and columns of the products that are compared with those of all."""


def products_alike(query: Tensor, key: Tensor) -> Tensor:
    """(…, queries, dim) times (…, keys, dim), (…, queries, keys), as numbers of a larger product are where ``are_alike``."""
    rows, columns = query.shape[-2], key.shape[-2]
    query, key = (functional.pad(one, (0, 0, 0, max(0, LEAST - one.shape[-2]))) for one in (query, key))
    with torch.autocast(query.device.type, enabled=False):  # a map may be read where the model runs in half precision
        return (query @ key.mT)[..., :rows, :columns]


def products_in_order(query: Tensor, key: Tensor) -> Tensor:
    """The same with each sum in the order of its numbers, each step rounded: alike on all machines, and slow."""
    made = query.new_zeros(*torch.broadcast_shapes(query.shape[:-2], key.shape[:-2]), query.shape[-2], key.shape[-2])
    for at in range(query.shape[-1]):
        made.add_(query[..., at, None] * key[..., None, :, at])
    return made


def are_alike(device: torch.device, dim: int) -> bool:
    """Whether float32 products of vectors of ``dim`` numbers are alike here: large ones are compared with parts of them."""
    return _tried(device, dim, torch.get_num_threads())


@functools.cache
def _tried(device: torch.device, dim: int, _threads: int) -> bool:
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode(False), torch.no_grad():
        query, key = (torch.randn(n, dim, generator=generator).to(device) for n in (ROWS, COLUMNS))
        whole = torch.mm(query, key.T, out=query.new_empty(ROWS, COLUMNS))
        for (top, bottom), (left, right) in PARTS:
            part, expected = products_alike(query[top:bottom], key[left:right]), whole[top:bottom, left:right]
            together = products_alike(query[None, top:bottom].repeat(3, 1, 1), key[None, left:right].repeat(3, 1, 1))
            if not (torch.equal(part, expected) and torch.equal(together[1], expected)):
                return False
    return True
