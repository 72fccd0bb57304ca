"""Positions beside loops over Python numbers, beside Transformers' own, and against what each promises."""

import math

import pytest
import torch
from torch.testing import assert_close
from transformers import BloomConfig, LlamaConfig, T5Config, Wav2Vec2BertConfig, XLNetConfig
from transformers.models.bloom.modeling_bloom import BloomAttention, build_alibi_tensor
from transformers.models.gptj import modeling_gptj
from transformers.models.llama import modeling_llama
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding
from transformers.models.t5.modeling_t5 import T5Attention
from transformers.models.wav2vec2_bert.modeling_wav2vec2_bert import Wav2Vec2BertSelfAttention
from transformers.models.xlnet.modeling_xlnet import XLNetModel, XLNetRelativeAttention

from regard.errors import DtypeError, OptionError, ShapeError
from regard.mechanisms.positions import relative_keys, score_biases
from regard.mechanisms.positions import rotary as turns
from regard.mechanisms.positions.sinusoids import sinusoids
from regard.mechanisms.softmax_attention import attention
from witnesses import scores as oracle

BATCH, HEADS, QUERIES, KEYS, VALUE_DIM, CLIP, FEATURES = 2, 3, 5, 11, 13, 2, 14
DIM = 10  # even, as rotary wants it
BUCKETS, MAX_DISTANCE = 8, 7


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


SHAW = normal(2 * CLIP + 1, DIM, seed=11)
T5 = normal(BUCKETS, HEADS, seed=12)
XL = normal(HEADS, DIM, seed=13), normal(HEADS, DIM, seed=14), normal(HEADS, DIM, FEATURES, seed=15)


def shaw(query, key, value, mask=None, *, causal=False):
    return relative_keys.shaw(query, key, value, SHAW, mask, causal=causal)


def transformer_xl(query, key, value, mask=None, *, causal=False):
    return relative_keys.transformer_xl(query, key, value, *XL, mask, causal=causal)


def t5(query, key, value, mask=None, *, causal=False):
    bias = score_biases.t5_bias(T5, query.shape[2], key.shape[2], MAX_DISTANCE, causal=causal)
    return attention(query, key, value, mask, causal=causal, bias=bias, scale=1.0)


def alibi(query, key, value, mask=None, *, causal=False):
    bias = score_biases.alibi_bias(query.shape[1], query.shape[2], key.shape[2], dtype=torch.float64)
    return attention(query, key, value, mask, causal=causal, bias=bias)


def rotary(turn):
    def attend(query, key, value, mask=None, *, causal=False):
        start = key.shape[2] - query.shape[2]
        return attention(turn(query, start=start), turn(key), value, mask, causal=causal)

    return attend


#: name: ours, and the oracle's score for causal or not
MECHANISMS = {
    "shaw": (shaw, lambda _: oracle.shaw(SHAW)),
    "transformer_xl": (transformer_xl, lambda _: oracle.transformer_xl(*XL)),
    "t5": (t5, lambda causal: oracle.t5(T5, MAX_DISTANCE, causal)),
    "alibi": (alibi, lambda _: oracle.alibi(HEADS)),
    "rotary_half": (rotary(turns.rotary_half), lambda _: oracle.rotary(oracle.halves)),
    "rotary_interleaved": (rotary(turns.rotary_interleaved), lambda _: oracle.rotary(oracle.neighbours)),
}
EVERY = pytest.mark.parametrize("name", MECHANISMS)
CAUSAL = pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
ROTARY = pytest.mark.parametrize("turn", [turns.rotary_half, turns.rotary_interleaved])


def inputs(queries=QUERIES, keys=KEYS, kv_heads=HEADS, dtype=torch.float64):
    return (
        normal(BATCH, HEADS, queries, DIM, seed=1, dtype=dtype),
        normal(BATCH, kv_heads, keys, DIM, seed=2, dtype=dtype),
        normal(BATCH, kv_heads, keys, VALUE_DIM, seed=3, dtype=dtype),
    )


