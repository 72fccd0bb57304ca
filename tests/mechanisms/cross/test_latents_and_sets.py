import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import PerceiverConfig, PerceiverModel
from transformers.models.perceiver import modeling_perceiver

from regard import masks
from regard.errors import DtypeError, OptionError, ShapeError
from regard.mechanisms.cross.latents_and_sets import (
    InducedSetAttentionBlock,
    MultiHeadAttentionBlock,
    PoolingByAttention,
    SetAttentionBlock,
    induced_attention,
    read_into_latents,
)
from regard.mechanisms.cross.perceiver import Perceiver, PerceiverLayer
from witnesses.attention import dense_attention
from witnesses.cross import attention_block, induced

BATCH, HEADS, QUERIES, KEYS, DIM, VALUE_DIM, LATENTS = 2, 3, 5, 7, 11, 13, 17
KEEP = torch.tensor([[True] * KEYS, [True, False, True, True, False, True, False]])


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def randomised(module):
    """In float64, and with no parameter that is 0 or 1, as those of norms are at first."""
    with torch.no_grad():
        for seed, parameter in enumerate(module.parameters()):
            parameter.copy_(0.5 * normal(*parameter.shape, seed=seed))
    return module.double()


QUERY, KEY = normal(BATCH, HEADS, QUERIES, DIM), normal(BATCH, HEADS, KEYS, DIM, seed=1)
VALUE, POINTS = normal(BATCH, HEADS, KEYS, VALUE_DIM, seed=2), normal(HEADS, LATENTS, DIM, seed=3)
ORDER = torch.tensor([3, 0, 6, 5, 1, 4, 2])


def test_reading_is_attention_from_the_same_latents_for_each_sequence():
    mask = KEEP[:, None, None]
    truth = dense_attention(POINTS.expand(BATCH, -1, -1, -1), KEY, VALUE, mask.expand(BATCH, HEADS, LATENTS, KEYS))
    assert_close(read_into_latents(POINTS, KEY, VALUE, mask), (truth.output, truth.weights))
    grouped = read_into_latents(POINTS, KEY[:, :1], VALUE[:, :1])
    assert_close(grouped, read_into_latents(POINTS, *(x[:, :1].expand(-1, HEADS, -1, -1) for x in (KEY, VALUE))))


@pytest.mark.parametrize("keep", [torch.ones_like(KEEP), KEEP])
def test_induced_attention_equals_the_loops(keep):
    poisoned = VALUE.masked_fill(~keep[:, None, :, None], math.nan)
    seen = induced_attention(QUERY, POINTS, KEY, poisoned, masks.padding(keep))
    assert_close(seen.output, induced(QUERY, POINTS, KEY, VALUE, keep))
    assert_close((seen.write @ seen.read) @ VALUE, seen.output)
    assert (seen.read[~keep[:, None, None].expand_as(seen.read)] == 0).all()


def test_induced_attention_has_the_rank_of_its_points():
    seen = induced_attention(KEY, POINTS[:, :2], KEY, VALUE)
    ranks = torch.linalg.matrix_rank(seen.write @ seen.read)
    assert_close(ranks, torch.full_like(ranks, 2))


def test_halves_are_computed_in_float32():
    given = [tensor.bfloat16() for tensor in (QUERY, POINTS, KEY, VALUE)]
    seen = induced_attention(*given)
    truth = induced_attention(*(tensor.double() for tensor in given))
    assert (seen.output.dtype, seen.read.dtype) == (torch.bfloat16, torch.float32)
    assert_close(seen.write.double(), truth.write, atol=2e-6, rtol=0)
    assert_close(seen.output, truth.output.bfloat16())


def test_where_nothing_is_read_nothing_is_written():
    seen = induced_attention(QUERY, POINTS, KEY, VALUE, torch.tensor(False))
    assert (seen.output == 0).all()


def test_gradients():
    tensors = [tensor[..., :2, :3].clone().requires_grad_() for tensor in (QUERY, POINTS, KEY, VALUE)]
    assert torch.autograd.gradcheck(lambda *given: induced_attention(*given).output, tensors, fast_mode=True)
    block = randomised(InducedSetAttentionBlock(6, 2, 3))
    inputs = normal(1, 5, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, _: block(x).output, (inputs, block.points), fast_mode=True)


