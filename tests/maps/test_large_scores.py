"""Scores of any size: rows sum to 1 however they are read, and weights are those of the float64 softmax of the same factors."""

import math
import threading

import pytest
import torch
from torch.testing import assert_close

from regard import AttentionMap
from regard.errors import ScoreError
from regard.maps import key_norms, view
from regard.maps import products_alike as products
from regard.maps.key_norms import KeyNorms
from regard.maps.products_alike import LEAST, are_alike, products_alike, products_in_order
from regard.maps.reading.rounding import FAR, FINE, rounding, sizes

HEADS, QUERIES, KEYS, DIM = 4, 11, 13, 17
SINKS = torch.tensor([0.5, 3.0, -2.0, 40.0])
OPTIONS = {
    "plain": {},
    "causal": {"causal": True},
    "bias": {"bias": torch.linspace(-900, 1100, QUERIES * KEYS).view(1, 1, QUERIES, KEYS)},
    "softcap": {"softcap": 50.0},
    "sinks": {"sinks": SINKS},
}


def more(size):
    return pytest.param(size, marks=pytest.mark.exhaustive)


def vectors(size, *, offset=0.0, dtype=torch.float32, seed=1, scale=DIM**-0.5):
    """Queries and grouped keys whose largest |score| is about ``size``; ``offset`` is the share of all keys."""
    generator = torch.Generator().manual_seed(seed)
    query, key = (torch.randn(1, heads, n, DIM, generator=generator) for heads, n in ((HEADS, QUERIES), (2, KEYS)))
    if offset:
        common = torch.randn(DIM, generator=generator)
        query, key = query * (1 - offset) + common * 3, key * (1 - offset) + common * 3
    largest = (query @ key.repeat_interleave(2, 1).mT * scale).abs().max()
    each = (size / largest) ** 0.5
    return (query * each).to(dtype), (key * each).to(dtype)


def truth(query, key, *, causal=False, bias=None, softcap=None, sinks=None):
    """The float64 softmax of the factors, and the logarithm of its denominators."""
    scores = query.double() @ key.double().repeat_interleave(2, 1).mT * query.shape[3] ** -0.5
    scores = scores if softcap is None else softcap * torch.tanh(scores / softcap)
    scores = scores if bias is None else scores + bias
    if causal:
        hidden = torch.ones(scores.shape[2:], dtype=torch.bool).triu(1 + KEYS - QUERIES)
        scores = scores.masked_fill(hidden, -math.inf)
    if sinks is not None:
        scores = torch.cat([scores, sinks.double().view(1, -1, 1, 1).expand(*scores.shape[:3], 1)], -1)
    return scores.softmax(-1)[..., :KEYS], scores.logsumexp(-1)


def in_tiles(amap):
    """The map from tiles of two sizes, whose rows were known before or not."""
    made = torch.zeros(amap.shape)
    for rows, cols in ((slice(0, 4), 5), (slice(4, None), 8)):
        for left in range(0, KEYS, cols):
            made[:, :, rows, left : left + cols] = amap[:, :, rows, left : left + cols]
    return made


def in_rows(amap):
    return torch.stack([amap[:, :, row] for row in range(QUERIES)], 2)


def in_weights(amap):
    """One row weight by weight, the others row by row."""
    made = in_rows(amap)
    made[0, 2, 7] = torch.stack([amap[0, 2, 7, column] for column in range(KEYS)])
    return made


READS = {"dense": AttentionMap.dense, "tiles": in_tiles, "weights": in_weights}
BEFORE = {
    "nothing": lambda _: None,
    "entropy": AttentionMap.entropy,
    "logsumexp": AttentionMap.logsumexp,
    "pool": lambda amap: amap.pool(3, 5),
    "a tile": lambda amap: amap[0, 1:3, 3:8, 5:9],
}