@EVERY
@CAUSAL
@pytest.mark.parametrize("mask", [None, normal(BATCH, 1, QUERIES, KEYS, seed=5) > 0], ids=["all", "mask"])
def test_equals_the_loops(name, causal, mask):
    ours, score = MECHANISMS[name]
    truth = oracle.attend(score(causal), *inputs(), mask, causal=causal)
    assert_close(ours(*inputs(), mask, causal=causal), truth)


@EVERY
def test_grouped_heads_equal_the_loops(name):
    ours, score = MECHANISMS[name]
    factors = inputs(kv_heads=1)
    assert_close(ours(*factors, causal=True), oracle.attend(score(True), *factors, causal=True))


@EVERY
def test_half_precision(name):
    ours, score = MECHANISMS[name]
    factors = inputs(dtype=torch.bfloat16)
    output, weights = ours(*factors)
    assert (output.dtype, weights.dtype) == (torch.bfloat16, torch.float32)
    if name.startswith("rotary"):  # turned keys are stored in half precision, as every model's cache has them
        turn = getattr(turns, name)
        turned = turn(factors[0].double(), start=KEYS - QUERIES), turn(factors[1].double())
        factors = (*(tensor.to(torch.bfloat16) for tensor in turned), factors[2])
        truth = oracle.attend(lambda _h, _i, _j, q, k: oracle.product(q, k) / DIM**0.5, *factors)
    else:
        truth = oracle.attend(score(False), *factors)
    assert_close(weights.double(), truth[1], atol=2e-6, rtol=2e-5)
    assert_close(output, truth[0].to(torch.bfloat16))


@EVERY
def test_autocast_does_not_lower_the_precision(name):
    ours, _ = MECHANISMS[name]
    truth = ours(*inputs(dtype=torch.float32))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_close(ours(*inputs(dtype=torch.float32)), truth, atol=0, rtol=0)


@EVERY
@CAUSAL
def test_moving_the_text_changes_nothing(name, causal):
    """Positions count from 0, but after four hidden tokens the text has the same weights and outputs as without them."""
    ours, _ = MECHANISMS[name]
    query, key, value = inputs(queries=KEYS)
    moved = [
        torch.cat([normal(*tensor.shape[:2], 4, tensor.shape[3], seed=9), tensor], dim=2) for tensor in (query, key, value)
    ]
    output, weights = ours(*moved, torch.arange(KEYS + 4) >= 4, causal=causal)
    assert_close((output[:, :, 4:], weights[:, :, 4:, 4:]), ours(query, key, value, causal=causal))


@EVERY
def test_order_matters_without_a_mask(name):
    ours, _ = MECHANISMS[name]
    query, key, value = inputs()
    assert not torch.allclose(ours(query, key, value)[0], ours(query, key.flip(2), value.flip(2))[0], atol=1e-3)


@EVERY
def test_a_step_of_decoding_is_the_last_row(name):
    ours, _ = MECHANISMS[name]
    query, key, value = inputs(queries=KEYS)
    whole = ours(query, key, value, causal=True)
    for step in range(1, KEYS + 1):
        last = ours(query[:, :, step - 1 : step], key[:, :, :step], value[:, :, :step], causal=True)
        assert_close(last[0], whole[0][:, :, step - 1 : step])
        assert_close(last[1], whole[1][:, :, step - 1 : step, :step])


@EVERY
def test_what_is_hidden_does_not_leak(name):
    ours, _ = MECHANISMS[name]
    query, key, value = inputs()
    visible = torch.arange(KEYS) < 7
    expected = ours(query, key, value, visible)
    key[:, :, 7:], value[:, :, 7:] = math.nan, math.inf
    assert_close(ours(query, key, value, visible), expected)


@EVERY
@CAUSAL
def test_gradients(name, causal):
    ours, _ = MECHANISMS[name]
    tensors = [tensor.requires_grad_() for tensor in inputs()]
    assert torch.autograd.gradcheck(lambda *given: ours(*given, causal=causal), tensors, fast_mode=True)