def plain_block():
    """A block whose norms are as at first, which the loops know, and whose other layers are random."""
    block = MultiHeadAttentionBlock(6, heads=3).double()
    with torch.no_grad():
        for seed, layer in enumerate(module for module in block.modules() if isinstance(module, nn.Linear)):
            layer.weight.copy_(normal(6, 6, seed=seed))
            layer.bias.copy_(normal(6, seed=seed + 10))
    return block


def test_the_block_equals_the_loops():
    block, x, y = plain_block(), normal(BATCH, QUERIES, 6), normal(BATCH, KEYS, 6, seed=1)
    named = {name: (layer.weight, layer.bias) for name, layer in block.attention.named_children()}
    named["row_wise"] = (block.row_wise.weight, block.row_wise.bias)
    for b in range(BATCH):
        assert_close(block(x, y)[0][b], attention_block(x[b], y[b], named, heads=3))


@pytest.mark.parametrize("keep", [torch.ones_like(KEEP), KEEP])
def test_the_block_equals_torch(keep):
    block = randomised(MultiHeadAttentionBlock(6, heads=3))
    theirs = nn.MultiheadAttention(6, 3, batch_first=True).double()
    ours = block.attention
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key.bias, ours.value.bias]))
        theirs.out_proj.load_state_dict(ours.output.state_dict())
    x, y = normal(BATCH, QUERIES, 6), normal(BATCH, KEYS, 6, seed=1)
    mixed, weights = theirs(x, y, y, key_padding_mask=~keep, average_attn_weights=False)
    attended = nn.functional.layer_norm(x + mixed, (6,), block.norm_attended.weight, block.norm_attended.bias)
    network = nn.functional.linear(attended, block.row_wise.weight, block.row_wise.bias).clamp(min=0)
    output = nn.functional.layer_norm(attended + network, (6,), block.norm_output.weight, block.norm_output.bias)
    assert_close(block(x, y, keep[:, None, None]), (output, weights))


def test_the_blocks_are_made_of_that_one():
    x = normal(BATCH, KEYS, 6)
    alone = randomised(SetAttentionBlock(6, 3))
    assert_close(alone(x), alone.block(x, x))

    through = randomised(InducedSetAttentionBlock(6, 3, points=5))
    points = through.points.expand(BATCH, 5, 6)
    summary, read = through.reading(points, x)
    output, write = through.writing(x, summary)
    assert_close(through(x), type(through(x))(output, write, read))

    pool = randomised(PoolingByAttention(6, 3, seeds=2))
    seeds, network = pool.seeds.expand(BATCH, 2, 6), (x @ pool.row_wise.weight.T + pool.row_wise.bias).clamp(min=0)
    assert_close(pool(x), pool.block(seeds, network))


@pytest.mark.parametrize("make", [lambda: SetAttentionBlock(6, 3), lambda: InducedSetAttentionBlock(6, 3, points=5)])
def test_elements_in_another_order_give_the_same_outputs_in_that_order(make):
    block, x = randomised(make()), normal(BATCH, KEYS, 6)
    assert_close(block(x[:, ORDER])[0], block(x)[0][:, ORDER])


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_pooled_set_has_no_order(seeds):
    pool, x = randomised(PoolingByAttention(6, 3, seeds)), normal(BATCH, KEYS, 6)
    output, weights = pool(x)
    assert output.shape == (BATCH, seeds, 6)
    assert_close(pool(x[:, ORDER]), (output, weights[..., ORDER]))


@pytest.mark.parametrize(
    "make",
    [lambda: SetAttentionBlock(6, 3), lambda: InducedSetAttentionBlock(6, 3, points=5), lambda: PoolingByAttention(6, 3, 2)],
)
def test_elements_that_are_not_there_do_not_matter(make):
    block, x = randomised(make()), normal(BATCH, KEYS, 6)
    short = block(x[1:, KEEP[1]])[0]
    padded = block(x, KEEP[:, None, None])[0][1:]
    assert_close(padded if padded.shape == short.shape else padded[:, KEEP[1]], short)


