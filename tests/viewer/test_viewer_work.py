"""What an answer may cost is what a limit of work promises: masks, biases and exponentials included."""

import time

import numpy as np
import pytest
import torch

from regard import AttentionMap, masks
from regard.errors import OptionError
from regard.viewer.answers.cost import cost_of_weight
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import document


def amap(size, dim=3, **factors):
    torch.manual_seed(0)
    return AttentionMap(*torch.randn(2, 1, 1, size, dim), **factors)


def tree(levels):
    return masks.dilated(2) if not levels else tree(levels - 1) | tree(levels - 1)


def region(size, rows, columns=None, **more):
    def cells(count):
        return {"start": 0, "stop": size, "count": count}

    return {
        "map": 0,
        "heads": [0],
        "rows": cells(rows),
        "columns": cells(columns or rows),
        "how": "mean",
        "hideSpecial": False,
        "renormalise": False,
        "sample": 0,
        **more,
    }


def test_what_a_weight_costs():
    plain = cost_of_weight(amap(11))
    assert plain > 3, "the exponential counts"
    assert cost_of_weight(amap(11, causal=True)) == plain, "what a causal mask hides is known without asking"
    for more in ({"softcap": 5.0}, {"bias": torch.zeros(1, 1, 11, 11)}, {"mask": masks.dilated(2)}):
        assert cost_of_weight(amap(11, **more)) > plain, more
    many, few = (cost_of_weight(amap(11, mask=tree(levels))) for levels in (6, 2))
    assert many - plain > 8 * (few - plain)


@pytest.mark.slow
@pytest.mark.parametrize("mask", [None, tree(4), tree(6)], ids=["none", "16 parts", "64 parts"])
def test_an_answer_takes_as_long_whatever_the_mask(mask):
    size = 8192
    shown = document(amap(size, dim=1, mask=mask), max_work=2 * 10**8, statistics=False)
    began = time.process_time()
    meta, _ = unpack(shown.answer("region", region(size, 256)))
    assert meta["sampled"] > 0
    assert time.process_time() - began < 4  # 54 s, and no sample, where masks were not counted


def test_where_one_query_of_each_cell_is_too_much_neighbours_share_what_is_read():
    size = 400
    whole, shown = (document(amap(size), max_work=work, statistics=False) for work in (None, 10**5))
    exact = unpack(whole.answer("region", region(size, size, 7)))[1]["values"]
    meta, arrays = unpack(shown.answer("region", region(size, size, 7)))
    step = next(at for at in range(1, size) if not np.array_equal(arrays["values"][at], arrays["values"][0]))
    assert meta["sampled"] == 1
    assert step > 1
    for first in range(0, size, step):
        for row in range(first, min(first + step, size)):
            np.testing.assert_allclose(arrays["values"][row], exact[first], atol=1e-6)
    margins = region(size, size, 7)
    for name in ("how", "renormalise", "sample"):
        del margins[name]
    assert unpack(shown.answer("margins", margins))[0]["sampled"] > 0


def test_cells_that_overlap_without_end_are_refused():
    shown = document(amap(100), statistics=False)
    ends = {"starts": [0] * 5, "stops": [100] * 5}
    with pytest.raises(OptionError, match="columns: expected at most 400 positions in all cells, 4 times those that there are"):
        shown.answer("region", region(100, 5, columns=5) | {"columns": ends, "renormalise": True})