def test_gradients_of_what_is_learned():
    factors = inputs()
    table = SHAW.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda table: relative_keys.shaw(*factors, table), table, fast_mode=True)
    learned = [tensor.clone().requires_grad_() for tensor in XL]
    assert torch.autograd.gradcheck(lambda *given: relative_keys.transformer_xl(*factors, *given), learned, fast_mode=True)
    table = T5.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda table: score_biases.t5_bias(table, 5, 7, MAX_DISTANCE), table, fast_mode=True)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("ours", [shaw, transformer_xl])
def test_axes_may_be_left_out(ours, axes, monkeypatch):
    corner = (0,) * (4 - axes)
    expected = ours(*inputs())
    if axes == 2:
        monkeypatch.setattr(f"{__name__}.XL", tuple(tensor[:1] for tensor in XL))
    found = ours(*(tensor[corner] for tensor in inputs()))
    assert_close(found, tuple(tensor[corner] for tensor in expected))


class TestSinusoids:
    def test_equal_the_loops(self):
        table = sinusoids(7, FEATURES, start=1000, base=500.0, dtype=torch.float64)
        expected = [oracle.sinusoid(position, FEATURES, 500.0) for position in range(1000, 1007)]
        assert_close(table, torch.tensor(expected, dtype=torch.float64))

    def test_equal_marians_with_the_channels_in_another_order(self):
        theirs = MarianSinusoidalPositionalEmbedding(101, FEATURES).create_weight()
        ours = sinusoids(101, FEATURES)
        assert ours.dtype == torch.float32
        assert_close(torch.cat([ours[:, 0::2], ours[:, 1::2]], dim=1), theirs)

    def test_a_step_is_one_linear_map_whatever_the_position(self):
        table = sinusoids(101, FEATURES, base=5.0, dtype=torch.float64)
        step = torch.linalg.lstsq(table[:40], table[13:53]).solution  # fitted on some positions
        assert_close(table[40:88] @ step, table[53:101])  # holds on the others
        assert_close(step @ step.mT, torch.eye(FEATURES, dtype=torch.float64))  # it is a rotation

    def test_products_know_the_distance_only(self):
        table = sinusoids(31, FEATURES, dtype=torch.float64)
        assert_depends_on_distance(table @ table.mT)

    def test_a_cache_goes_on_where_it_stopped(self):
        whole = sinusoids(17, FEATURES)
        parts = [sinusoids(11, FEATURES), sinusoids(6, FEATURES, start=11)]
        assert_close(torch.cat(parts), whole, atol=0, rtol=0)

    def test_refuse_what_cannot_be(self):
        with pytest.raises(OptionError, match="dim: expected an even number, got 7"):
            sinusoids(5, 7)
        with pytest.raises(OptionError, match="length: expected a whole number of at least 1, got 0"):
            sinusoids(0, 8)
        with pytest.raises(OptionError, match="base: expected a number above 0, got -1"):
            sinusoids(5, 8, base=-1)


def assert_depends_on_distance(matrix):
    """Each diagonal holds one number."""
    assert_close(matrix[..., 1:, 1:], matrix[..., :-1, :-1])
    assert matrix.std() > 0.01


