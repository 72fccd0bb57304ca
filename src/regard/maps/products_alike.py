"""Products of queries and keys in which each number is the same to the last bit, in whatever company it is computed.

A product of matrices is fast because it sums as it likes: the last bits of a number may depend on how many others are computed
with it. Kernels for many rows and columns sum each number in one order all the same; those for few go other ways, so few are
given zeros beside. Whether a machine's kernels do so is tried once (``are_alike``).

PyTorch has two such kernels on a CPU: that of ``mm``, and that of its compiled models (oneDNN). Which is faster differs from
processor to processor, by up to two times, so both are timed once. The other one is taken where it is faster, and where all
that it was tried on is what ``mm`` gives to the last bit: no number depends on which of them was taken.
"""

import functools
import timeit

import torch
from torch import Tensor
from torch.nn import functional

LEAST = 16
"""Rows and columns from which on sums are in one order: measured with MKL from 13 and 3, up to 576 numbers a vector."""

ROWS, COLUMNS = 512, 4096
"""How many are tried together: what is read at a time (``key_chunks.py``)."""

PARTS = (((0, 16), (0, 16)), ((3, 20), (5, 1100)), ((130, 194), (2049, 2082)), ((16, 512), (17, 33)), ((0, 257), (64, 4096)))
"""Rows and columns of the products that are compared with those of all."""

TIMED = slice(0, 256), slice(0, 1024)
"""Rows and columns of the product that is timed: a block of a short map."""

CLEARLY = 0.9
"""The other kernel is taken where it needs no more than this share of the time of ``mm``."""


def product(query: Tensor, key: Tensor, out: Tensor | None = None) -> Tensor:
    """(queries, dim) times (keys, dim), (queries, keys), by the faster kernel: the numbers are those of ``mm``.

    Args:
        query: float32 or float64.
        key: of the same type.
        out: where the result stands, if it is given; it costs a copy where the faster kernel cannot write there.
    """
    plain = query.dtype == torch.float32 and query.device.type == "cpu" and min(len(query), len(key)) >= LEAST
    if plain and _linear_is_better(query.shape[1], torch.get_num_threads()):
        return _linear(query, key) if out is None else _linear_into(out, query, key)
    out = query.new_empty(len(query), len(key)) if out is None else out
    return torch.mm(query, key.T, out=out)  # out= also keeps autocast away, where the model runs in half precision


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
    with torch.inference_mode(False), torch.no_grad():
        query, key, whole = _example(device, dim)
        for (top, bottom), (left, right) in PARTS:
            part, expected = products_alike(query[top:bottom], key[left:right]), whole[top:bottom, left:right]
            together = products_alike(query[None, top:bottom].repeat(3, 1, 1), key[None, left:right].repeat(3, 1, 1))
            if not (torch.equal(part, expected) and torch.equal(together[1], expected)):
                return False
    return True


@functools.cache
def _linear_is_better(dim: int, _threads: int) -> bool:
    """Whether oneDNN's product is here, gives the numbers that ``mm`` gives, and is faster."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise") or not torch.backends.mkldnn.is_available():
        return False
    with torch.inference_mode(False), torch.no_grad():
        query, key, whole = _example(torch.device("cpu"), dim)
        try:
            parts = [(_linear(query, key), whole)]
            for rows, columns in ((slice(*top), slice(*left)) for top, left in PARTS):
                parts.append((_linear(query[rows], key[columns]), whole[rows, columns]))
        except RuntimeError:  # the operation is PyTorch's own, and may ask for something else one day
            return False
        if not all(torch.equal(made, expected) for made, expected in parts):
            return False
        query, key = query[TIMED[0]], key[TIMED[1]]
        linear = min(timeit.repeat(lambda: _linear(query, key), number=1, repeat=5))
        plain = min(timeit.repeat(lambda: torch.mm(query, key.T), number=1, repeat=5))
    return linear <= CLEARLY * plain


def _linear_into(out: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """So many columns at a time, by way of memory of one size.

    A causal pass asks for a wider product at each block, and what was freed of the narrower ones has no room for it: at 32,768
    tokens the heap grew by two gibibytes.
    """
    starts = range(0, max(1, len(key) - LEAST), COLUMNS)  # none has fewer columns than LEAST
    for start, stop in zip(starts, [*starts[1:], len(key)], strict=True):
        out[:, start:stop].copy_(_linear(query, key[start:stop]))
    return out


def _linear(query: Tensor, key: Tensor) -> Tensor:
    """The keys of a head lie between those of others as models make them; of such oneDNN takes a thousand times as long."""
    made: Tensor = torch.ops.mkldnn._linear_pointwise(query.contiguous(), key.contiguous(), None, "none", [], "")
    return made


def _example(device: torch.device, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and their product by ``mm``: the same each time."""
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(n, dim, generator=generator).to(device) for n in (ROWS, COLUMNS))
    return query, key, torch.mm(query, key.T, out=query.new_empty(ROWS, COLUMNS))
