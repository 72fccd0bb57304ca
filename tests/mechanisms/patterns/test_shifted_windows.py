import pytest
import torch
from torch.testing import assert_close
from transformers import SwinConfig
from transformers.models.swin.modeling_swin import SwinLayer, window_partition, window_reverse

from regard import masks
from regard.errors import DtypeError, OptionError, ShapeError
from regard.mechanisms.patterns.shifted_windows import shifted_window_attention, window_ids
from regard.mechanisms.softmax_attention import attention
from witnesses.patterns import shifted_windows

BATCH, HEADS, DIM, VALUE_DIM, WINDOW = 2, 3, 5, 7, 3
GRID = (6, 9)
POSITIONS = GRID[0] * GRID[1]


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def inputs(positions=POSITIONS, heads=HEADS, dtype=torch.float64):
    return tuple(
        normal(BATCH, heads, positions, size, seed=seed, dtype=dtype) for seed, size in enumerate((DIM, DIM, VALUE_DIM))
    )


TABLE = normal(HEADS, 2 * WINDOW - 1, 2 * WINDOW - 1, seed=4)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0, 1, 2])
@pytest.mark.parametrize("table", [None, TABLE], ids=["without bias", "with bias"])
def test_equals_the_definition(shift, table):
    found = shifted_window_attention(*inputs(), GRID, WINDOW, shift, table)
    assert_close(found, shifted_windows(*inputs(), GRID, WINDOW, shift, table))


@pytest.mark.parametrize(("grid", "window", "shift"), [((2, 2), 2, 0), ((2, 2), 2, 1), ((5, 5), 1, 0), ((4, 2), 2, 1)])
def test_small_grids(grid, window, shift):
    tensors = inputs(grid[0] * grid[1])
    assert_close(shifted_window_attention(*tensors, grid, window, shift), shifted_windows(*tensors, grid, window, shift, None))


@pytest.fixture(scope="module")
def swin():
    """A Swin layer of random weights and its input; the layer's size of windows and images stays as it is."""
    torch.manual_seed(1)
    config = SwinConfig(embed_dim=HEADS * DIM, num_heads=[HEADS], depths=[1], window_size=WINDOW, image_size=12, patch_size=1)

    def make(shift, implementation):
        config._attn_implementation = implementation
        layer = SwinLayer(config, HEADS * DIM, GRID, HEADS, shift_size=shift).double().eval()
        torch.nn.init.normal_(layer.attention.relative_position_bias.relative_position_bias_table)
        return layer

    return make, normal(BATCH, POSITIONS, HEADS * DIM, seed=8)


@pytest.mark.parametrize("shift", [0, 1])
# Its eager attention has the weights but rounds its softmax to float32; the fused one does neither.
@pytest.mark.parametrize(("implementation", "tolerance"), [("sdpa", 1e-12), ("eager", 1e-6)])
@torch.no_grad()
def test_equals_swin_of_transformers(swin, shift, implementation, tolerance):
    make, x = swin
    layer = make(shift, implementation)
    windows = window_partition(layer.cyclic_shift(x.view(BATCH, *GRID, -1)), WINDOW).flatten(1, 2)
    there, weights_there = layer.attention(windows, layer.get_attn_mask(*GRID, dtype=x.dtype, device=x.device))
    there = window_reverse(there.unflatten(1, (WINDOW, WINDOW)), WINDOW, *GRID)
    there = layer.cyclic_shift(there, reverse=True).view(BATCH, POSITIONS, -1)

    own = layer.attention
    q, k, v = (project(x).unflatten(-1, (HEADS, DIM)).transpose(1, 2) for project in (own.q_proj, own.k_proj, own.v_proj))
    table = own.relative_position_bias.relative_position_bias_table.T.view(HEADS, 2 * WINDOW - 1, 2 * WINDOW - 1)
    output, weights = shifted_window_attention(q, k, v, GRID, WINDOW, shift, table)
    assert_close(own.o_proj(output.transpose(1, 2).flatten(2)), there, atol=tolerance, rtol=0)
    assert (weights_there is None) == (implementation == "sdpa")
    if weights_there is not None:
        members = window_partition(layer.cyclic_shift(torch.arange(POSITIONS).view(1, *GRID, 1)), WINDOW).flatten(1)
        inside = torch.stack([weights[:, :, rows[:, None], rows] for rows in members], 1).flatten(0, 1)
        assert_close(inside, weights_there, atol=tolerance, rtol=0)
        assert_close(weights.sum(-1), torch.ones(BATCH, HEADS, POSITIONS, dtype=torch.float64))