class TestShaw:
    def test_equals_wav2vec2_bert(self):
        sizes = {"hidden_size": HEADS * DIM, "num_attention_heads": HEADS, "attention_dropout": 0.0}
        clips = {"left_max_position_embeddings": CLIP, "right_max_position_embeddings": CLIP}
        config = Wav2Vec2BertConfig(**sizes, **clips, position_embeddings_type="relative_key", attn_implementation="eager")
        module = randomised(Wav2Vec2BertSelfAttention(config))
        x = normal(BATCH, KEYS, HEADS * DIM, seed=21)
        query, key, value = (split(project(x)) for project in (module.linear_q, module.linear_k, module.linear_v))
        output, weights = relative_keys.shaw(query, key, value, module.distance_embedding.weight)
        assert_close((module.linear_out(joined(output)), weights), module(x))

    def test_distances_beyond_clip_are_alike(self):
        query, key, value = inputs(queries=1)
        key = key[:, :, :1].expand_as(key)
        weights = shaw(query, key, value)[1].squeeze(2)
        assert_close(weights[..., : KEYS - CLIP], weights[..., :1].expand(-1, -1, KEYS - CLIP))
        assert weights[..., KEYS - CLIP - 1 :].diff().abs().min() > 1e-4

    @pytest.mark.parametrize("shape", [(4, DIM), (5, DIM - 1), (5,), (1, 5, DIM)])
    def test_refuses_tables_of_another_shape(self, shape):
        with pytest.raises(ShapeError, match=r"expected table \(2·clip \+ 1, dim=10\), got \(.*; give a row for each distance"):
            relative_keys.shaw(*inputs(), torch.zeros(shape))

    def test_refuses_tables_of_integers(self):
        with pytest.raises(DtypeError, match=r"expected table of a floating type, got torch\.int64"):
            relative_keys.shaw(*inputs(), SHAW.long())


class TestTransformerXL:
    def test_equals_xlnet(self):
        width = HEADS * DIM
        config = XLNetConfig(d_model=width, n_head=HEADS, d_inner=7, n_layer=1, dropout=0.0)
        module = randomised(XLNetRelativeAttention(config))
        distances = torch.arange(KEYS, -QUERIES, -1.0, dtype=torch.float64)  # as its forward has them, with a memory
        frequencies = 10000 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
        r = XLNetModel.positional_embedding(distances, frequencies)  # all sines, then all cosines
        query, key, value = inputs()
        theirs = module.rel_attn_core(
            *(tensor.permute(2, 0, 1, 3) for tensor in (query, key, value)),
            torch.einsum("ibh,hnd->ibnd", r, module.r).expand(-1, BATCH, -1, -1),
            output_attentions=True,
        )
        order = torch.arange(width).view(2, -1).T.flatten()  # a sine, its cosine, the next sine
        weight = module.r.permute(1, 2, 0)[..., order]  # (heads, dim, features)
        output, weights = relative_keys.transformer_xl(query, key, value, module.r_w_bias, module.r_r_bias, weight)
        assert_close((output.permute(2, 0, 1, 3), weights.permute(2, 3, 0, 1)), theirs)

    @pytest.mark.parametrize(
        ("number", "shape", "message"),
        [
            (0, (DIM,), r"expected content_bias \(heads=3, dim=10\), got \(10,\)"),
            (1, (HEADS, DIM - 1), r"expected position_bias \(heads=3, dim=10\), got \(3, 9\)"),
            (2, (HEADS, DIM, 7), r"expected position_weight \(heads, dim, features\) with features even, got \(3, 10, 7\)"),
            (2, (DIM, FEATURES), r"expected position_weight \(heads=3, dim=10, features\), got \(10, 14\)"),
        ],
    )
    def test_refuses_other_shapes(self, number, shape, message):
        learned = list(XL)
        learned[number] = torch.zeros(shape)
        with pytest.raises(ShapeError, match=message):
            relative_keys.transformer_xl(*inputs(), *learned)


