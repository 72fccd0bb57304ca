"""What every AttentionMap must do, whatever it is kept as: inherit, and say how to make one and what it must equal."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from regard import AttentionMap
from regard.errors import DtypeError, OptionError, ShapeError, TooLargeError

AXES = ("batch", "heads", "queries", "keys")

# One test runs in many classes: that is what a suite is.
hypothetical = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.differing_executors])


def slices(size):
    """Slices of an axis, with starts and stops beyond it and steps of both signs."""
    ends = st.none() | st.integers(-size - 2, size + 2)
    return st.builds(slice, ends, ends, st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3]))


def choices(size):
    """Everything that `select` takes for an axis of this size."""
    places = st.integers(-size, size - 1)
    return st.one_of(st.none(), slices(size), *([places, st.lists(places, max_size=size + 2)] if size else [st.just([])]))


def numpy_select(values, chosen):
    """The same narrowing by numpy, one axis at a time; an integer keeps its axis."""
    for axis, choice in enumerate(chosen):
        if choice is None:
            continue
        places = np.arange(values.shape[axis])[choice if isinstance(choice, slice) else np.atleast_1d(choice).astype(int)]
        values = np.take(values, places, axis)
    return values


@st.composite
def basic_indices(draw, shape):
    """A basic index of up to four parts, perhaps with one ellipsis and a new axis or two."""
    count = draw(st.integers(0, 4))
    from_left = draw(st.integers(0, count))
    axes = [*range(from_left), *range(4 - (count - from_left), 4)]
    parts = [draw(slices(shape[axis]) | st.integers(-shape[axis], shape[axis] - 1)) for axis in axes]
    if from_left < count or draw(st.booleans()):
        parts.insert(from_left, ...)
    for at in draw(st.lists(st.integers(0, len(parts)), max_size=2)):
        parts.insert(at, None)
    return tuple(parts) if len(parts) != 1 or draw(st.booleans()) else parts[0]


def cells(size, count):
    """Where the cells of a pooled axis begin and end."""
    return [(at * size // count, (at + 1) * size // count) for at in range(count)]


class LazyMapSuite:
    """Inherit, define `make_map()` and `dense_map()`; where denominators are unknown, `dense_logsumexp()` returns None."""

    tolerance = 1e-6

    def make_map(self) -> AttentionMap:
        """The map under test."""
        raise NotImplementedError

    def dense_map(self) -> torch.Tensor:
        """What it must equal, (batch, heads, queries, keys) in float64, computed elsewhere."""
        raise NotImplementedError

    def dense_logsumexp(self) -> torch.Tensor | None:
        """The rows' denominators, (batch, heads, queries) in float64, or None where they are not known."""
        raise NotImplementedError

    def close(self, actual, expected, factor=1):
        assert actual.dtype == self.make_map().dtype
        assert_close(actual.double(), expected, atol=self.tolerance * factor, rtol=0)

    # -- what it is

    def test_shape_and_dtype(self):
        amap, truth = self.make_map(), self.dense_map()
        assert amap.shape == tuple(truth.shape)
        assert all(type(size) is int for size in amap.shape)
        assert amap.dtype in (torch.float32, torch.float64)
        assert amap.nbytes > 0

    def test_repr_names_the_axes_and_the_module(self):
        amap = self.make_map()
        sizes = ", ".join(f"{axis}={size}" for axis, size in zip(AXES, amap.shape, strict=True))
        assert repr(amap).startswith(f"AttentionMap({sizes}; ")
        amap.name = "decoder.layers.1"
        assert repr(amap).startswith(f"AttentionMap(decoder.layers.1: {sizes}; ")
        assert f"keys={amap.shape[3] - 1}" in repr(amap.select(keys=slice(1, None)))

    # -- dense

    def test_dense(self):
        self.close(self.make_map().dense(), self.dense_map())

    def test_dense_twice_is_the_same(self):
        amap = self.make_map()
        assert torch.equal(amap.dense(), amap.dense())

    def test_numpy(self):
        amap = self.make_map()
        values = np.asarray(amap)
        assert values.shape == amap.shape
        self.close(torch.from_numpy(values), self.dense_map())
        assert np.asarray(amap, dtype=np.float16).dtype == np.float16
        with pytest.raises(ValueError, match="copy"):
            np.array(amap, copy=False)

    def test_too_large_says_the_size_and_the_way_on(self):
        amap = self.make_map()
        size = math.prod(amap.shape) * amap.dtype.itemsize
        text = f"expected at most {size - 1:,} bytes, got a map of {amap.shape} = {size:,} bytes"
        with pytest.raises(TooLargeError, match=re.escape(text)) as caught:
            amap.dense(max_bytes=size - 1)
        assert isinstance(caught.value, MemoryError)
        assert "amap.received()" in str(caught.value)
        assert amap.dense(max_bytes=size).shape == amap.shape

    def test_the_limit_is_that_of_the_view(self):
        amap = self.make_map()
        row = amap.select(batch=0, heads=0, queries=0)
        assert row.dense(max_bytes=amap.shape[3] * amap.dtype.itemsize).shape == (1, 1, 1, amap.shape[3])

    # -- indexing

    def test_regions_rows_and_single_weights(self):
        amap, truth = self.make_map(), self.dense_map()
        self.close(amap[-1, 0, 1:4, 2:], truth[-1, 0, 1:4, 2:])
        self.close(amap[:, -1, -2], truth[:, -1, -2])
        self.close(amap[0, ..., ::-2], truth[0].flip(-1)[..., ::2])
        self.close(amap[0, 0, 2, 1], truth[0, 0, 2, 1])

    def test_numpy_and_torch_integers_are_integers(self):
        amap, truth = self.make_map(), self.dense_map()
        self.close(amap[np.int64(-1), ..., np.int32(1)], truth[-1, ..., 1])
        self.close(amap[torch.tensor(0), 0], truth[0, 0])
        self.close(amap.select(heads=np.int64(-1), keys=torch.tensor(1)).dense(), truth[:, -1:, :, 1:2])
        self.close(amap.select(keys=np.array([2, 0]), queries=torch.tensor([1])).dense(), truth[:, :, [1]][..., [2, 0]])

    @pytest.mark.parametrize("index", [True, [0, 1], 1.0, "heads", torch.tensor([0, 1]), torch.tensor(True)], ids=repr)
    def test_what_is_no_basic_index_is_refused(self, index):
        with pytest.raises((OptionError, TypeError), match=r"integer"):
            self.make_map()[index]

    def test_too_many_indices_are_refused(self):
        amap = self.make_map()
        with pytest.raises(ShapeError, match=r"at most 4 indices.*got 5 and 0"):
            amap[0, 0, 0, 0, 0]
        with pytest.raises(ShapeError, match=r"one \.\.\."):
            amap[..., 0, ...]

    @pytest.mark.parametrize("axis", range(4))
    def test_beyond_the_axis(self, axis):
        amap = self.make_map()
        size = amap.shape[axis]
        for place in (size, -size - 1):
            text = f"{AXES[axis]}: expected positions from {-size} to {size - 1}, got {place}"
            with pytest.raises(IndexError, match=text):
                amap[(slice(None),) * axis + (place,)]
            with pytest.raises(OptionError, match=text):
                amap.select(**{AXES[axis]: [0, place]})

    # -- select

    def test_every_order_of_heads(self):
        amap, truth = self.make_map(), self.dense_map()
        self.close(amap[:, ::-1], truth.flip(1))
        order = [*range(1, amap.shape[1]), 0]
        self.close(amap.select(heads=order).dense(), truth[:, order])

    def test_select_keeps_what_the_map_is(self):
        amap = self.make_map()
        amap.name, amap.kind, amap.layer = "layers.3", "self", 3
        narrow = amap.select(queries=0).select(heads=[0])
        assert (narrow.name, narrow.kind, narrow.layer) == ("layers.3", "self", 3)
        assert narrow.nbytes == amap.nbytes

    def test_labels_narrow_with_select(self):
        amap = self.make_map()
        rows, columns = amap.shape[2:]
        amap.queries = tuple(f"q{at}" for at in range(rows))
        amap.keys = tuple(f"k{at}" for at in range(columns))
        narrow = amap.select(queries=slice(None, 0, -2), keys=[3, -1]).select(queries=-1, keys=slice(1, None))
        assert narrow.queries == (amap.queries[:0:-2][-1],)
        assert narrow.keys == (f"k{columns - 1}",)
        assert len(amap.queries) == rows
        self.close(narrow.dense(), self.dense_map()[:, :, int(narrow.queries[0][1:]), -1][:, :, None, None])

    @pytest.mark.parametrize("wrong", [True, [True, False], torch.tensor([True, False]), 1.0, [0.0], "0", [[0]]], ids=repr)
    def test_what_is_no_position_is_refused(self, wrong):
        with pytest.raises(OptionError, match="queries: expected integers"):
            self.make_map().select(queries=wrong)

    # -- statistics

    def test_received(self):
        amap, truth = self.make_map(), self.dense_map()
        self.close(amap.received(), truth.sum(2), factor=amap.shape[2])

    def test_entropy(self):
        truth = torch.special.entr(self.dense_map()).sum(3)
        self.close(self.make_map().entropy(), truth, factor=20)

    def test_statistics_of_a_view_are_those_of_its_part(self):
        narrow = self.make_map().select(batch=-1, heads=[-1, 0], queries=slice(None, None, -2), keys=[2, 0])
        truth = torch.from_numpy(self.dense_map().numpy()[-1:, [-1, 0]][:, :, ::-2][..., [2, 0]].copy())
        self.close(narrow.received(), truth.sum(2), factor=narrow.shape[2])
        self.close(narrow.entropy(), torch.special.entr(truth).sum(3), factor=20)

    def test_statistics_of_nothing(self):
        amap = self.make_map()
        nothing = amap.select(queries=[])
        assert torch.equal(nothing.received(), torch.zeros(*amap.shape[:2], amap.shape[3], dtype=amap.dtype))
        assert nothing.entropy().shape == (*amap.shape[:2], 0)
        assert nothing.dense().shape == (*amap.shape[:2], 0, amap.shape[3])
        assert torch.equal(amap.select(keys=[]).entropy(), torch.zeros(amap.shape[:3], dtype=amap.dtype))

    def test_statistics_in_blocks(self, monkeypatch):
        whole = self.make_map()
        received, entropy = whole.received(), whole.entropy()
        monkeypatch.setattr("regard.maps.reading.parts.BLOCK_BYTES", 2 * whole.shape[3] * 8)
        amap = self.make_map()
        blocks, kernel = [], type(amap.view.source).weights

        def counted(source, batch, heads, queries, keys):
            blocks.append((len(batch), len(heads), len(queries)))
            return kernel(source, batch, heads, queries, keys)

        monkeypatch.setattr(type(amap.view.source), "weights", counted)
        self.close(amap.received(), received.double(), factor=amap.shape[2])
        assert len(blocks) == whole.shape[0] * whole.shape[1] * -(-amap.shape[2] // 2)
        assert max(blocks) == (1, 1, 2)
        self.close(amap.entropy(), entropy.double(), factor=20)
        self.close(amap.dense(), self.dense_map())

    @hypothetical
    @given(st.data())
    def test_pool(self, data):
        amap, truth = self.make_map(), self.dense_map()
        rows, cols = (data.draw(st.integers(1, size)) for size in amap.shape[2:])
        parts = [
            [truth[:, :, top:bottom, left:right] for left, right in cells(amap.shape[3], cols)]
            for top, bottom in cells(amap.shape[2], rows)
        ]
        mean = torch.stack([torch.stack([part.mean((2, 3)) for part in row], 2) for row in parts], 2)
        most = torch.stack([torch.stack([part.amax((2, 3)) for part in row], 2) for row in parts], 2)
        self.close(amap.pool(rows, cols), mean)
        self.close(amap.pool(rows, cols, how="max"), most)
        both = amap.summary(pool=(rows, cols), how=("max", "mean")).pool
        assert torch.equal(both[0], amap.pool(rows, cols, "max"))
        assert torch.equal(both[1], amap.pool(rows, cols, "mean"))

    def test_pool_of_rows_that_are_no_neighbours(self):
        narrow, truth = self.make_map().select(queries=slice(None, None, -2)), self.dense_map().flip(2)[:, :, ::2]
        means = [truth[..., start:stop].mean(3) for start, stop in cells(narrow.shape[3], 2)]
        self.close(narrow.pool(narrow.shape[2], 2), torch.stack(means, 3))

    def test_pool_in_blocks(self, monkeypatch):
        truth = [self.make_map().pool(2, 3, how) for how in ("mean", "max")]
        monkeypatch.setattr("regard.maps.reading.parts.BLOCK_BYTES", 1)
        assert_close([self.make_map().pool(2, 3, how) for how in ("mean", "max")], truth, atol=self.tolerance, rtol=0)

    def test_topk(self, monkeypatch):
        monkeypatch.setattr("regard.maps.reading.parts.BLOCK_BYTES", 2 * self.dense_map().shape[3] * 8)
        amap, truth = self.make_map(), self.dense_map()
        for count in (1, 3, amap.shape[3]):
            values, keys = amap.topk(count)
            self.close(values, truth.topk(count).values)
            assert keys.dtype == torch.int64
            self.close(values, truth.gather(3, keys))

    def test_summary_is_every_statistic_from_one_pass(self, monkeypatch):
        amap = self.make_map()
        alone = amap.received(), amap.entropy(), amap.pool(2, 3, "max"), *amap.topk(2)
        passes, kernel = [], type(amap.view.source).weights
        monkeypatch.setattr(type(amap.view.source), "weights", lambda *at: passes.append(1) or kernel(*at))
        found = amap.summary(received=True, entropy=True, pool=(2, 3), how="max", topk=2)
        assert passes == [1]
        for one, other in zip((found.received, found.entropy, found.pool, *found.topk), alone, strict=True):
            assert torch.equal(one, other)
        assert torch.equal(found.masked_rows, (self.dense_map().sum(3) == 0).sum(2))

    def test_summary_gives_what_is_asked_for(self):
        found = self.make_map().summary(received=False, topk=1)
        assert found.received is found.pool is None
        assert found.entropy is not None
        assert self.make_map().summary().topk is None

    def test_bad_sizes_of_statistics(self):
        amap = self.make_map()
        rows, cols = amap.shape[2:]
        for wrong in ((rows + 1, 1), (0, 1), (True, 1), (1.0, 1)):
            with pytest.raises(OptionError, match=f"pool: rows: expected a whole number from 1 to {rows}, got"):
                amap.pool(*wrong)
        with pytest.raises(OptionError, match=f"pool: cols: expected a whole number from 1 to {cols}, got {cols + 1}"):
            amap.summary(pool=(1, cols + 1))
        with pytest.raises(OptionError, match="how: expected one of mean, max, got 'sum'"):
            amap.pool(1, 1, how="sum")
        with pytest.raises(OptionError, match="how: expected one of mean, max, got 3; or give both as a tuple"):
            amap.summary(pool=(1, 1), how=3)
        with pytest.raises(OptionError, match=r"pool: expected \(rows, cols\), got 3"):
            amap.summary(pool=3)
        for wrong in (cols + 1, 0, -1, True, 1.5):
            with pytest.raises(OptionError, match=f"topk: expected a whole number from 1 to {cols}"):
                amap.topk(wrong)

    # -- products and tiles

    def test_products(self, monkeypatch):
        monkeypatch.setattr("regard.maps.reading.parts.BLOCK_BYTES", 2 * self.dense_map().shape[3] * 8)
        amap, truth = self.make_map(), self.dense_map()
        batch, heads, queries, keys = amap.shape
        normal = torch.Generator().manual_seed(9)
        for lead in ((), (heads,), (1, heads), (batch, 1), (batch, heads)):
            right = torch.randn(*lead, keys, 5, generator=normal, dtype=torch.float64)
            self.close(amap @ right.to(amap.dtype), truth @ right, factor=10)
            left = torch.randn(*lead, queries, 5, generator=normal, dtype=torch.float64)
            self.close(amap.T @ left.to(amap.dtype), truth.transpose(2, 3) @ left, factor=10)
        narrow = amap.select(heads=[-1], queries=slice(None, None, -2))
        self.close(narrow @ right[:, -1:].to(amap.dtype), truth[:, -1:].flip(2)[:, :, ::2] @ right[:, -1:], factor=10)

    def test_the_transposed_map(self):
        amap = self.make_map()
        batch, heads, queries, keys = amap.shape
        assert amap.T.shape == (batch, heads, keys, queries)
        assert repr(amap.T).startswith(f"TransposedMap(batch={batch}, heads={heads}, keys={keys}, queries={queries}")

    def test_products_that_do_not_fit(self):
        amap = self.make_map()
        _, heads, queries, keys = amap.shape
        for wrong in ((keys,), (keys + 1, 2), (heads + 1, keys, 2), (1, 1, 1, keys, 2)):
            with pytest.raises(ShapeError, match=rf"\(keys, dim\)=\({keys}, dim\).*on the right of @, got"):
                amap @ torch.ones(wrong)
        with pytest.raises(ShapeError, match=rf"\(queries, dim\)=\({queries}, dim\)"):
            amap.T @ torch.ones(queries + 1, 2)
        with pytest.raises(DtypeError, match="right side of @"):
            amap @ np.ones((keys, 2))

    def test_tiles_cover_the_map(self):
        amap, truth = self.make_map(), self.dense_map()
        covered = torch.zeros_like(truth)
        for queries, keys, weights in amap.tiles(3, 4):
            self.close(weights, truth[:, :, queries, keys])
            covered[:, :, queries, keys] += 1
        assert torch.equal(covered, torch.ones_like(truth))
        for wrong in (0, -1, True, 2.0):
            with pytest.raises(OptionError, match="tiles: cols: expected a whole number of at least 1"):
                amap.tiles(3, wrong)

    def test_logsumexp(self):
        truth = self.dense_logsumexp()
        amap = self.make_map()
        if truth is None:
            with pytest.raises(OptionError, match="dense weights, whose denominators are not known"):
                amap.logsumexp()
            return
        self.close(amap.logsumexp(), truth, factor=20)
        # The denominators of a narrowed row are still those of the whole row.
        narrow = amap.select(batch=[-1, 0], heads=slice(None, None, -1), queries=-1, keys=[0])
        self.close(narrow.logsumexp(), truth[[-1, 0]].flip(1)[:, :, -1:], factor=20)
        for rows in (slice(None, None, 2), slice(None, None, -3), [3, 0, 3]):  # no neighbours, and one of them twice
            expected = torch.from_numpy(truth.numpy()[:, :, rows].copy())
            self.close(self.make_map().select(queries=rows).logsumexp(), expected, factor=20)

    # -- where it is read

    def test_reading_ignores_autocast(self):
        truth = self.dense_map()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            self.close(self.make_map().dense(), truth)

    def test_reading_in_inference_mode_and_outside(self):
        with torch.inference_mode():
            amap = self.make_map()
            inside = amap.dense()
        self.close(amap.dense(), inside.double())
        self.close(amap.received(), self.dense_map().sum(2), factor=amap.shape[2])


class IndexAlgebra:
    """Beside the suite, for a kind of factors and one of weights: indices and narrowings are those of numpy."""

    @hypothetical
    @given(st.data())
    def test_basic_index_equals_numpy(self, data):
        amap, truth = self.make_map(), self.dense_map().numpy()
        index = data.draw(basic_indices(amap.shape))
        self.close(amap[index], torch.from_numpy(np.array(truth[index])))

    @hypothetical
    @given(st.data())
    def test_selects_compose_as_numpy(self, data):
        amap, truth = self.make_map(), self.dense_map().numpy()
        for _ in range(data.draw(st.integers(1, 3))):
            chosen = [data.draw(choices(size)) for size in amap.shape]
            amap = amap.select(**dict(zip(AXES, chosen, strict=True)))
            truth = numpy_select(truth, chosen)
            assert amap.shape == truth.shape
        self.close(amap.dense(), torch.from_numpy(truth.copy()))
        self.close(amap[..., ::-1], torch.from_numpy(truth[..., ::-1].copy()))
        self.close(amap.received(), torch.from_numpy(truth.sum(2)), factor=self.dense_map().shape[2])
