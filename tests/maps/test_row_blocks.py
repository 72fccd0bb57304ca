"""The paths of long rows equal the general one, run where they should, and ask masks only where their answer is open."""

import copy
import math
import re
from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close

from regard import AttentionMap, masks
from regard.errors import ScoreError
from regard.maps import view
from regard.maps.products_alike import are_alike
from regard.maps.reading import key_chunks, timing
from regard.maps.reading.key_chunks import KeyChunks
from regard.maps.reading.long_rows import LongRows
from regard.maps.reading.parts import blocks
from regard.maps.reading.pooling import cells_of, put_together
from regard.maps.reading.row_scores import RowScores
from regard.maps.statistics.strongest import largest
from regard.masks import Mask, causal, window
from regard.masks.extents import visible
from support.kinds_of_maps import KINDS, OfFactors
from support.lazy_map_suite import cells
from support.mask_rules import BATCH, HEADS, KEYS, QUERIES, RULES
from witnesses.attention import dense_attention


@pytest.fixture(params=[(1, 1), (2, 8)], ids=["single rows", "two rows of heads"])
def long_rows(request, monkeypatch):
    """Every row counts as long; blocks of few rows, of one head or of several; gives the list of what was read that way."""
    rows, all_rows = request.param
    read, whole = [], LongRows.read
    monkeypatch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1)
    monkeypatch.setattr(view, "ROWS", rows)
    monkeypatch.setattr("regard.maps.reading.parts.BLOCK_BYTES", all_rows * 11 * 8)
    monkeypatch.setattr(LongRows, "read", lambda self, *at: read.append(at) or whole(self, *at))
    return read