class TestT5:
    @CAUSAL
    @pytest.mark.parametrize(("buckets", "max_distance"), [(32, 128), (8, 7), (6, 20), (14, 100), (4, 3), (64, 256)])
    def test_buckets_equal_t5_and_whole_numbers(self, causal, buckets, max_distance):
        relative = torch.arange(-300, 301)
        ours = score_biases.t5_buckets(relative, buckets, max_distance, causal=causal)
        theirs = T5Attention._relative_position_bucket(relative, not causal, buckets, max_distance)
        assert_close(ours, theirs, atol=0, rtol=0)
        exact = [oracle.t5_bucket(distance, buckets, max_distance, causal) for distance in range(-300, 301)]
        assert_close(ours, torch.tensor(exact), atol=0, rtol=0)
        assert set(ours.tolist()) <= set(range(buckets))

    @CAUSAL
    def test_equals_t5(self, causal):
        sizes = {"d_model": 7, "num_heads": HEADS, "d_kv": DIM, "dropout_rate": 0.0}
        tables = {"relative_attention_num_buckets": BUCKETS, "relative_attention_max_distance": MAX_DISTANCE}
        config = T5Config(**sizes, **tables, is_decoder=causal, attn_implementation="eager")
        module = randomised(T5Attention(config, has_relative_attention_bias=True, layer_idx=0))
        x = normal(BATCH, KEYS, 7, seed=21)
        future = torch.full((KEYS, KEYS), -math.inf, dtype=torch.float64).triu(1)
        theirs, bias, weights = module(x, mask=future.expand(BATCH, 1, -1, -1) if causal else None, output_attentions=True)
        query, key, value = (split(project(x)) for project in (module.q, module.k, module.v))
        table = module.relative_attention_bias.weight
        ours = score_biases.t5_bias(table, KEYS, KEYS, MAX_DISTANCE, causal=causal)
        if not causal:
            assert_close(ours[None].expand_as(bias), bias)
        output, found = attention(query, key, value, causal=causal, scale=1.0, bias=ours)
        assert_close((module.o(joined(output)), found), (theirs, weights))

    @CAUSAL
    def test_bias_knows_the_distance_only(self, causal):
        assert_depends_on_distance(score_biases.t5_bias(T5, KEYS, KEYS, MAX_DISTANCE, causal=causal))

    def test_refuses_buckets_that_cannot_be(self):
        relative = torch.arange(5)
        with pytest.raises(
            OptionError,
            match="the number of small distances, got buckets=7 and max_distance=128 with causal=False",
        ):
            score_biases.t5_buckets(relative, 7)
        with pytest.raises(OptionError, match=r"buckets=2 .*with causal=False"):
            score_biases.t5_buckets(relative, 2)
        with pytest.raises(OptionError, match=r"a max_distance above 16, the number of small distances"):
            score_biases.t5_buckets(relative, 32, 16, causal=True)
        with pytest.raises(DtypeError, match="relative: expected a tensor of whole numbers, got torch.float32; write torch"):
            score_biases.t5_buckets(relative.float())
        with pytest.raises(DtypeError, match="relative: expected a tensor of whole numbers, got int"):
            score_biases.t5_buckets(-3)
        with pytest.raises(OptionError, match="buckets: expected a whole number of at least 1, got 0"):
            score_biases.t5_buckets(relative, 0)

    def test_refuses_tables_and_sizes_that_cannot_be(self):
        with pytest.raises(ShapeError, match=r"expected table \(buckets, heads\), got \(8,\)"):
            score_biases.t5_bias(T5[:, 0], 5, 5)
        with pytest.raises(DtypeError, match=r"expected table of a floating type, got torch\.int64"):
            score_biases.t5_bias(T5.long(), 5, 5)
        with pytest.raises(OptionError, match="queries: expected a whole number of at least 1, got 0"):
            score_biases.t5_bias(T5, 0, 5)


