"""The path of long rows equals the general one, runs where it should, and asks masks only where their answer is open."""

import re

import pytest
import test_attention_map
import torch
from lazy_map_suite import LazyMapSuite, cells
from oracles import dense_attention
from test_masks import BATCH, HEADS, KEYS, QUERIES, RULES
from torch.testing import assert_close

from regard import AttentionMap
from regard.errors import ScoreError
from regard.maps import row_blocks
from regard.maps.factors import blocks
from regard.maps.long_rows import LongRows
from regard.maps.reductions import edges
from regard.masks import Mask, causal, window
from regard.masks.extents import visible

SUITES = [
    suite for name, suite in vars(test_attention_map).items() if name.startswith("Test") and issubclass(suite, LazyMapSuite)
]


@pytest.fixture(params=[(1, 2), (4, 3)], ids=["runs of 2", "runs of 3"])
def long_rows(request, monkeypatch):
    """Every row counts as long; blocks of few rows, runs of few keys; gives the list of what was read that way."""
    rows, run = request.param
    read, whole = [], LongRows.read
    monkeypatch.setattr("regard.maps.long_rows.LONG_ROW", 1)
    monkeypatch.setattr("regard.maps.reductions.RUN", run)
    monkeypatch.setattr("regard.maps.factors.BLOCK_BYTES", rows * 11 * 8)
    monkeypatch.setattr(LongRows, "read", lambda self, *at: read.append(at) or whole(self, *at))
    return read


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__)
def test_statistics_of_long_rows(suite, long_rows):
    made = suite()
    amap, truth = made.make_map(), made.dense_map()
    _, _, queries, keys = amap.shape
    pool = (queries - 1, keys - 1)
    found = amap.summary(pool=pool, how=("mean", "max"), topk=3)
    assert bool(long_rows) == hasattr(amap._source, "query")
    made.close(found.received, truth.sum(2), factor=queries)
    made.close(found.entropy, torch.special.entr(truth).sum(3), factor=20)
    parts = [
        [truth[:, :, top:bottom, left:right] for left, right in cells(keys, pool[1])] for top, bottom in cells(queries, pool[0])
    ]
    made.close(found.pool[0], torch.stack([torch.stack([p.mean((2, 3)) for p in row], 2) for row in parts], 2))
    made.close(found.pool[1], torch.stack([torch.stack([p.amax((2, 3)) for p in row], 2) for row in parts], 2))
    made.close(found.topk.values, truth.topk(3).values)
    made.close(found.topk.values, truth.gather(3, found.topk.keys))
    assert torch.equal(found.unseeing, (truth.sum(3) == 0).sum(2))
    if made.dense_logsumexp() is not None:
        made.close(amap.logsumexp(), made.dense_logsumexp(), factor=10)
    made.close(amap.dense(), truth)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__)
def test_products_of_long_rows(suite, long_rows):
    made = suite()
    amap, truth = made.make_map(), made.dense_map()
    narrow, part = amap.select(batch=-1, heads=[-1, 0], queries=slice(1, 4)), truth[-1:, [-1, 0], 1:4]
    values, asked = torch.arange(amap.shape[3] * 2.0).view(-1, 2) / 10, torch.arange(6.0).view(3, 2) / 5
    made.close(narrow @ values.to(amap.dtype), part @ values.double(), factor=20)
    made.close(narrow.T @ asked.to(amap.dtype), part.transpose(2, 3) @ asked.double(), factor=20)
    assert bool(long_rows) == hasattr(amap._source, "query")


def test_a_pool_whose_cells_are_the_runs(long_rows):
    query, key = (torch.randn(1, 2, 12, 4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    amap = AttentionMap(query, key, causal=True, window=5)
    for cols in (4, 6):
        expected = amap.dense().view(1, 2, 3, 4, cols, 12 // cols).amax((3, 5))
        assert_close(amap.pool(3, cols, "max"), expected)
    assert long_rows


def test_rows_that_are_no_run_take_the_general_path(long_rows):
    query = torch.randn(1, 2, 12, 4)
    amap = AttentionMap(query, query)
    amap.select(queries=[3, 1]).entropy()
    assert not long_rows
    amap.entropy()
    assert long_rows


def test_a_tile_counts_its_denominators_on_the_path_of_long_rows(long_rows):
    query = torch.randn(1, 2, 12, 4, generator=torch.Generator().manual_seed(0))
    amap, truth = AttentionMap(query, query, causal=True), dense_attention(query, query, query, causal=True)
    tile = amap[0, :, 3:9, 2:5]
    assert {at[2].start for at in long_rows} >= {3}
    assert max(at[2].stop for at in long_rows) == 9
    count = len(long_rows)
    assert_close(tile, truth.weights[0, :, 3:9, 2:5], rtol=0, atol=1e-6, check_dtype=False)
    amap[0, :, 3:9, :2]
    assert len(long_rows) == count
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
        return Mask(lambda *at: asked.append(at[3]) or rule.function(*at), "watched", made=rule.made)

    monkeypatch.setattr("regard.maps.long_rows.LONG_ROW", 1)
    monkeypatch.setattr("regard.maps.factors.BLOCK_BYTES", 8 * 64 * 8)
    query = torch.randn(1, 1, 64, 4, generator=torch.Generator().manual_seed(0))
    for rule in (causal(), window(20)):
        amap = AttentionMap(query, query, watched(rule))
        widths = [rows.weights.shape[3] for rows in row_blocks.row_blocks(amap._source, amap._view, "", run=4)]
        assert widths == ([8, 16, 24, 32, 40, 48, 56, 64] if rule.made[0] == "causal" else [8, 16, 24, 28, 28, 28, 28, 28])
        assert max(len(keys) for keys in asked) < 28
        asked.clear()


def test_blocks_end_where_high_cells_do():
    heights = [rows.stop - rows.start for _, _, rows in blocks(1, 1, 300, 2**13, edges(300, 4))]
    assert heights == [75] * 4
    heights = [rows.stop - rows.start for _, _, rows in blocks(1, 1, 300, 2**17, edges(300, 4))]
    assert heights == [16, 16, 16, 16, 11] * 4


def test_a_long_pass_says_how_long_it_will_take(monkeypatch):
    said = []
    monkeypatch.setattr(row_blocks, "LONG_PASS", 1)
    monkeypatch.setattr(row_blocks, "tqdm", lambda parts, desc, **_: said.append(desc) or parts)
    query = torch.randn(1, 2, 12, 4)
    AttentionMap(query, query).received()
    assert re.fullmatch(r"reading the map, about \d+ ms", said[0])


def test_the_prediction_counts_all_blocks(monkeypatch):
    """A clock that runs one second a block: the sample tells the seconds of the whole."""
    monkeypatch.setattr("regard.maps.factors.BLOCK_BYTES", 8 * 12 * 8)
    now = [0.0]
    whole = LongRows.read
    monkeypatch.setattr("regard.maps.long_rows.LONG_ROW", 1)
    monkeypatch.setattr(row_blocks.time, "perf_counter", lambda: now[0])

    def slow(self, batch, head, rows):
        now[0] += 1.0 + rows.start / 8  # later rows see more, as under a causal mask
        return whole(self, batch, head, rows)

    monkeypatch.setattr(LongRows, "read", slow)
    query = torch.randn(1, 1, 12 * 36, 4)[:, :, : 8 * 36]
    amap = AttentionMap(query, query[:, :, :12])
    blocks_of_map = 36
    assert amap.pass_seconds() == pytest.approx(sum(1.0 + at for at in range(blocks_of_map)), rel=0.05)
