"""Every kind of map, each with what it must equal: a kind is one line."""

import functools
import math

import torch

from regard import AttentionMap
from support.lazy_map_suite import IndexAlgebra, LazyMapSuite
from witnesses.attention import dense_attention

BATCH, HEADS, QUERIES, KEYS, DIM = 2, 3, 5, 7, 11


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def factors(heads=HEADS, kv_heads=None, queries=QUERIES, keys=KEYS, dtype=torch.float32):
    kv_heads = heads if kv_heads is None else kv_heads
    return (
        normal(BATCH, heads, queries, DIM, seed=1, dtype=dtype),
        normal(BATCH, kv_heads, keys, DIM, seed=2, dtype=dtype),
    )


BOOL_MASK = normal(BATCH, 1, QUERIES, KEYS, seed=3) > 0
BOOL_MASK[1, :, 2] = False  # a row that sees nothing
PADDING = torch.tensor([[1, 1, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 1]], dtype=torch.bool)
FLOAT_MASK = normal(HEADS, 1, KEYS, seed=4).masked_fill(normal(HEADS, 1, KEYS, seed=5) > 0.8, -math.inf)
BIAS = normal(HEADS, QUERIES, KEYS, seed=6)
SINKS = normal(HEADS, seed=7)


class OfFactors(LazyMapSuite):
    """A map of queries and keys, against loops over Python numbers: a subclass names its sizes and options."""

    def __init_subclass__(cls, tolerance=1e-6, sizes=None, **options):
        cls.tolerance, cls.sizes, cls.options = tolerance, sizes or {}, options

    def make_map(self):
        return AttentionMap(*factors(**self.sizes), **self.options)

    @classmethod
    @functools.cache
    def truth(cls):
        query, key = factors(**cls.sizes)
        return dense_attention(query, key, key, **cls.options)

    def dense_map(self):
        return self.truth().weights

    def dense_logsumexp(self):
        return self.truth().logsumexp


class Plain(OfFactors):
    pass


class Causal(OfFactors, sizes={"queries": 7}, causal=True):
    pass


class CausalWithFewerQueriesThanKeys(OfFactors, causal=True):
    pass


class CausalWithMoreQueriesThanKeys(OfFactors, sizes={"queries": 13}, causal=True):
    """The first rows see nothing."""


class Window(OfFactors, sizes={"queries": 7}, window=3):
    pass


class CausalWindowWithFewerQueriesThanKeys(OfFactors, causal=True, window=2):
    pass


class BoolMask(OfFactors, mask=BOOL_MASK):
    pass


class Padding(OfFactors, mask=PADDING[:, None, None], causal=True):
    pass


class FloatMask(OfFactors, mask=FLOAT_MASK):
    pass


class Bias(OfFactors, bias=BIAS):
    pass


class BiasAndFloatMask(OfFactors, bias=BIAS, mask=FLOAT_MASK):
    pass


class Scale(OfFactors, scale=0.3):
    pass


class Softcap(OfFactors, softcap=0.7):
    pass


class Sinks(OfFactors, sinks=SINKS):
    pass


class EverythingAtOnce(
    IndexAlgebra, OfFactors, mask=BOOL_MASK, causal=True, window=5, scale=0.4, bias=BIAS, softcap=1.3, sinks=SINKS
):
    pass


class GroupedHeads(OfFactors, sizes={"heads": 6, "kv_heads": 2}):
    pass


class MultiQuery(OfFactors, sizes={"kv_heads": 1}, causal=True):
    pass


class HalfPrecision(
    OfFactors, sizes={"dtype": torch.bfloat16}, bias=BIAS.bfloat16(), mask=FLOAT_MASK.bfloat16(), sinks=SINKS.bfloat16()
):
    """The sum of mask and bias in bfloat16 would be off by 1e-2."""


class Float64(OfFactors, sizes={"dtype": torch.float64}, tolerance=1e-14, bias=BIAS, causal=True):
    def test_stays_float64(self):
        amap = self.make_map()
        kinds = {x.dtype for x in (amap.dense(), amap.received(), amap.entropy(), amap.logsumexp(), amap[0, 0, 0])}
        assert kinds == {torch.float64}


class Dense(LazyMapSuite):
    def make_map(self):
        return AttentionMap.from_dense(self.dense_map().float())

    def dense_map(self):
        return normal(BATCH, HEADS, QUERIES, KEYS, dtype=torch.float64).softmax(-1)

    def dense_logsumexp(self):
        return None


class DenseSigned(IndexAlgebra, LazyMapSuite):
    """Effective weights, as of linear attention: signed, and in one head nowhere above 0."""

    def dense_map(self):
        weights = normal(BATCH, HEADS, QUERIES, KEYS, seed=1).double().float().double()
        weights[:, 0] = -weights[:, 0].abs()
        return weights

    def make_map(self):
        return AttentionMap.from_dense(self.dense_map().float())

    def dense_logsumexp(self):
        return None


class DenseHalf(Dense):
    def make_map(self):
        return AttentionMap.from_dense(self.dense_map().bfloat16())

    def dense_map(self):
        return super().dense_map().bfloat16().double()


KINDS = [kind for kind in list(vars().values()) if isinstance(kind, type) and issubclass(kind, LazyMapSuite)]
KINDS = [kind for kind in KINDS if kind not in (LazyMapSuite, OfFactors)]
"""All kinds of maps that the suite runs over."""