class TestALiBi:
    @pytest.mark.parametrize("heads", [1, 2, 3, 5, 6, 8, 12, 16, 31, 112])
    def test_slopes_equal_the_authors_and_blooms(self, heads):
        ours = score_biases.alibi_slopes(heads)
        assert_close(ours, torch.tensor(oracle.slopes(heads), dtype=torch.float64))
        theirs = build_alibi_tensor(torch.ones(1, 2), heads, torch.float32)[:, 0, 1]  # slope times position 1
        assert_close(ours.float(), theirs)
        assert len(set(ours.tolist())) == heads

    def test_weights_equal_blooms(self):
        """BLOOM adds slope · j, which differs by slope · i from −slope · (i − j): softmax forgets it."""
        heads = 6
        config = BloomConfig(hidden_size=heads * DIM, n_head=heads, hidden_dropout=0.0, attention_dropout=0.0)
        module = randomised(BloomAttention(config, layer_idx=0))
        x = normal(BATCH, KEYS, heads * DIM, seed=21)
        theirs = build_alibi_tensor(torch.ones(BATCH, KEYS), heads, torch.float64)
        hidden = torch.full((KEYS, KEYS), torch.finfo(torch.float64).min, dtype=torch.float64).triu(1)
        expected = module(
            x, torch.zeros_like(x), theirs, hidden.expand(BATCH, 1, -1, -1), output_attentions=True, use_cache=False
        )
        query, key, value = module.query_key_value(x).view(BATCH, KEYS, heads, 3, DIM).permute(3, 0, 2, 1, 4)
        bias = score_biases.alibi_bias(heads, KEYS, KEYS, dtype=torch.float64)
        output, weights = attention(query, key, value, causal=True, bias=bias)
        # BLOOM's slopes are float32
        assert_close((module.dense(joined(output)), weights), expected[:2], atol=1e-6, rtol=1e-5)

    def test_bias_knows_the_distance_only(self):
        assert_depends_on_distance(score_biases.alibi_bias(HEADS, KEYS, KEYS))

    def test_the_last_query_stands_at_the_last_key(self):
        whole = score_biases.alibi_bias(HEADS, KEYS, KEYS)
        assert_close(score_biases.alibi_bias(HEADS, 3, KEYS), whole[:, -3:], atol=0, rtol=0)

    def test_refuses_numbers_that_cannot_be(self):
        with pytest.raises(OptionError, match="heads: expected a whole number of at least 1, got 0"):
            score_biases.alibi_slopes(0)
        with pytest.raises(OptionError, match="keys: expected a whole number of at least 1, got 2.5"):
            score_biases.alibi_bias(2, 2, 2.5)


