"""A token of any length in a picture of pixels: an address, a blob, a protein."""

import io

import pytest
import torch
from PIL import Image

import regard
from regard.figures.figure_files import render


@pytest.mark.parametrize("letters", [300, 1500])
@pytest.mark.parametrize("draw", [lambda amap: regard.heatmap(amap, head=0).figure, regard.heads_grid])
def test_a_long_token_does_not_make_a_large_picture(letters, draw):
    torch.manual_seed(0)
    amap = regard.AttentionMap(*torch.randn(2, 1, 2, 3, 8))
    amap.queries = amap.keys = ["x" * letters, "b", "c"]
    width, height = Image.open(io.BytesIO(render(draw(amap), ".png", 150))).size
    assert max(width, height) < 3000