@pytest.mark.parametrize("shift", [0, 2])
def test_a_window_is_a_document(shift):
    tensors = inputs()
    mask = masks.documents(window_ids(GRID, WINDOW, shift)[None])
    assert_close(shifted_window_attention(*tensors, GRID, WINDOW, shift), attention(*tensors, mask))


def test_moving_the_image_by_whole_windows_moves_the_output():
    tensors = [tensor.unflatten(2, GRID) for tensor in inputs()]
    moved = [tensor.roll((WINDOW, 2 * WINDOW), (2, 3)).flatten(2, 3) for tensor in tensors]
    before, _ = shifted_window_attention(*inputs(), GRID, WINDOW, 0, TABLE)
    after, _ = shifted_window_attention(*moved, GRID, WINDOW, 0, TABLE)
    assert_close(after.unflatten(2, GRID), before.unflatten(2, GRID).roll((WINDOW, 2 * WINDOW), (2, 3)))


def test_other_windows_do_not_leak():
    query, key, value = inputs()
    clean, _ = shifted_window_attention(query, key, value, GRID, WINDOW, 1, TABLE)
    ids = window_ids(GRID, WINDOW, 1)
    poisoned = value.masked_fill((ids == ids[20])[:, None], torch.nan)
    output, _ = shifted_window_attention(query, key, poisoned, GRID, WINDOW, 1, TABLE)
    assert output[:, :, ids == ids[20]].isnan().all()
    assert_close(output[:, :, ids != ids[20]], clean[:, :, ids != ids[20]])


def test_grouped_heads_and_axes_left_out():
    query, key, value = inputs(heads=6)
    whole = shifted_window_attention(query, key[:, ::2], value[:, ::2], GRID, WINDOW, 1)
    twice = (tensor[:, ::2].repeat_interleave(2, dim=1) for tensor in (key, value))
    assert_close(whole, shifted_window_attention(query, *twice, GRID, WINDOW, 1))
    one = shifted_window_attention(query[0, 0], key[0, 0], value[0, 0], GRID, WINDOW, 1)
    assert_close(one, (whole[0][0, 0], whole[1][0, 0]))


def test_half_precision_is_computed_in_float32():
    tensors = inputs(dtype=torch.bfloat16)
    expected = shifted_window_attention(*(tensor.double() for tensor in tensors), GRID, WINDOW, 1, TABLE)
    output, weights = shifted_window_attention(*tensors, GRID, WINDOW, 1, TABLE)
    assert (output.dtype, weights.dtype) == (torch.bfloat16, torch.float32)
    assert_close(weights.double(), expected[1], atol=2e-6, rtol=0)
    assert_close(output, expected[0].bfloat16())


@pytest.mark.slow
def test_gradients():
    tensors = [normal(1, 2, 16, 3, seed=seed).requires_grad_() for seed in range(3)]
    table = normal(2, 3, 3, seed=5).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda *given: shifted_window_attention(*given[:3], (4, 4), 2, 1, given[3]), (*tensors, table)
    )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"grid": (6, 8)},
            ShapeError,
            "grid: expected whole windows of 3 · 3, got 6 · 8 patches",
        ),
        ({"grid": (3, 9)}, ShapeError, "expected query with 27 positions, a patch each of the grid 3 · 9, got 54"),
        (
            {"key": normal(BATCH, HEADS, 27, DIM), "value": normal(BATCH, HEADS, 27, 2)},
            ShapeError,
            "expected key with 54 positions, a patch each of the grid 6 · 9, got 27",
        ),
        ({"grid": (0, 9)}, OptionError, "height: expected a whole number of at least 1, got 0"),
        ({"window": 0}, OptionError, "window: expected a whole number of at least 1, got 0"),
        ({"shift": 3}, OptionError, "shift: expected less than window=3, got 3"),
        ({"shift": -1}, OptionError, "shift: expected a whole number of at least 0, got -1"),
        (
            {"bias_table": TABLE[:2]},
            ShapeError,
            "expected bias_table (heads, 2 · window − 1, 2 · window − 1)=(3, 5, 5), got (2, 5, 5)",
        ),
        ({"bias_table": TABLE.int()}, DtypeError, "expected bias_table of a floating type, got torch.int32"),
        ({"query": normal(BATCH, HEADS, POSITIONS, 4)}, ShapeError, "expected query and key of one dim, got 4 and 5"),
    ],
)
def test_mistakes_are_named(change, error, message):
    query, key, value = inputs()
    given = {"query": query, "key": key, "value": value, "grid": GRID, "window": WINDOW, "shift": 1} | change
    with pytest.raises(error) as caught:
        shifted_window_attention(**given)
    assert message in str(caught.value)