@pytest.fixture(params=[False, True], ids=["short", "long"], autouse=True)
def long_rows(request, monkeypatch):
    """Rows as they are, or each counted as long, in chunks of few keys."""
    if request.param:
        monkeypatch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1)
        for name, size in (("ROWS", 8), ("KEYS", 5), ("APART", 4)):
            monkeypatch.setattr(f"regard.maps.reading.key_chunks.{name}", size)
        for name in ("POOLED_ROW", "POOLED_CELL"):
            monkeypatch.setattr(view, name, 1)
    return request.param


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("offset", [0.0, 0.9, 0.999], ids=["apart", "together", "nearly one"])
@pytest.mark.parametrize("size", [more(3.0), 30.0, more(300.0), 1800.0, 1e4])
def test_weights_are_those_of_float64(size, offset, dtype):
    query, key = vectors(size, offset=offset, dtype=dtype)
    weights, logsumexp = truth(query, key)
    for read in READS.values():
        assert_close(read(AttentionMap(query, key)).double(), weights, rtol=0, atol=1e-5)
    amap = AttentionMap(query, key)
    found = amap.summary(pool=(3, 5), topk=4)
    assert_close(found.received.double(), weights.sum(2), rtol=0, atol=1e-5)
    assert_close(found.entropy.double(), torch.special.entr(weights).sum(3), rtol=0, atol=5e-5)
    assert_close(found.topk.values.double(), weights.topk(4).values, rtol=0, atol=1e-5)
    assert_close(amap.pool(3, 5), found.pool, rtol=0, atol=1e-6)
    assert_close(amap.logsumexp().double(), logsumexp, rtol=1e-6, atol=1e-6)
    values = torch.randn(KEYS, 3, generator=torch.Generator().manual_seed(5))
    assert_close((amap @ values).double(), weights @ values.double(), rtol=0, atol=5e-5)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("size", [40.0, 1e4])
