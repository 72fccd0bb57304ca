"""What a map shows to others: its rows, its factors, the view behind it, and the map taken apart."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close

from regard import AttentionMap, masks
from regard.errors import TooLargeError
from regard.maps import view
from regard.maps.view import MapData, MapView
from support.kinds_of_maps import KINDS, OfFactors, factors
from witnesses.attention import dense_attention

ALL_KINDS = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
KINDS_OF_FACTORS = [kind for kind in KINDS if issubclass(kind, OfFactors)]


# -- rows


@pytest.mark.slow
@pytest.mark.parametrize("long_rows", [False, True], ids=["short rows", "long rows"])
@ALL_KINDS
def test_rows_are_the_map(kind, long_rows, monkeypatch):
    monkeypatch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1 if long_rows else 2**30)
    monkeypatch.setattr("regard.maps.reading.parts.BLOCK_BYTES", 2 * 7 * 8)
    made = kind()
    amap, truth = made.make_map(), made.dense_map()
    found, seen = torch.zeros(amap.shape, dtype=amap.dtype), torch.zeros(amap.shape[:3])
    entropy = torch.zeros_like(seen, dtype=amap.dtype)
    for rows in amap.rows(entropy=True):
        found[rows.batch, rows.heads, rows.queries, rows.columns] = rows.weights
        entropy[rows.batch, rows.heads, rows.queries] = rows.entropy
        seen[rows.batch, rows.heads, rows.queries] += 1
    made.close(found, truth)
    made.close(entropy, torch.special.entr(truth).sum(3), factor=20)
    assert torch.equal(seen, torch.ones_like(seen))
    assert all(rows.entropy is None for rows in amap.rows())


def test_rows_of_a_narrowed_map_are_counted_within_it():
    amap = AttentionMap(*factors()).select(batch=[1], heads=[2, 0], queries=slice(None, None, -2), keys=[5, 1])
    (rows,) = amap.rows(progress=None)
    assert (rows.batch, rows.heads, rows.queries, rows.columns) == (slice(0, 1), slice(0, 2), slice(0, 3), slice(0, 2))
    assert torch.equal(rows.weights, amap.dense())


def test_rows_leave_gradients_of_the_loop_alone():
    for _ in AttentionMap(*factors()).rows():
        assert torch.is_grad_enabled()


# -- factors


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS_OF_FACTORS, ids=lambda kind: kind.__name__)
def test_the_factors_of_a_part_give_its_weights(kind):
    amap = kind().make_map()
    heads = amap.shape[1]
    for part in (
        {},
        {"batch": -1, "heads": [heads - 1, 0], "queries": slice(None, None, -2), "keys": [2, 0]},
        {"heads": slice(heads // 2, None), "queries": slice(1, 4), "keys": slice(3, None)},
        {"heads": 1, "queries": [3, 0, 3]},
    ):
        narrow = amap.select(**part)
        kept = narrow.factors
        assert kept.shape == (*narrow.shape[:3], amap.shape[3])
        mask = None if kept.mask is None else kept.mask.dense(*kept.shape)
        options = {name: getattr(kept, name) for name in ("scale", "bias", "softcap", "sinks")}
        truth = dense_attention(kept.query, kept.key, kept.key, mask, **options)
        kind().close(narrow.dense(), truth.weights[..., list(narrow.view.keys)])
        kind().close(narrow.logsumexp(), truth.logsumexp, factor=10)


def test_the_factors_of_a_whole_map_are_those_that_it_was_made_of():
    query, key = factors(heads=6, kv_heads=2)
    kept = AttentionMap(query, key, softcap=2.0).factors
    assert kept.query is query
    assert kept.key is key
    assert (kept.scale, kept.softcap, kept.mask, kept.bias, kept.sinks) == (11**-0.5, 2.0, None, None, None)
    assert AttentionMap(query, key).select(keys=[3]).factors.key is key, "denominators are over all keys"


def test_factors_of_a_run_are_no_copy():
    query, key = factors(heads=6, kv_heads=2)
    kept = AttentionMap(query, key).select(heads=slice(3, 6), queries=slice(1, 4)).factors
    assert kept.key.shape[1] == 1
    assert kept.key.data_ptr() == key[:, 1:].data_ptr()
    assert kept.query.data_ptr() == query[:, 3:, 1:].data_ptr()


def test_dense_weights_have_no_factors():
    assert AttentionMap.from_dense(torch.eye(3)).select(queries=[1]).factors is None


def test_a_function_of_ones_own_that_fits_no_tensor_has_no_narrow_factors(monkeypatch):
    own = masks.Mask(lambda _b, _h, q, k: (q + k) % 2 == 0, "stripes")
    amap = AttentionMap(*factors(), own)
    assert amap.factors.mask is not None
    assert_close(amap.select(queries=[4, 1]).factors.mask.dense(1, 1, 2, 3)[0, 0].long(), torch.tensor([[1, 0, 1], [0, 1, 0]]))
    monkeypatch.setattr("regard.masks.narrowing.MAX_TENSOR_BYTES", 4)
    with pytest.raises(TooLargeError, match="stripes"):
        _ = amap.select(queries=[4, 1]).factors


def test_the_device_is_that_of_the_factors():
    assert AttentionMap(*factors()).device == torch.device("cpu")


# -- the view and the parts


def test_a_map_is_put_together_from_its_parts():
    amap = AttentionMap(*factors(), causal=True).select(heads=[2, 0], keys=slice(None, None, -2))
    amap.name, amap.kind, amap.layer, amap.queries = "layers.3", "self", 3, tuple("abcde")
    again = AttentionMap.from_data(amap.to_data())
    assert repr(again) == repr(amap)
    assert again.view is amap.view
    assert (again.name, again.kind, again.layer, again.queries, again.keys) == (
        "layers.3",
        "self",
        3,
        tuple("abcde"),
        tuple("0123"),
    )
    assert torch.equal(again.dense(), amap.dense())


def test_a_map_of_a_source_of_ones_own():
    class Doubled:
        def __init__(self, amap):
            self.amap, self.shape, self.dtype, self.device, self.nbytes = amap, amap.shape, amap.dtype, amap.device, 0

        def weights(self, *ranges):
            return 2 * self.amap.view.source.weights(*ranges)

        def describe(self):
            return "twice as much"

    amap = AttentionMap(*factors())
    doubled = AttentionMap.from_data(MapData(MapView.whole(Doubled(amap)), name="doubled"))
    assert_close(doubled.select(heads=[1]).received(), 2 * amap.received()[:, 1:2])
    assert "doubled: " in repr(doubled)
    assert "twice as much" in repr(doubled)
    moved = AttentionMap.from_data(replace(doubled.to_data(), view=replace(amap.view, queries=(3, 1))))
    assert torch.equal(moved.dense(), amap.dense()[:, :, [3, 1]])


# -- the door to pooled rows


@pytest.mark.parametrize("known", [False, True])
def test_rows_are_pooled_between_edges_within_a_row(known, monkeypatch):
    monkeypatch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1)
    for name, size in (("ROWS", 4), ("KEYS", 3)):
        monkeypatch.setattr(f"regard.maps.reading.key_chunks.{name}", size)
    monkeypatch.setattr(view, "POOLED_ROW", 1)
    monkeypatch.setattr(view, "POOLED_CELL", 1)
    amap = AttentionMap(*factors(queries=13), causal=True)
    edges, truth = [1, 2, 5, 6], dense_attention(*factors(queries=13), factors()[1], causal=True).weights
    for again in (False, True):
        if again:
            amap.logsumexp()  # the denominators are known now
        seen = torch.zeros(amap.shape[:3])
        for rows in amap.view.pooled(edges, ("max", "mean"), known=known):
            seen[rows.batch, rows.head, rows.queries] += 1
            for cell, (left, right) in enumerate(pairwise(edges)):
                weights = truth[rows.batch, rows.head, rows.queries, left:right]
                assert_close(rows.cells[0][:, cell].double(), weights.amax(-1), rtol=0, atol=1e-6)
                assert_close(rows.cells[1][:, cell].double(), weights.sum(-1), rtol=0, atol=1e-6)
        assert torch.equal(seen, torch.ones_like(seen))
    assert amap.view.pooled([1, 3], ("mean",)) is None, "most keys would be read for nothing"
    assert amap.view.pooled([1, 3], ("mean",), known=True) is not None


def test_short_rows_are_not_pooled_as_they_are_read():
    amap = AttentionMap(*factors())
    assert amap.view.pooled([0, 3, 7], ("mean",)) is None
    assert AttentionMap.from_dense(torch.eye(5)).view.pooled([0, 5], ("mean",), known=True) is None
