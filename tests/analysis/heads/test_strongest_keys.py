"""The strongest keys beside a loop over the dense map."""

import pytest
import torch

import regard
from regard.analysis.heads.strongest_keys import strongest_keys
from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.errors import OptionError, ShapeError


def test_they_are_those_of_a_loop():
    generator = torch.Generator().manual_seed(0)
    maps = [regard.AttentionMap(*torch.randn(2, 1, heads, 7, 4, generator=generator), causal=True) for heads in (2, 3)]
    found = strongest_keys(maps, last=2)
    weights = torch.cat([amap.dense()[0] for amap in maps]).double()
    for one in found:
        of_heads = weights[:, one.key :, one.key].mean(1)
        assert one.received == pytest.approx(float(of_heads.mean()))
        assert one.last == pytest.approx(float(weights[:, -2:, one.key].mean()))
    means = torch.stack([weights[:, key:, key].mean(1) for key in range(7)], 1)
    assert [one.first_in for one in sorted(found)] == means.argmax(1).bincount(minlength=7).tolist()
    assert [one.received for one in found] == sorted((one.received for one in found), reverse=True)


def test_padding_is_no_key_and_no_row():
    query = torch.randn(1, 1, 6, 4)
    amap = regard.AttentionMap(query, query, causal=True)
    whole = strongest_keys([amap.select(queries=slice(0, 4), keys=slice(0, 4))], last=2)
    amap.queries = amap.keys = Axis((Line(6, present=(True,) * 4 + (False,) * 2),))
    for one, other in zip(sorted(strongest_keys([amap], last=2)), sorted(whole), strict=True):
        assert (one.key, one.received, one.last) == (other.key, pytest.approx(other.received), pytest.approx(other.last))


def test_what_has_no_answer_is_refused():
    amap = regard.AttentionMap.from_dense(torch.eye(3))
    with pytest.raises(OptionError, match="at least one map"):
        strongest_keys([])
    with pytest.raises(OptionError, match="last: expected a whole number from 1 to 3"):
        strongest_keys([amap], last=4)
    with pytest.raises(ShapeError, match="maps of one size"):
        strongest_keys([amap, regard.AttentionMap.from_dense(torch.eye(2))])
    with pytest.raises(ShapeError, match="one sequence"):
        strongest_keys([regard.AttentionMap.from_dense(torch.eye(3).expand(2, 1, 3, 3))])