def test_weights_of_every_kind_are_those_of_float64(size, name):
    query, key = vectors(size, offset=0.9)
    weights, logsumexp = truth(query, key, **OPTIONS[name])
    for read in READS.values():
        assert_close(read(AttentionMap(query, key, **OPTIONS[name])).double(), weights, rtol=0, atol=1e-5)
    amap = AttentionMap(query, key, **OPTIONS[name])
    assert_close(amap.received().double(), weights.sum(2), rtol=0, atol=1e-5)
    assert_close(amap.pool(QUERIES, KEYS).double(), weights, rtol=0, atol=1e-5)
    assert_close(amap.logsumexp().double(), logsumexp, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("size", [5.0, more(150.0), 1e4, more(1e7), more(1e9), more(1e15), 1e30])  # one for each rounding
def test_rows_sum_to_one_whatever_was_read_before(size, dtype):
    for offset in (0.0, 0.99):
        query, key = vectors(size, offset=offset, dtype=dtype)
        for before in BEFORE.values():
            for read in READS.values():
                amap = AttentionMap(query, key, causal=offset == 0)
                before(amap)
                sums = read(amap).sum(-1, dtype=torch.float64)
                assert_close(sums, torch.ones_like(sums), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [1e12, 1e30])
def test_keys_that_tie_share_the_row(size):
    query, key = vectors(size)
    key[:, :, 7] = key[:, :, 12]  # far beyond any difference: one key has the row, or two have half of it each
    amap = AttentionMap(query, key)
    expected = truth(query, key)[0]
    for read in READS.values():
        assert_close(read(amap).double(), expected, rtol=0, atol=1e-6)
    assert_close(amap.entropy().double(), torch.special.entr(expected).sum(3), rtol=0, atol=1e-6)
    assert_close(amap.pool(QUERIES, KEYS).double(), expected, rtol=0, atol=1e-6)
    assert 0.5 in expected


def test_a_row_that_an_added_mask_hides_sees_nothing():
    """Masks are often added as the least number of their type."""
    query, key = vectors(9.0)
    bias = torch.zeros(1, 1, QUERIES, KEYS)
    bias[..., 9:] = bias[:, :, 3] = torch.finfo(torch.float32).min
    hidden = torch.zeros(1, 1, QUERIES, KEYS).masked_fill(bias < 0, -math.inf)
    amap, expected = AttentionMap(query, key, bias=bias), AttentionMap(query, key, bias=hidden)
    for read in (*READS.values(), AttentionMap.received, AttentionMap.entropy, AttentionMap.logsumexp):
        assert_close(read(amap), read(expected))
    assert amap.summary().masked_rows.tolist() == [[1] * HEADS]


def test_scores_beyond_float32_are_named():
    query, key = vectors(1.0)
    query[0, 2, 5], key[0, 1, 11] = 1e20, 1e20
    amap = AttentionMap(query, key)
    for read in (AttentionMap.dense, AttentionMap.received, AttentionMap.logsumexp, lambda amap: amap[0, 2, 3:7, 2:4]):
        with pytest.raises(ScoreError, match="got inf at batch 0, head 2, query 5, key 11"):
            read(amap)


def test_one_head_of_large_scores_leaves_the_others_as_they_are():
    query, key = vectors(4.0)
    alone = AttentionMap(query, key).dense()
    loud = query.clone()
    loud[:, 1] *= 1e4
    dense = AttentionMap(loud, key).dense()
    assert_close(dense[:, [0, 2, 3]], alone[:, [0, 2, 3]])
    assert_close(dense.double(), truth(loud, key)[0], rtol=0, atol=1e-5)


# -- what is computed how


def test_ordinary_scores_stay_in_float32_and_offsets_are_taken_out():
    def of(size, offset=0.0, **options):
        query, key = vectors(size, offset=offset)
        return rounding(AttentionMap(query, key, **options).factors, 0, 1, range(QUERIES), whole=True)

    assert of(20.0) == (torch.float32, None, False)
    taken = of(1000.0, offset=0.995)
    assert (taken.dtype, taken.mean.shape) == (torch.float32, (DIM,))
    for options in ({"softcap": 30.0}, {"sinks": SINKS}):  # neither forgets what all scores of a row share
        assert of(1000.0, offset=0.995, **options) == (torch.float64, None, False)
    assert of(1000.0) == (torch.float64, None, False)
    assert of(1e12) == (torch.float64, None, True)


def test_parts_of_rows_are_in_float32_where_scores_are_ordinary():
    def of(size, offset=0.0, **options):
        query, key = vectors(size, offset=offset)
        query[:, 1, 4:] /= 50  # all rows of a head are computed in one way, and one is enough
        return rounding(AttentionMap(query, key, **options).factors, 0, 1, range(4, 7), whole=False)

    if not are_alike(torch.device("cpu"), DIM):
        pytest.skip("this machine's products depend on their company: parts of rows are in double precision")
    assert of(20.0) == (torch.float32, None, True)
    taken = of(1000.0, offset=0.995)
    assert (taken.dtype, taken.mean.shape, taken.alike) == (torch.float32, (DIM,), True)
    assert of(1000.0) == (torch.float64, None, False)
    assert of(20.0, bias=torch.full((1, 1, QUERIES, KEYS), 900.0)) == (torch.float64, None, False)


def test_a_machine_whose_products_depend_on_their_company_computes_parts_in_double_precision(monkeypatch):
    monkeypatch.setattr("regard.maps.reading.rounding.are_alike", lambda *_: False)
    query, key = vectors(20.0)
    assert rounding(AttentionMap(query, key).factors, 0, 1, range(3), whole=False) == (torch.float64, None, False)


@pytest.mark.parametrize("dim", [1, 17, 64, 80, more(256)])
def test_scores_are_alike_in_any_company(dim):
    if not are_alike(torch.device("cpu"), dim):
        pytest.skip("not on this machine")
    generator = torch.Generator().manual_seed(1)
    query, key = torch.randn(1, 1, 61, dim, generator=generator), torch.randn(1, 1, 503, dim, generator=generator)
    whole = products_alike(query, key)
    assert_close(whole, query @ key.mT)
    assert torch.equal(whole[0, 0], query[0, 0] @ key[0, 0].T), "as products into memory that is there"
    places = (slice(3, 4), slice(5, 6)), (slice(0, 1), slice(None)), (slice(7, 31), slice(2, 3)), (slice(9, 60), slice(11, 77))
    for rows, columns in places:
        assert torch.equal(products_alike(query[:, :, rows], key[:, :, columns]), whole[:, :, rows, columns])
    assert LEAST < 61


@pytest.fixture
def either_kernel():
    """The choice of a kernel is made anew, here and afterwards."""
    products._linear_is_better.cache_clear()
    yield
    products._linear_is_better.cache_clear()


@pytest.mark.usefixtures("either_kernel")
@pytest.mark.parametrize("clearly", [0.0, math.inf], ids=["mm", "the other if it is there"])
def test_no_number_depends_on_the_kernel_of_products(clearly, monkeypatch):
    monkeypatch.setattr(products, "CLEARLY", clearly)
    for rows, columns, dim in ((2, 30, 64), (16, 16, 64), (61, 503, 64), (200, 17, 80), (31, 40, 17)):
        query, key = torch.randn(rows, dim), torch.randn(columns, dim)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found, written = products.product(query, key), products.product(query, key, out=torch.empty(rows, columns))
        assert torch.equal(found, torch.mm(query, key.T, out=torch.empty(rows, columns)))
        assert torch.equal(written, found)
    assert not products._linear_is_better(64, torch.get_num_threads()) or clearly


@pytest.mark.usefixtures("either_kernel")
@pytest.mark.parametrize("wrong", ["other numbers", "no such operation", "other arguments"])
def test_a_kernel_that_is_not_as_it_was_is_left_alone(wrong, monkeypatch):
    def refuse(*_):
        raise RuntimeError("expected at most 7 arguments")

    given = {"other numbers": lambda query, key: query @ key.T + 1e-6, "other arguments": refuse}
    monkeypatch.setattr(products, "CLEARLY", math.inf)
    if wrong == "no such operation":
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    else:
        monkeypatch.setattr(products, "_linear", given[wrong])
    assert not products._linear_is_better(64, torch.get_num_threads())


@pytest.mark.skipif(not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="this build of PyTorch has no oneDNN")
@pytest.mark.parametrize("keys", [16, 17, 4096, 4097, 4112, 4113, 9001])
def test_the_other_kernel_is_asked_for_few_columns_at_a_time(keys, monkeypatch):
    query, key = torch.randn(20, 8), torch.randn(keys, 8)
    widths, linear = [], products._linear

    def made(query, key):
        widths.append(len(key))
        return linear(query, key)

    monkeypatch.setattr(products, "_linear", made)
    monkeypatch.setattr(products, "_linear_is_better", lambda *_: True)
    out = torch.full((20, keys), torch.nan)
    assert products.product(query, key, out=out) is out
    assert_close(out, query @ key.mT)
    assert sum(widths) == keys
    assert products.LEAST <= min(widths) <= max(widths) <= products.COLUMNS + products.LEAST


@pytest.mark.parametrize("size", [9.0, 40.0])
def test_equal_keys_round_equally_in_every_read(size):
    """Errors of the same sign add up where many keys are the same, as those of a repeated token are."""
    query, key = vectors(size)
    key[:, :, ::2] = key[:, :, :1]
    amap = AttentionMap(query, key)
    sums = in_tiles(amap).sum(-1, dtype=torch.float64)
    assert_close(sums, torch.ones_like(sums), rtol=0, atol=1e-6)


def test_long_rows_of_few_different_scores_sum_to_one(long_rows):
    """The kernel's own sum, one number after another, is off by 5e-6 here."""
    if long_rows:
        pytest.skip("they are as long as they are")
    keys = 8192
    query, key = torch.ones(1, 1, 2, 1), torch.where(torch.arange(keys) % 3 == 0, 1.37, -0.61).view(1, 1, keys, 1)
    amap = AttentionMap(query, key, scale=1.0)
    parts = torch.cat([amap[..., : keys // 2], amap[..., keys // 2 :]], -1)
    for weights in (amap.dense(), next(iter(amap.rows())).weights, parts):
        assert_close(weights.sum(-1, dtype=torch.float64), torch.ones(1, 1, 2, dtype=torch.float64), rtol=0, atol=4e-7)
    assert_close(amap.received().sum(-1, dtype=torch.float64), torch.full((1, 1), 2.0, dtype=torch.float64), rtol=0, atol=1e-6)


def test_the_bound_holds_and_is_no_larger_than_it_need_be():
    query, key = vectors(20.0)
    bias = torch.linspace(-70, 30, QUERIES).view(1, 1, QUERIES, 1)
    for options, added in (({}, 0.0), ({"bias": bias}, 70.0), ({"bias": torch.full((1, 1, 1, 1), -math.inf)}, 0.0)):
        factors = AttentionMap(query, key, **options).factors
        norms = query.norm(dim=-1).amax(2) * key.norm(dim=-1).amax(2).repeat_interleave(2, 1)
        assert_close(sizes(factors, range(1), range(HEADS), range(QUERIES)), norms + added)
    assert FINE < FAR


@pytest.mark.parametrize("together", [1, 2**20])
def test_the_norms_of_keys(together, monkeypatch):
    monkeypatch.setattr(key_norms, "TOGETHER", together)
    key = torch.randn(2, 3, 29, 5, generator=torch.Generator().manual_seed(0)) + 7
    norms, places = KeyNorms(key), (range(1, 2), (2, 0))
    chosen = key[1:2, [2, 0]]
    assert_close(norms.longest(*places, centred=False), chosen.norm(dim=-1).amax(2))
    assert_close(norms.longest(*places, centred=True), (chosen - chosen.mean(2, keepdim=True)).norm(dim=-1).amax(2))
    assert_close(norms.means(*places), chosen.mean(2))
    poisoned = key.clone()
    poisoned[1, 2, 4] = math.nan
    assert_close(KeyNorms(poisoned).longest(*places, centred=True)[0, 0], key[1, 2, torch.arange(29) != 4].norm(dim=-1).amax())
    assert torch.equal(KeyNorms(key[:, :, :0]).longest(*places, centred=True), torch.zeros(1, 2))


def test_products_in_one_order_are_the_same_in_any_company():
    query, key = (one.double() for one in vectors(1e20))
    whole = products_in_order(query[0, :2], key[0])
    assert_close(whole, query[0, :2] @ key[0].mT)
    for rows, columns in ((slice(3, 4), slice(5, 6)), (slice(0, 7), slice(2, 12))):
        assert torch.equal(products_in_order(query[0, :2, rows], key[0, :, columns]), whole[:, rows, columns])


def test_many_threads_share_one_table_of_denominators():
    """A table that a second thread made anew lost what the first one had entered: weights were NaN."""
    query, key = vectors(40.0)
    expected = truth(query, key)[0]
    for _ in range(20):
        amap, start, wrong = AttentionMap(query, key), threading.Barrier(3), []

        def read(row, amap=amap, start=start, wrong=wrong):
            start.wait()
            found = amap[0, :, row : row + 3, 3:9].double()
            if not torch.allclose(found, expected[0, :, row : row + 3, 3:9], rtol=0, atol=1e-6):
                wrong.append(row)

        threads = [threading.Thread(target=read, args=(row,)) for row in range(0, 6, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