@pytest.fixture(params=[(1, 2), (4, 3)], ids=["chunks of 2", "chunks of 3"])
def chunks(request, monkeypatch):
    """Every row counts as long; few rows meet few keys at a time; gives the list of the rows that were read that way."""
    rows, keys = request.param
    read, whole = [], KeyChunks._read_scores
    monkeypatch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1)
    for name, size in (("ROWS", rows), ("KEYS", keys), ("APART", -(-rows // 2))):
        monkeypatch.setattr(f"regard.maps.reading.key_chunks.{name}", size)
    for name in ("POOLED_ROW", "POOLED_CELL"):
        monkeypatch.setattr(view, name, 1)
    monkeypatch.setattr(KeyChunks, "_read_scores", lambda self, scores: read.append(tuple(scores.rows)) or whole(self, scores))
    monkeypatch.setattr(LongRows, "read", lambda *_: pytest.fail("whole rows, where chunks of them are enough"))
    return read


@pytest.mark.slow
@pytest.mark.parametrize("suite", KINDS, ids=lambda suite: suite.__name__)
def test_statistics_of_long_rows(suite, long_rows):
    made = suite()
    amap, truth = made.make_map(), made.dense_map()
    _, _, queries, keys = amap.shape
    pool = (queries - 1, keys - 1)
    found = amap.summary(pool=pool, how=("mean", "max"), topk=3)
    assert bool(long_rows) == (amap.factors is not None)
    made.close(found.received, truth.sum(2), factor=queries)
    made.close(found.entropy, torch.special.entr(truth).sum(3), factor=20)
    parts = [
        [truth[:, :, top:bottom, left:right] for left, right in cells(keys, pool[1])] for top, bottom in cells(queries, pool[0])
    ]
    made.close(found.pool[0], torch.stack([torch.stack([p.mean((2, 3)) for p in row], 2) for row in parts], 2))
    made.close(found.pool[1], torch.stack([torch.stack([p.amax((2, 3)) for p in row], 2) for row in parts], 2))
    made.close(found.topk.values, truth.topk(3).values)
    made.close(found.topk.values, truth.gather(3, found.topk.keys))
    assert torch.equal(found.masked_rows, (truth.sum(3) == 0).sum(2))
    if made.dense_logsumexp() is not None:
        made.close(amap.logsumexp(), made.dense_logsumexp(), factor=10)
    made.close(amap.dense(), truth)


@pytest.mark.parametrize("suite", KINDS, ids=lambda suite: suite.__name__)
def test_products_of_long_rows(suite, long_rows):
    made = suite()
    amap, truth = made.make_map(), made.dense_map()
    narrow, part = amap.select(batch=-1, heads=[-1, 0], queries=slice(1, 4)), truth[-1:, [-1, 0], 1:4]
    values, asked = torch.arange(amap.shape[3] * 2.0).view(-1, 2) / 10, torch.arange(6.0).view(3, 2) / 5
    made.close(narrow @ values.to(amap.dtype), part @ values.double(), factor=20)
    made.close(narrow.T @ asked.to(amap.dtype), part.transpose(2, 3) @ asked.double(), factor=20)
    assert bool(long_rows) == (amap.factors is not None)


def test_a_pool_whose_cells_are_the_runs(long_rows):
    query, key = (torch.randn(1, 2, 12, 4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    amap = AttentionMap(query, key, causal=True, window=5)
    for cols in (4, 6):
        expected = amap.dense().view(1, 2, 3, 4, cols, 12 // cols).amax((3, 5))
        assert_close(amap.pool(3, cols, "max"), expected)
    assert long_rows


def test_long_rows_that_are_no_neighbours(long_rows):
    query = torch.randn(1, 2, 12, 4, generator=torch.Generator().manual_seed(0))
    truth = dense_attention(query, query, query, causal=True, window=5, sinks=torch.tensor([0.5, -1.0])).weights
    amap = AttentionMap(query, query, causal=True, window=5, sinks=torch.tensor([0.5, -1.0]))
    for rows in ([7, 3, 3, 0], slice(None, None, 5), slice(None, None, -4)):
        narrow, part = amap.select(queries=rows), truth[:, :, torch.arange(12).numpy()[rows].copy()]
        assert_close(narrow.entropy().double(), torch.special.entr(part).sum(3), rtol=0, atol=1e-5)
        assert_close(narrow.received().double(), part.sum(2), rtol=0, atol=1e-5)
    assert {row for _, _, rows in long_rows for row in rows} == {0, 3, 5, 7, 10, 11}


@pytest.mark.slow
@pytest.mark.parametrize("suite", [suite for suite in KINDS if issubclass(suite, OfFactors)], ids=lambda suite: suite.__name__)
def test_denominators_from_chunks_of_keys(suite, chunks):
    made = suite()
    truth = made.dense_logsumexp()
    made.close(made.make_map().logsumexp(), truth, factor=20)
    narrow = made.make_map().select(batch=-1, heads=[-1, 0], queries=slice(None, None, -2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made.close(narrow.logsumexp(), truth[-1:, [-1, 0]].flip(2)[:, :, ::2], factor=20)
    amap = made.make_map()
    made.close(amap.select(queries=[3, 0], keys=[1]).dense(), made.dense_map()[:, :, [3, 0], 1:2])
    count = len(chunks)
    made.close(amap.select(queries=[0, 3]).logsumexp(), truth[:, :, [0, 3]], factor=20)
    assert len(chunks) == count > 0


@pytest.mark.slow
@pytest.mark.parametrize("suite", KINDS, ids=lambda suite: suite.__name__)
def test_pools_from_chunks_of_keys(suite, chunks):
    made = suite()
    amap, truth = made.make_map(), made.dense_map()
    keys = amap.shape[3]
    views = [(amap, truth), (amap.select(batch=0, heads=[-1], queries=slice(None, 0, -2)), truth[:1, -1:].flip(2)[:, :, :-1:2])]
    for narrow, part in views:
        for rows, cols in ((1, 1), (2, keys - 1), (part.shape[2], 3), (part.shape[2], keys)):
            found = narrow.summary(received=False, entropy=False, pool=(rows, cols), how=("max", "mean"))
            grid = [
                [part[:, :, top:bottom, left:right] for left, right in cells(keys, cols)]
                for top, bottom in cells(part.shape[2], rows)
            ]
            made.close(found.pool[0], torch.stack([torch.stack([one.amax((2, 3)) for one in row], 2) for row in grid], 2))
            made.close(found.pool[1], torch.stack([torch.stack([one.mean((2, 3)) for one in row], 2) for row in grid], 2))
            assert torch.equal(narrow.pool(rows, cols), found.pool[1])
            assert torch.equal(found.masked_rows, (part.sum(3) == 0).sum(2))
    assert bool(chunks) == (amap.factors is not None)


@pytest.mark.parametrize("suite", KINDS, ids=lambda suite: suite.__name__)
def test_statistics_of_much_of_long_rows(suite, long_rows):
    made = suite()
    keys = slice(1, made.make_map().shape[3] - 1)
    amap, truth = made.make_map().select(keys=keys), made.dense_map()[..., keys]
    found = amap.summary(pool=(2, 2), how=("mean",), topk=2)
    assert bool(long_rows) == (amap.factors is not None and 2 * truth.shape[3] >= made.dense_map().shape[3])
    made.close(found.received, truth.sum(2), factor=truth.shape[2])
    made.close(found.entropy, torch.special.entr(truth).sum(3), factor=20)
    made.close(found.topk.values, truth.topk(2).values)
    made.close(found.topk.values, truth.gather(3, found.topk.keys))
    made.close(amap.received(), truth.sum(2), factor=truth.shape[2])


def test_pools_of_few_of_the_keys_take_the_general_path(chunks):
    query = torch.randn(1, 1, 5, 4)
    AttentionMap(query, query).select(keys=slice(3, None)).pool(2, 2)
    count = len(chunks)  # its denominators are those of whole rows
    AttentionMap.from_dense(torch.eye(5)).pool(2, 2)
    assert len(chunks) == count


def test_short_or_narrow_pools_are_read_as_whole_rows(monkeypatch):
    monkeypatch.setattr(KeyChunks, "_read_scores", lambda *_: pytest.fail("chunks, where whole rows are faster"))
    monkeypatch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1)
    monkeypatch.setattr(view, "POOLED_ROW", 11)
    monkeypatch.setattr(view, "POOLED_CELL", 4)
    query, key = torch.randn(1, 1, 3, 4), torch.randn(1, 1, 11, 4)
    AttentionMap(query, key).pool(2, 3)
    AttentionMap(query, key[:, :, :10]).pool(2, 2)
    AttentionMap(query, key).summary(pool=(2, 2), entropy=False)


@pytest.mark.parametrize(("value", "said"), [(math.nan, "nan"), (math.inf, "inf")])
@pytest.mark.parametrize("read", [lambda amap: amap[0, 1, 1:4, 2:5], lambda amap: amap.pool(2, 2)], ids=["tile", "pool"])
def test_scores_in_a_chunk_that_are_no_numbers_are_named(read, value, said, chunks):
    bias = torch.zeros(1, 2, 5, 11)
    bias[0, 1, 3, 9] = value
    amap = AttentionMap(torch.ones(1, 2, 5, 4), torch.ones(1, 2, 11, 4), bias=bias)
    with pytest.raises(ScoreError, match=f"got {said} at batch 0, head 1, query 3, key 9") as caught:
        read(amap)
    assert torch.is_grad_enabled(), "while the error is looked at"
    assert caught.tb
    assert chunks


def overflowing(columns):
    """Queries of zeros, but one whose scores are −∞ in these columns."""
    query, key = torch.zeros(1, 1, 5, 4), torch.zeros(1, 1, 11, 4)
    query[:, :, 2] = -1e20
    key[:, :, columns] = 1e20
    key[:, :, 6:, 0] += torch.arange(5) / 1e20
    return query, key


@pytest.mark.parametrize("columns", [slice(2, 6), slice(None)], ids=["some keys", "all keys"])
def test_scores_that_overflow_to_minus_infinity_have_no_weight(columns, long_rows):
    amap = AttentionMap(*overflowing(columns))
    truth = torch.nan_to_num(amap.factors.scores(*amap.view.ranges).double().softmax(-1))
    found = amap.summary(pool=(5, 11), how=("mean", "max"))
    for pooled in found.pool:
        assert_close(pooled.double(), truth, rtol=0, atol=1e-6)
    assert_close(found.entropy.double(), torch.special.entr(truth).sum(3), rtol=0, atol=1e-6)
    assert_close(amap.logsumexp(), amap.factors.scores(*amap.view.ranges).logsumexp(3))
    assert int(found.masked_rows) == (columns == slice(None))
    assert long_rows


@pytest.mark.parametrize("columns", [slice(2, 6), slice(None)], ids=["some chunks", "all chunks"])
def test_scores_in_chunks_that_overflow_to_minus_infinity_have_no_weight(columns, chunks):
    query, key = overflowing(columns)
    amap = AttentionMap(query, key)
    truth = torch.nan_to_num(amap.factors.scores(*amap.view.ranges).double().softmax(-1))
    assert_close(amap.pool(5, 11).double(), truth, rtol=0, atol=1e-6)
    assert_close(AttentionMap(query, key)[..., :3].double(), truth[..., :3], rtol=0, atol=1e-6)
    assert chunks


def test_a_tile_counts_its_denominators_once(chunks):
    query = torch.randn(1, 2, 12, 4, generator=torch.Generator().manual_seed(0))
    amap, truth = AttentionMap(query, query, causal=True), dense_attention(query, query, query, causal=True)
    tile = amap[0, :, 3:9, 2:5]
    assert sorted({row for rows in chunks for row in rows}) == list(range(3, 9))
    count = len(chunks)
    assert_close(tile, truth.weights[0, :, 3:9, 2:5], rtol=0, atol=1e-6, check_dtype=False)
    amap[0, :, 3:9, :2]
    assert len(chunks) == count
    assert_close(amap.logsumexp(), truth.logsumexp, rtol=0, atol=1e-5, check_dtype=False)


def test_short_rows_take_the_general_path(monkeypatch):
    monkeypatch.setattr(LongRows, "read", lambda *_: pytest.fail("a short row on the path of long ones"))
    query = torch.randn(1, 1, 5, 4)
    AttentionMap(query, query).entropy()


def test_long_rows_that_are_no_numbers_are_named(long_rows):
    query, key = torch.ones(1, 2, 5, 4), torch.ones(1, 2, 11, 4)
    key[0, 1, 7, 0] = torch.nan
    with pytest.raises(ScoreError, match="head 1, query 0, key 7"):
        AttentionMap(query, key).received()
    assert long_rows


def test_what_a_mask_hides_may_be_no_number(long_rows):
    query, key = torch.randn(1, 2, 5, 4), torch.randn(1, 2, 11, 4)
    bias = torch.zeros(1, 1, 5, 11)
    keep = torch.ones(1, 11, dtype=torch.bool)
    keep[0, [3, 10]] = False
    expected = AttentionMap(query, key, masks.padding(keep)).summary(topk=3, pool=(2, 3))
    poisoned = key.clone()
    poisoned[:, :, 3], bias[..., 10] = torch.nan, torch.inf
    found = AttentionMap(query, poisoned, masks.padding(keep), bias=bias).summary(topk=3, pool=(2, 3))
    assert_close(found.received, expected.received)
    assert_close(found.pool, expected.pool)
    assert torch.equal(found.topk.keys, expected.topk.keys)
    assert long_rows


def test_denominators_are_kept_where_they_are_those_of_other_reads(monkeypatch):
    """Of rows whose largest scores a power of two rounds too coarsely they are computed when they are asked for."""
    monkeypatch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1)
    query, key = torch.ones(1, 1, 20, 4), torch.ones(1, 1, 30, 4)
    query[:, :, 2] *= 12  # scores of 24, of 2 elsewhere
    amap = AttentionMap(query, key, bias=torch.zeros(1, 1, 20, 1).index_fill(2, torch.tensor([3]), -torch.inf))
    entropy = amap.entropy()[0, 0]
    assert_close(entropy, torch.full((20,), math.log(30)).index_fill(0, torch.tensor([3]), 0))
    if are_alike(torch.device("cpu"), 4):
        assert amap.view.source.known(*amap.view.ranges[:3])[0, 0].isnan().nonzero().tolist() == [[2]]
    assert amap.logsumexp()[0, 0, 3] == -math.inf
    sums = torch.cat([amap[0, 0, :, :7], amap[0, 0, :, 7:]], -1).sum(-1, dtype=torch.float64)
    assert_close(sums, torch.ones_like(sums).index_fill(0, torch.tensor([3]), 0), rtol=0, atol=1e-6)


def test_heads_are_read_together_where_nothing_tells_them_apart(monkeypatch):
    monkeypatch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1)
    query, key = torch.randn(1, 4, 5, 4), torch.randn(1, 2, 11, 4)
    loud = query.clone()
    loud[:, 2] *= 1e4
    apart = masks.from_tensor(torch.rand(1, 4, 5, 11) > 0.2)
    for heads, amap in (
        ([4], AttentionMap(query, key, causal=True)),
        ([1, 1, 1, 1], AttentionMap(loud, key)),
        ([1, 1, 1, 1], AttentionMap(query, key, apart)),
        ([1, 1], AttentionMap(query, key).select(heads=[3, 1])),
        ([2], AttentionMap(query, key).select(heads=slice(1, 3))),
    ):
        together = []
        for rows in amap.rows(entropy=True):
            together.append(rows.weights.shape[1])
            assert_close(rows.weights, amap[:, rows.heads, rows.queries, rows.columns], rtol=0, atol=1e-5)
            assert torch.equal(rows.blind, rows.weights.sum(3) == 0)
        assert together == heads


@pytest.mark.parametrize("shape", [(2, 3, 7, 11), (1, 3, 7, 11), (1, 1, 1, 11), (1, 1, 7, 1)])
def test_a_mask_of_truth_values_answers_for_rows_as_for_places(shape):
    seen = torch.rand(shape, generator=torch.Generator().manual_seed(0)) > 0.4
    pattern, whole = masks.from_tensor(seen).pattern, seen.expand(2, 3, 7, 11)
    b, h, rows = torch.tensor(1), torch.tensor(2), torch.tensor([5, 0, 5])
    for keys in (torch.arange(3, 9), torch.arange(11), torch.tensor([4]), torch.tensor([2, 4]), torch.tensor([3, 2])):
        found = pattern.sees(b, h, rows[:, None], keys)
        assert torch.equal(found.expand(3, len(keys)), whole[1, 2][rows][:, keys])


@pytest.mark.parametrize("keys", [5, 64, 129, 500, 512, 1021, 2048, 2500, 9001])
@pytest.mark.parametrize("k", [1, 3, 8, 17, 64, 300])
def test_the_largest_of_many_numbers(keys, k):
    generator = torch.Generator().manual_seed(keys)
    for numbers in (
        torch.randint(2**31 - 1, (7, keys), generator=generator),
        torch.randint(9, (7, keys), generator=generator),  # most are equal
        torch.zeros(7, keys, dtype=torch.int64),
        torch.arange(7 * keys).view(7, keys),
    ):
        for dtype in (torch.int32, torch.int64):
            given, few = numbers.to(dtype), min(k, keys)
            values, places = largest(given, few)
            assert torch.equal(values, given.topk(few, dim=1).values)
            assert torch.equal(given.gather(1, places), values)
            assert all(len(set(row)) == few for row in places.tolist())


@pytest.mark.parametrize("how", ["mean", "max"])
def test_neighbours_are_put_together(how):
    values = torch.randn(3, 11, 2, generator=torch.Generator().manual_seed(0))
    bounds = [0, 3, 6, 7, 9, 11, 14]
    for start in range(11):
        for stop in range(start, 12):
            cells, counts = cells_of(bounds, slice(start, stop))
            found = put_together(values[:, start:stop], counts, 1, how)
            assert found.shape[1] == cells.stop - cells.start == len(counts)
            for at, cell in enumerate(range(cells.start, cells.stop)):
                part = values[:, max(start, bounds[cell]) : min(stop, bounds[cell + 1])]
                assert_close(found[:, at], part.sum(1) if how == "mean" else part.amax(1))


@pytest.mark.parametrize("mask", [mask for mask, _ in RULES], ids=repr)
def test_what_a_mask_lets_rows_see(mask):
    dense = mask.dense(BATCH, HEADS, QUERIES, KEYS)
    for batch in range(BATCH):
        for head in range(HEADS):
            for first in range(QUERIES):
                for stop in range(first + 1, QUERIES + 1):
                    extent = visible(mask, batch, head, range(first, stop), KEYS)
                    seen = dense[batch, head, first:stop]
                    assert not seen[:, : extent.start].any()
                    assert not seen[:, extent.stop :].any()
                    assert seen[:, extent.open_start : extent.open_stop].all()


def test_only_what_is_visible_is_computed(monkeypatch):
    asked = []

    def watched(rule):
        pattern = copy.copy(rule.pattern)
        pattern.sees = lambda *at: asked.append(at[3]) or rule.pattern.sees(*at)
        return Mask.of(pattern)

    monkeypatch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1)
    monkeypatch.setattr("regard.maps.reading.parts.BLOCK_BYTES", 8 * 64 * 8)
    query = torch.randn(1, 1, 64, 4, generator=torch.Generator().manual_seed(0))
    for rule in (causal(), window(20)):
        amap = AttentionMap(query, query, watched(rule))
        widths = [rows.weights.shape[3] for rows in amap.rows()]
        assert widths == ([8, 16, 24, 32, 40, 48, 56, 64] if rule.pattern.name == "causal" else [8, 16, 24, 27, 27, 27, 27, 27])
        assert max(len(keys) for keys in asked) < 28
        asked.clear()


def test_chunks_hold_only_what_is_visible(monkeypatch):
    asked, computed = [], []
    write = RowScores.write

    def watched(rule):
        pattern = copy.copy(rule.pattern)
        pattern.sees = lambda *at: asked.append(at[2].numel() * at[3].numel()) or rule.pattern.sees(*at)
        return Mask.of(pattern)

    def counted(scores, start, keys, out, *at, **how):
        computed.append(out.numel())
        write(scores, start, keys, out, *at, **how)

    monkeypatch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1)
    for name, size in (("ROWS", 16), ("KEYS", 8), ("APART", 4)):
        monkeypatch.setattr(f"regard.maps.reading.key_chunks.{name}", size)
    monkeypatch.setattr(RowScores, "write", counted)
    query = torch.randn(1, 1, 64, 4, generator=torch.Generator().manual_seed(0))
    for rule, rows, pairs, questions in (  # the columns of each block of rows, and those that all of its rows see or none
        (causal(), slice(None), 16 * (16 + 32 + 48 + 64), 16 * 4 * 15),
        (window(20), slice(None), 16 * (16 + 32 + 2 * 35), 16 * (15 + 27 + 2 * 30)),
        (causal(), slice(15, None, 16), 4 * 64, 4 * 48),
        (window(2), slice(None, None, 2), 4 * (7 + 7 * 8), 4 * (7 + 7 * 8)),
    ):
        truth = dense_attention(query, query, query, rule.dense(1, 1, 64, 64)).weights[:, :, rows, :3]
        tile = AttentionMap(query, query, watched(rule)).select(queries=rows)[..., :3]
        assert_close(tile.double(), truth, rtol=0, atol=1e-6)
        assert (sum(computed), sum(asked)) == (pairs, questions + tile.numel())
        asked.clear(), computed.clear()


def test_blocks_fit_their_memory_and_hold_heads_where_rows_are_few():
    def sizes(*shape, most_rows=None):
        return [tuple(part.stop - part.start for part in block) for block in blocks(*shape, most_rows=most_rows)]

    assert sizes(1, 5, 300, 2**13) == [(1, 1, 256), (1, 1, 44)] * 5
    assert sizes(1, 5, 300, 2**17) == [(1, 1, 16)] * 18 + [(1, 1, 12)] + ([(1, 1, 16)] * 18 + [(1, 1, 12)]) * 4
    assert sizes(2, 20, 300, 2**9, most_rows=256) == [(1, 16, 256), (1, 16, 44), (1, 4, 256), (1, 4, 44)] * 2
    assert sizes(3, 4, 100, 2**9) == [(3, 4, 100)]


def test_a_long_pass_says_how_long_it_will_take(monkeypatch):
    said = []
    monkeypatch.setattr(timing, "LONG_PASS", 1)
    monkeypatch.setattr(timing, "bar", lambda parts, desc, **_: said.append(desc) or parts)
    query = torch.randn(1, 2, 12, 4)
    AttentionMap(query, query).received()
    assert re.fullmatch(r"reading the map, about \d+ ms", said[0])


def test_rows_read_for_a_callers_bar_have_none_of_their_own(monkeypatch):
    said = []
    monkeypatch.setattr(timing, "LONG_PASS", 1)
    monkeypatch.setattr(timing, "bar", lambda parts, desc, **_: said.append(desc) or parts)
    query = torch.randn(1, 2, 12, 4)
    amap = AttentionMap(query, query)
    read = sum(rows.weights.sum() for rows in amap.rows(progress=None))
    assert_close(read, torch.tensor(24.0))
    assert not said


def test_a_long_pool_says_how_long_it_will_take(monkeypatch, chunks):
    said = []
    monkeypatch.setattr(timing, "LONG_PASS", 1)
    monkeypatch.setattr(timing, "bar", lambda parts, desc, **_: said.append(desc) or parts)
    query = torch.randn(1, 2, 12, 4)
    AttentionMap(query, query).pool(3, 3)
    assert re.fullmatch(r"pooling the map, about \d+ ms", said[0])
    assert chunks


def test_the_prediction_of_a_pool_counts_all_blocks(monkeypatch):
    now, whole = [0.0], KeyChunks.cells
    monkeypatch.setattr("regard.maps.reading.key_chunks.ROWS", 8)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def slow(self, batch, head, rows, edges, ways):
        now[0] += 1.0 + rows.start / 8
        return whole(self, batch, head, rows, edges, ways)

    monkeypatch.setattr(KeyChunks, "cells", slow)
    query = torch.randn(1, 3, 8 * 36, 4)
    amap = AttentionMap(query, query[:, :, :12])
    seconds = amap.view.seconds(range(0, 13, 4))
    assert seconds == pytest.approx(3 * sum(1.0 + at for at in range(36)), rel=0.05)


def test_the_prediction_counts_all_blocks(monkeypatch):
    """A clock that runs one second a block: the sample tells the seconds of the whole."""
    monkeypatch.setattr("regard.maps.reading.parts.BLOCK_BYTES", 8 * 12 * 8)
    now = [0.0]
    whole = LongRows.read
    monkeypatch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def slow(self, batch, head, rows):
        now[0] += 1.0 + rows.start / 8  # later rows see more, as under a causal mask
        return whole(self, batch, head, rows)

    monkeypatch.setattr(LongRows, "read", slow)
    query = torch.randn(1, 1, 12 * 36, 4)[:, :, : 8 * 36]
    amap = AttentionMap(query, query[:, :, :12])
    blocks_of_map = 36
    assert amap.pass_seconds() == pytest.approx(sum(1.0 + at for at in range(blocks_of_map)), rel=0.05)


KNOWN_KINDS = {
    "plain": {},
    "causal": {"causal": True},
    "window": {"causal": True, "window": 5},
    "softcap": {"softcap": 2.0},
    "sinks": {"sinks": torch.tensor([0.5, -1.0, 2.0, 0.0])},
    "bias": {"bias": torch.linspace(-2, 2, 31 * 37).view(1, 1, 31, 37)},
    "blind rows": {"mask": torch.ones(31, 37, dtype=torch.bool).tril(-3)},
}


class TestKnownRows:
    """Rows whose denominators are known are pooled without any other key."""

    @pytest.mark.parametrize("kind", KNOWN_KINDS)
    @pytest.mark.parametrize("queries", [slice(None), slice(4, 29, 3), [30, 2, 17]], ids=["all", "strided", "apart"])
    def test_they_equal_the_weights(self, kind, queries):
        torch.manual_seed(3)
        amap = AttentionMap(torch.randn(2, 4, 31, 7), torch.randn(2, 2, 37, 7), **KNOWN_KINDS[kind])
        part = amap.select(batch=1, heads=[3, 1], queries=queries, keys=slice(2, 36))
        bounds = [1, 4, 11, 20, 33]
        assert part.view.pooled(bounds, ("mean", "max"), known=True) is None
        expected = part.dense()[0]
        part.logsumexp()
        seen = []
        for rows in part.view.pooled(bounds, ("mean", "max"), known=True):
            seen.append((rows.head, rows.queries))
            for cell, (left, right) in enumerate(pairwise(bounds)):
                weights = expected[rows.head, rows.queries, left:right]
                assert_close(rows.cells[0][:, cell], weights.sum(-1))
                assert_close(rows.cells[1][:, cell], weights.amax(-1))
        assert sorted(head for head, _ in seen) == [0, 1]

    def test_chunks_meet_inside_of_a_cell(self, monkeypatch):
        monkeypatch.setattr(key_chunks, "KEYS", 8)
        torch.manual_seed(4)
        amap = AttentionMap(*torch.randn(2, 1, 1, 41, 3), causal=True)
        amap.logsumexp()
        (rows,) = amap.view.pooled([3, 13, 40], ("mean", "max"), known=True)
        dense = amap[0, 0]
        assert_close(rows.cells[0], torch.stack([dense[:, 3:13].sum(1), dense[:, 13:40].sum(1)], 1))
        assert_close(rows.cells[1], torch.stack([dense[:, 3:13].amax(1), dense[:, 13:40].amax(1)], 1))

    def test_other_kinds_of_maps_are_read_otherwise(self):
        dense = AttentionMap.from_dense(torch.eye(5))
        assert dense.view.pooled([0, 5], ("mean",), known=True) is None
        backwards = AttentionMap(*torch.randn(2, 1, 1, 5, 3)).select(keys=slice(None, None, -1))
        backwards.logsumexp()
        assert backwards.view.pooled([0, 5], ("mean",), known=True) is None
