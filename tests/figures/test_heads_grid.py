"""Small multiples: what rows of several models are called."""

import torch

from regard import AttentionMap
from regard.figures.heads_grid import heads_grid


def test_rows_of_several_models_are_called_by_their_names():
    maps = [AttentionMap.from_dense(torch.eye(5).expand(2, 5, 5)) for _ in range(2)]
    for amap in maps:
        amap.layer = 3
    found = {"base": maps[0], "tuned": maps[1]}
    titles = [ax.get_title() for ax in heads_grid(found).axes][:4]
    assert titles == ["base, head 0", "base, head 1", "tuned, head 0", "tuned, head 1"]
    titles = [ax.get_title() for ax in heads_grid(maps).axes][:4]
    assert titles == ["map 0, head 0", "map 0, head 1", "map 1, head 0", "map 1, head 1"]