def test_a_set_may_come_without_a_batch():
    x = normal(BATCH, KEYS, 6)
    for block in (SetAttentionBlock(6, 3), InducedSetAttentionBlock(6, 3, points=5), PoolingByAttention(6, 3)):
        randomised(block)
        for one, of_many in zip(block(x[0]), block(x), strict=True):
            assert_close(one, of_many[0])


def loaded(ours, theirs):
    """Our layer with the parameters of Transformers' layer."""
    names = {
        "attention.self.layernorm1": "norm",
        "attention.self.layernorm2": "norm_memory",
        "attention.self.query": "query",
        "attention.self.key": "key",
        "attention.self.value": "value",
        "attention.output.dense": "output",
        "layernorm": "norm_attended",
        "mlp.dense1": "widen",
        "mlp.dense2": "narrow",
    }
    state = {}
    for name, parameter in theirs.state_dict().items():
        module, _, kind = name.rpartition(".")
        state[f"{names[module]}.{kind}"] = parameter
    ours.load_state_dict(state)
    return ours.double()


SETTINGS = PerceiverConfig(
    num_latents=LATENTS,
    d_latents=6,
    d_model=5,
    num_blocks=1,
    num_self_attends_per_block=2,
    num_self_attention_heads=3,
    num_cross_attention_heads=3,
    self_attention_widening_factor=2,
    cross_attention_widening_factor=2,
    attention_probs_dropout_prob=0.0,
    cross_attention_shape_for_attention="q",
)


@pytest.mark.parametrize("mask", [None, KEEP])
def test_a_reading_layer_equals_transformers(mask):
    theirs = modeling_perceiver.PerceiverLayer(
        SETTINGS, is_cross_attention=True, num_heads=3, q_dim=6, kv_dim=5, widening_factor=2
    )
    randomised(theirs)
    ours = loaded(PerceiverLayer(6, 3, memory_dim=5, widening=2), theirs)
    x, memory = normal(BATCH, LATENTS, 6), normal(BATCH, KEYS, 5, seed=1)
    hidden = None if mask is None else torch.zeros(BATCH, 1, 1, KEYS).masked_fill(~mask[:, None, None], -math.inf)
    expected = theirs(x, inputs=memory, inputs_mask=hidden, output_attentions=True)
    output, weights = ours(x, memory, None if mask is None else mask[:, None, None])
    assert_close((output, weights), tuple(expected))


def test_a_thinking_layer_equals_transformers():
    theirs = randomised(modeling_perceiver.PerceiverLayer(SETTINGS, num_heads=3, q_dim=6, kv_dim=6, widening_factor=2))
    ours = loaded(PerceiverLayer(6, 3, widening=2), theirs)
    x = normal(BATCH, LATENTS, 6)
    assert_close(ours(x), tuple(theirs(x, output_attentions=True)))


def test_the_whole_equals_transformers():
    settings = PerceiverConfig(
        **{**SETTINGS.to_dict(), "self_attention_widening_factor": 4, "cross_attention_widening_factor": 4}
    )
    encoder = randomised(PerceiverModel(settings)).eval()
    decoder = randomised(
        modeling_perceiver.PerceiverLayer(settings, is_cross_attention=True, num_heads=3, q_dim=9, kv_dim=6, widening_factor=4)
    )
    ours = Perceiver(input_dim=5, question_dim=9, latents=LATENTS, latent_dim=6, heads=3, depth=2)
    loaded(ours.read, encoder.encoder.cross_attention)
    loaded(ours.write, decoder)
    for mine, layer in zip(ours.think, encoder.encoder.self_attends, strict=True):
        loaded(mine, layer)
    with torch.no_grad():
        ours.double().latents.copy_(encoder.embeddings.latents)
    x, questions = normal(BATCH, KEYS, 5), normal(BATCH, QUERIES, 9, seed=1)
    theirs = encoder(x, attention_mask=KEEP.long(), output_attentions=True)
    expected, write = decoder(questions, inputs=theirs.last_hidden_state, output_attentions=True)
    seen = ours(x, questions, KEEP[:, None, None])
    assert_close(seen.output, expected)
    assert_close((seen.read, seen.write), (theirs.cross_attentions[0], write))
    assert_close(seen.think, theirs.attentions)