class TestRotary:
    def test_half_equals_llama(self):
        query, key, _ = inputs(queries=KEYS)
        angles = torch.arange(KEYS, dtype=torch.float64)[:, None] * 10000 ** (-torch.arange(0, DIM, 2).double() / DIM)
        angles = torch.cat([angles, angles], dim=-1).expand(BATCH, -1, -1)
        expected = modeling_llama.apply_rotary_pos_emb(query, key, angles.cos(), angles.sin())
        assert_close((turns.rotary_half(query), turns.rotary_half(key)), expected)

    def test_half_equals_llamas_own_angles(self):
        """Llama's angles are float32: at position 1,000 they are right to 1e-4."""
        query, key, _ = inputs(queries=KEYS, dtype=torch.float32)
        scaling = {"rope_type": "default", "rope_theta": 500000.0}
        config = LlamaConfig(hidden_size=HEADS * DIM, num_attention_heads=HEADS, rope_parameters=scaling)
        steps = torch.arange(1000, 1000 + KEYS).expand(BATCH, -1)
        cos, sin = modeling_llama.LlamaRotaryEmbedding(config)(query, steps)
        expected = modeling_llama.apply_rotary_pos_emb(query, key, cos, sin)
        ours = tuple(turns.rotary_half(tensor, start=1000, base=500000.0) for tensor in (query, key))
        assert_close(ours, expected, atol=2e-4, rtol=0)

    def test_interleaved_equals_gptj(self):
        query, _, _ = inputs()
        table = modeling_gptj.create_sinusoidal_positions(1000 + QUERIES, DIM)[1000:]
        sin, cos = sinusoids(QUERIES, DIM, start=1000, dtype=torch.float64).unflatten(-1, (-1, 2)).unbind(-1)
        assert_close(torch.cat([sin, cos], dim=-1).float(), table, atol=1e-4, rtol=0)  # theirs is float32, as Llama's
        expected = modeling_gptj.apply_rotary_pos_emb(query.transpose(1, 2), sin[None], cos[None]).transpose(1, 2)
        assert_close(turns.rotary_interleaved(query, start=1000), expected)

    def test_one_pairing_is_the_other_with_channels_reordered(self):
        query, _, _ = inputs()
        order = torch.tensor(oracle.neighbours(DIM)).T.flatten()  # all firsts of pairs, then all seconds
        turned = turns.rotary_half(query[..., order], start=3)
        assert_close(turned, turns.rotary_interleaved(query, start=3)[..., order])
        assert not torch.allclose(turns.rotary_half(query, start=3), turns.rotary_interleaved(query, start=3))

    @ROTARY
    def test_scores_know_the_distance_only(self, turn):
        query, key, _ = (tensor[:, :, :1].expand(-1, -1, KEYS, -1) for tensor in inputs())
        assert_depends_on_distance(turn(query) @ turn(key).mT)
        near = turn(query) @ turn(key).mT
        assert_close(turn(query, start=100_000) @ turn(key, start=100_000).mT, near)

    @ROTARY
    def test_lengths_stay(self, turn):
        query, _, _ = inputs()
        assert_close(turn(query, start=77).norm(dim=-1), query.norm(dim=-1))
        assert_close(turn(query)[:, :, 0], query[:, :, 0])  # position 0 is not turned

    @ROTARY
    def test_a_cache_keeps_turned_keys(self, turn):
        query, key, value = inputs(queries=KEYS)
        whole = attention(turn(query), turn(key), value, causal=True)
        cache = turn(key[:, :, :6])
        for step in range(6, KEYS):
            new = slice(step, step + 1)
            cache = torch.cat([cache, turn(key[:, :, new], start=step)], dim=2)
            output, weights = attention(turn(query[:, :, new], start=step), cache, value[:, :, : step + 1], causal=True)
            assert_close((output, weights), (whole[0][:, :, new], whole[1][:, :, new, : step + 1]))

    @ROTARY
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
    def test_is_rounded_once(self, turn, dtype):
        x = normal(3, 7, DIM, dtype=dtype)
        assert_close(turn(x, start=100_000), turn(x.double(), start=100_000).to(dtype))

    @ROTARY
    def test_refuses_what_cannot_be_turned(self, turn):
        with pytest.raises(
            ShapeError, match=r"expected x \(..., positions, dim\) with dim even and no size of 0, got \(5, 7\)"
        ):
            turn(torch.ones(5, 7))
        with pytest.raises(ShapeError, match=r"expected x .*, got \(6,\)"):
            turn(torch.ones(6))
        with pytest.raises(DtypeError, match=r"expected x of a floating type, got torch.int64; convert it with x.float\(\)"):
            turn(torch.ones(5, 6, dtype=torch.int64))
        with pytest.raises(OptionError, match="base: expected a number above 0, got 0"):
            turn(torch.ones(5, 6), base=0)


@pytest.mark.parametrize("ours", [shaw, transformer_xl])
def test_factors_that_do_not_fit_are_refused(ours):
    query, key, value = inputs()
    with pytest.raises(ShapeError, match="expected query and key of one dim, got 10 and 9"):
        ours(query, key[..., 1:], value)
    with pytest.raises(DtypeError, match="expected value of a floating type, got torch.int64"):
        ours(query, key, value.long())


def randomised(module):
    """The module in float64, with weights of which maps differ from uniform."""
    module = module.double().eval().requires_grad_(False)
    for number, tensor in enumerate(module.parameters()):
        tensor.copy_(normal(*tensor.shape, seed=number) / max(1, tensor.shape[-1]) ** 0.5)
    return module


def split(x):
    """(batch, positions, heads · dim) to (batch, heads, positions, dim)."""
    return x.unflatten(-1, (-1, DIM)).transpose(1, 2)


def joined(x):
    """And back."""
    return x.transpose(1, 2).flatten(-2)
