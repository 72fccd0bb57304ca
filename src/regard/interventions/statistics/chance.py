"""Chance that follows from what it is about: a prompt has its sign, weight and half in any order, process and machine."""

import hashlib
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Keys: TypeAlias = NDArray[np.uint64]
Floats: TypeAlias = NDArray[np.float64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_BITS = 64


def keys_of(names: Iterable[str], seed: int) -> Keys:
    """A number of 64 bits for each name.

    Example:
        >>> keys_of(["a", "b"], seed=0) == keys_of(["a", "a"], seed=0)
        array([ True, False])
    """
    digests = (hashlib.blake2b(f"{seed}\0{name}".encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in names)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def numbers(keys: Keys, replicates: range) -> Keys:
    """SplitMix64 (Steele, Lea & Flood 2014) from each key, (replicates, keys): even over 64 bits."""
    with np.errstate(over="ignore"):
        steps = (np.arange(replicates.start, replicates.stop, dtype=np.uint64) + np.uint64(1)) * _STEP
        z = keys[None, :] + steps[:, None]
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        found: Keys = z ^ (z >> np.uint64(31))
    return found


def signs(keys: Keys, replicates: range) -> Floats:
    """1 or −1 with equal chance, (replicates, keys)."""
    words = range(replicates.start // _BITS, -(-replicates.stop // _BITS))
    bits = np.arange(_BITS, dtype=np.uint64)
    found = (numbers(keys, words)[:, None, :] >> bits[None, :, None]) & np.uint64(1)
    start = replicates.start - words.start * _BITS
    return 2.0 * found.reshape(-1, len(keys))[start : start + len(replicates)].astype(np.float64) - 1


def poisson(keys: Keys, replicates: range) -> Floats:
    """How often a unit is in a resample, (replicates, keys): Poisson with mean 1, whatever other units there are."""
    return np.searchsorted(_POISSON, numbers(keys, replicates), side="right").astype(np.float64)


def _poisson_ends() -> Keys:
    """The numbers of 64 bits at which the count goes up by one: 2⁶⁴ · P(count ≤ k), as far as it is below 2⁶⁴."""
    ends, chance, below = [], np.exp(np.longdouble(-1)), np.longdouble(0)
    for count in range(1, 20):
        below += chance
        chance /= count
        ends.append(min(int(below * np.longdouble(2**_BITS)), 2**_BITS - 1))
    return np.array(sorted(set(ends)), dtype=np.uint64)


_POISSON = _poisson_ends()


def halves(keys: Keys) -> NDArray[np.bool_]:
    """Whether a unit is in the first half."""
    first: NDArray[np.bool_] = (numbers(~keys, range(1))[0] & np.uint64(1)) == 0  # of other keys than signs and weights
    return first