def test_a_perceiver_does_not_see_order_and_may_come_without_a_batch():
    model = randomised(Perceiver(input_dim=5, question_dim=6, latents=LATENTS, latent_dim=9, heads=3, depth=1))
    x, questions = normal(BATCH, KEYS, 5), normal(BATCH, QUERIES, 6, seed=1)
    seen = model(x, questions)
    assert_close(model(x[:, ORDER], questions).output, seen.output)
    alone = model(x[0], questions[0])
    assert_close((alone.output, alone.read, alone.write), (seen.output[0], seen.read[0], seen.write[0]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: read_into_latents(POINTS[0], KEY, VALUE),
            ShapeError,
            "expected latents (heads, latents, dim) and key (batch, kv_heads, keys, dim), got (17, 11) and (2, 3, 7, 11)",
        ),
        (
            lambda: read_into_latents(POINTS[:2], KEY, VALUE),
            ShapeError,
            "expected heads to be a multiple of kv_heads, got query heads=2 and key heads=3",
        ),
        (
            lambda: read_into_latents(POINTS.int(), KEY, VALUE),
            DtypeError,
            "expected latents of a floating type, got torch.int32",
        ),
        (
            lambda: induced_attention(QUERY[..., :3], POINTS, KEY, VALUE),
            ShapeError,
            "expected query and key of one dim, got 3 and 11",
        ),
        (
            lambda: induced_attention(QUERY, POINTS[..., :3], KEY, VALUE),
            ShapeError,
            "expected query and key of one dim, got 3 and 11",
        ),
        (
            lambda: induced_attention(QUERY, POINTS.int(), KEY, VALUE),
            DtypeError,
            "expected inducing of a floating type, got torch.int32",
        ),
        (lambda: SetAttentionBlock(6, 4), OptionError, "expected dim to be a multiple of heads, got dim=6 and heads=4"),
        (lambda: InducedSetAttentionBlock(6, 3, 0), OptionError, "points: expected a whole number of at least 1, got 0"),
        (lambda: PoolingByAttention(6, 3, True), OptionError, "seeds: expected a whole number of at least 1, got True"),
        (
            lambda: SetAttentionBlock(6, 3)(torch.ones(2, 5)),
            ShapeError,
            "expected x of 6 features, those this layer was made for, got (2, 5)",
        ),
        (
            lambda: PoolingByAttention(6, 3)(torch.ones(2, 6).double()),
            DtypeError,
            "expected z of the layer's type, torch.float32, got torch.float64",
        ),
        (
            lambda: MultiHeadAttentionBlock(6, 3)(torch.ones(2, 5, 6), torch.ones(3, 5, 6)),
            ShapeError,
            "expected x and memory of one batch, got (2, 5, 6) and (3, 5, 6)",
        ),
        (lambda: PerceiverLayer(6, 4), OptionError, "expected dim to be a multiple of heads, got dim=6 and heads=4"),
        (lambda: PerceiverLayer(6, 3, widening=0), OptionError, "widening: expected a whole number of at least 1, got 0"),
        (
            lambda: PerceiverLayer(6, 3, 5)(torch.ones(1, 2, 6)),
            ShapeError,
            "memory: expected (batch, keys, memory_dim), got None",
        ),
        (
            lambda: PerceiverLayer(6, 3)(torch.ones(1, 2, 6), torch.ones(1, 3, 6)),
            ShapeError,
            "memory: expected None, as this layer looks at x, got (1, 3, 6)",
        ),
        (
            lambda: PerceiverLayer(6, 3, 5)(torch.ones(1, 2, 6), torch.ones(1, 3, 6)),
            ShapeError,
            "expected memory of 5 features, those this layer was made for, got (1, 3, 6)",
        ),
        (lambda: Perceiver(5, 6, 0, 6, 3, 1), OptionError, "latents: expected a whole number of at least 1, got 0"),
        (lambda: Perceiver(5, 6, 2, 6, 3, -1), OptionError, "depth: expected a whole number of at least 0, got -1"),
        (
            lambda: Perceiver(5, 6, 2, 6, 3, 1)(torch.ones(1, 4, 6), torch.ones(1, 2, 6)),
            ShapeError,
            "expected x of 5 features, those this layer was made for, got (1, 4, 6)",
        ),
    ],
)
def test_mistakes_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
