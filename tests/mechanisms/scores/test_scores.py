"""Score functions beside loops over Python numbers, and beside torch's and Transformers' own where they have them."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close
from transformers import Qwen3Config, Swinv2Config
from transformers.models.qwen3.modeling_qwen3 import Qwen3Attention
from transformers.models.swinv2.modeling_swinv2 import Swinv2SelfAttention

from regard import masks
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.mechanisms.scores import score_functions as scores
from regard.mechanisms.softmax_attention import attention, weigh
from witnesses import scores as oracle

BATCH, HEADS, QUERIES, KEYS, DIM, KEY_DIM, VALUE_DIM, HIDDEN = 2, 3, 5, 7, 11, 13, 17, 19
SIZES = (BATCH, HEADS, QUERIES, KEYS)
EPS = 0.1


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


BOOL_MASK = normal(BATCH, 1, QUERIES, KEYS, seed=5) > 0
BOOL_MASK[1, 0, 3] = False
FLOAT_MASK = normal(HEADS, 1, KEYS, seed=6).masked_fill(normal(HEADS, 1, KEYS, seed=7) > 1, -math.inf)
OPTIONS = pytest.mark.parametrize(
    "options",
    [{}, {"causal": True}, {"mask": BOOL_MASK}, {"mask": FLOAT_MASK, "causal": True}],
    ids=lambda options: "+".join(options) or "plain",
)

W, U, V = normal(HIDDEN, DIM, seed=11), normal(HIDDEN, KEY_DIM, seed=12), normal(HIDDEN, seed=13)
JOINED = normal(HIDDEN, DIM + KEY_DIM, seed=14)
BILINEAR = normal(DIM, KEY_DIM, seed=15) / 3
PLACES = normal(KEYS + 4, DIM, seed=16) / 3
SCALE = torch.tensor([0.7, 4.0, 11.0], dtype=torch.float64)
GAINS = normal(DIM, seed=17), normal(DIM, seed=18)

#: name: dim of the keys, learned tensors, our function of (query, key, value, learned), the oracle's score of (learned)
MECHANISMS = {
    "additive": (KEY_DIM, (W, U, V), scores.additive, oracle.additive),
    "dot": (DIM, (), scores.dot, oracle.dot),
    "general": (KEY_DIM, (BILINEAR,), scores.general, oracle.general),
    "concat": (KEY_DIM, (JOINED, V), scores.concat, oracle.concat),
    "location": (
        DIM,
        (PLACES,),
        lambda query, _key, value, *rest, **options: scores.location(query, value, *rest, **options),
        oracle.location,
    ),
    "cosine": (DIM, (SCALE,), scores.cosine, oracle.cosine),
    "qk_norm": (
        DIM,
        GAINS,
        lambda *given, **options: scores.qk_norm(*given, **options, eps=EPS),
        lambda *gains: oracle.qk_norm(*gains, EPS),
    ),
    "kernel_regression": (
        DIM,
        (),
        lambda *given, **options: scores.kernel_regression(*given, **options, bandwidth=3.0),
        lambda: oracle.kernel_regression(3.0),
    ),
}
EVERY = pytest.mark.parametrize("name", MECHANISMS)


def inputs(name, dtype=torch.float64, heads=HEADS, kv_heads=HEADS, queries=QUERIES):
    key_dim, learned, ours, witness = MECHANISMS[name]
    query = normal(BATCH, heads, queries, DIM, seed=1, dtype=dtype)
    key = normal(BATCH, kv_heads, KEYS, key_dim, seed=2, dtype=dtype)
    value = normal(BATCH, kv_heads, KEYS, VALUE_DIM, seed=3, dtype=dtype)
    return (query, key, value), learned, ours, witness(*learned)


@EVERY
@OPTIONS
def test_equals_the_loops(name, options):
    factors, learned, ours, score = inputs(name)
    assert_close(ours(*factors, *learned, **options), oracle.attend(score, *factors, **options))


@EVERY
def test_grouped_heads_equal_the_loops(name):
    factors, learned, ours, score = inputs(name, heads=6, kv_heads=2)
    if name == "cosine":
        learned = (torch.cat([SCALE, SCALE + 1]),)
        score = oracle.cosine(*learned)
    assert_close(ours(*factors, *learned, causal=True), oracle.attend(score, *factors, causal=True))


@EVERY
def test_half_precision_is_computed_in_float32(name):
    factors, learned, ours, score = inputs(name, dtype=torch.bfloat16)
    output, weights = ours(*factors, *learned)
    assert output.dtype == torch.bfloat16
    assert weights.dtype == torch.float32
    truth = oracle.attend(score, *factors)
    assert_close(weights.double(), truth[1], atol=2e-6, rtol=2e-5)  # scores of size 10, in float32
    assert_close(output, truth[0].to(torch.bfloat16))


@EVERY
def test_autocast_does_not_lower_the_precision(name):
    factors, learned, ours, _ = inputs(name, dtype=torch.float32)
    truth = ours(*factors, *learned)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_close(ours(*factors, *learned), truth, atol=0, rtol=0)


@EVERY
@pytest.mark.parametrize("axes", [2, 3])
def test_axes_may_be_left_out(name, axes):
    factors, learned, ours, _ = inputs(name)
    corner = (0,) * (4 - axes)
    if name == "cosine" and axes == 2:
        expected = ours(*(tensor[:1, :1] for tensor in factors), learned[0][:1])
        learned = (learned[0][:1],)
    else:
        expected = ours(*factors, *learned)
    found = ours(*(tensor[corner] for tensor in factors), *learned)
    assert_close(found, tuple(tensor[corner] for tensor in expected))


@EVERY
def test_what_is_hidden_does_not_leak(name):
    (query, key, value), learned, ours, _ = inputs(name)
    visible = torch.arange(KEYS) < 4
    expected = ours(query, key[:, :, :4], value[:, :, :4], *learned)
    key[:, :, 4:], value[:, :, 4:] = math.nan, math.inf
    output, weights = ours(query, key, value, *learned, mask=visible)
    assert_close((output, weights[..., :4]), expected)
    assert_close(weights[..., 4:], torch.zeros(BATCH, HEADS, QUERIES, KEYS - 4, dtype=torch.float64))


@EVERY
def test_a_step_of_decoding_is_the_last_row(name):
    (query, key, value), learned, ours, _ = inputs(name, queries=KEYS)
    whole = ours(query, key, value, *learned, causal=True)
    for step in range(1, KEYS + 1):
        last = ours(query[:, :, step - 1 : step], key[:, :, :step], value[:, :, :step], *learned, causal=True)
        assert_close(last[0], whole[0][:, :, step - 1 : step])
        assert_close(last[1], whole[1][:, :, step - 1 : step, :step])


@EVERY
def test_gradients(name):
    factors, learned, ours, _ = inputs(name)
    tensors = [tensor.clone().requires_grad_() for tensor in (*factors, *learned)]
    assert torch.autograd.gradcheck(lambda *given: ours(*given, mask=BOOL_MASK), tensors, fast_mode=True)


def test_concat_is_a_network_over_the_joined_vectors():
    (query, key, value), learned, ours, _ = inputs("concat")
    network = nn.Sequential(nn.Linear(DIM + KEY_DIM, HIDDEN, bias=False), nn.Tanh(), nn.Linear(HIDDEN, 1, bias=False)).double()
    network[0].weight.data, network[2].weight.data = JOINED, V[None]
    pairs = torch.cat(
        [query.unsqueeze(3).expand(*SIZES, DIM), key.unsqueeze(2).expand(*SIZES, KEY_DIM)], dim=-1
    )  # (batch, heads, queries, keys, query_dim + key_dim)
    weights = network(pairs).squeeze(-1).softmax(dim=-1)
    assert_close(ours(query, key, value, *learned), (weights @ value, weights))


def test_general_is_bilinear():
    (query, key, value), learned, ours, _ = inputs("general")
    left = query.unsqueeze(3).expand(*SIZES, DIM).contiguous()
    right = key.unsqueeze(2).expand(*SIZES, KEY_DIM).contiguous()
    weights = F.bilinear(left, right, BILINEAR[None]).squeeze(-1).softmax(dim=-1)
    assert_close(ours(query, key, value, *learned), (weights @ value, weights))


def test_dot_is_torchs_attention_without_a_scale():
    factors = inputs("dot")[0]
    assert_close(scores.dot(*factors)[0], F.scaled_dot_product_attention(*factors, scale=1.0))


def test_location_ignores_rows_beyond_the_keys():
    (query, _, value), _, _, _ = inputs("location")
    assert_close(scores.location(query, value, PLACES), scores.location(query, value, PLACES[:KEYS]))


def test_cosine_equals_swin():
    heads, dim, tokens = HEADS, 4, KEYS
    config = Swinv2Config(qkv_bias=True, attention_probs_dropout_prob=0.0)
    module = Swinv2SelfAttention(config, heads * dim, heads, (1, tokens)).double().eval()
    x = normal(BATCH, tokens, heads * dim, seed=21)
    with torch.no_grad():
        for number, tensor in enumerate(module.parameters()):
            tensor.copy_(normal(*tensor.shape, seed=number))
        module.continuous_position_bias_mlp[2].weight.zero_()  # the same bias for every pair: softmax forgets it
        expected = module(x, output_attentions=True)
    query, key, value = (
        project(x).unflatten(-1, (heads, dim)).transpose(1, 2) for project in (module.query, module.key, module.value)
    )
    output, weights = scores.cosine(query, key, value, module.logit_scale.exp().flatten())
    assert_close((output.transpose(1, 2).flatten(-2), weights), expected)


def test_cosine_does_not_see_lengths_and_never_exceeds_its_scale():
    query, key, value = inputs("cosine")[0]
    lengths = normal(KEYS, 1, seed=4).exp() * 100
    assert_close(scores.cosine(query, key * lengths, value, SCALE), scores.cosine(query, key, value, SCALE))
    weights = scores.cosine(query, key, value, SCALE)[1]
    ratio = weights.amax(-1) / weights.amin(-1)
    assert (ratio.log() <= 2 * SCALE[:, None]).all()


def test_a_vector_of_length_zero_is_no_nan():
    query, key, value = inputs("cosine")[0]
    even = torch.full(SIZES, 1 / KEYS, dtype=torch.float64)
    assert_close(scores.cosine(query * 0, key, value, SCALE)[1], even)
    assert_close(scores.qk_norm(query * 0, key, value, *GAINS)[1], even)


def test_qk_norm_equals_qwen():
    heads, kv_heads, dim = 6, 2, 10  # rotary wants dim even
    sizes = {"hidden_size": 7, "num_attention_heads": heads, "num_key_value_heads": kv_heads, "head_dim": dim}
    config = Qwen3Config(**sizes, num_hidden_layers=1, attn_implementation="eager", rms_norm_eps=EPS)
    module = Qwen3Attention(config, layer_idx=0).eval()
    x = normal(BATCH, KEYS, 7, seed=21, dtype=torch.float32)
    still = torch.ones(BATCH, KEYS, dim), torch.zeros(BATCH, KEYS, dim)  # no rotation: cosine 1, sine 0
    with torch.no_grad():
        for number, tensor in enumerate(module.parameters()):
            tensor.copy_(normal(*tensor.shape, seed=number))
        output, weights = module(x, position_embeddings=still, attention_mask=None)
        query, key, value = (
            project(x).unflatten(-1, (-1, dim)).transpose(1, 2) for project in (module.q_proj, module.k_proj, module.v_proj)
        )
        ours = scores.qk_norm(query, key, value, module.q_norm.weight, module.k_norm.weight, eps=EPS)
        assert_close((module.o_proj(ours[0].transpose(1, 2).flatten(-2)), ours[1]), (output, weights), atol=1e-5, rtol=1e-5)


def test_qk_norm_with_one_gain_is_henrys_and_cosine():
    query, key, value = inputs("qk_norm")[0]
    g = 5.0
    gain = torch.full((DIM,), g / DIM**0.5, dtype=torch.float64)
    found = scores.qk_norm(query, key, value, gain, torch.ones_like(gain), eps=1e-300)
    weights = torch.softmax(g * F.cosine_similarity(query.unsqueeze(3), key.unsqueeze(2), dim=-1), dim=-1)
    assert_close(found, (weights @ value, weights))
    assert_close(found, scores.cosine(query, key, value, torch.full((HEADS,), g, dtype=torch.float64)))


def test_kernel_regression_weighs_by_densities():
    query, key, value = inputs("kernel_regression")[0]
    density = torch.distributions.Normal(key.unsqueeze(2), 3.0).log_prob(query.unsqueeze(3)).sum(-1).exp()
    weights = density / density.sum(-1, keepdim=True)
    assert_close(scores.kernel_regression(query, key, value, bandwidth=3.0), (weights @ value, weights))


def test_kernel_regression_is_dot_product_attention_with_a_bias():
    query, key, value = inputs("kernel_regression")[0]
    h = 0.9
    bias = -key.square().sum(-1)[:, :, None] / (2 * h**2)
    found = scores.kernel_regression(query, key, value, bandwidth=h)
    assert_close(found, attention(query, key, value, scale=1 / h**2, bias=bias))


def test_kernel_regression_is_exact_far_from_zero():
    """In float32, ‖q‖² − 2 q · k + ‖k‖² would lose the distance: years are near one another, and far from 0."""
    years = torch.arange(1990.0, 2001.0)[:, None]
    found = scores.kernel_regression(years, years, years, bandwidth=0.7)
    assert_close(found[1], scores.kernel_regression(years - 1995, years - 1995, years, bandwidth=0.7)[1], atol=0, rtol=0)


class TestWeigh:
    """The step that all of them share."""

    @OPTIONS
    def test_equals_attention_on_its_scores(self, options):
        factors = inputs("dot")[0]
        given = factors[0] @ factors[1].mT / DIM**0.5
        assert_close(weigh(given, factors[2], **options), attention(*factors, **options))

    def test_takes_predicates_and_grouped_heads(self):
        (query, key, value), _, _, _ = inputs("dot", heads=6, kv_heads=2)
        given = query @ key.repeat_interleave(3, dim=1).mT / DIM**0.5
        near = masks.window(3, KEYS - QUERIES)
        assert_close(weigh(given, value, near), attention(query, key, value, near))

    @pytest.mark.parametrize("axes", [2, 3])
    def test_axes_may_be_left_out(self, axes):
        given, value = normal(*SIZES), normal(BATCH, HEADS, KEYS, VALUE_DIM, seed=1)
        corner = (0,) * (4 - axes)
        whole = weigh(given, value, causal=True)
        assert_close(weigh(given[corner], value[corner], causal=True), tuple(tensor[corner] for tensor in whole))

    def test_rows_that_see_nothing_are_zero(self):
        given, value = normal(*SIZES).requires_grad_(), normal(BATCH, HEADS, KEYS, VALUE_DIM, seed=1)
        output, weights = weigh(given, value, torch.tensor(False))
        assert_close(weights, torch.zeros(SIZES, dtype=torch.float64))
        assert_close(output, torch.zeros(BATCH, HEADS, QUERIES, VALUE_DIM, dtype=torch.float64))
        output.sum().backward()
        assert_close(given.grad, torch.zeros(SIZES, dtype=torch.float64))

    @pytest.mark.parametrize(
        ("of_scores", "of_value", "of_weights"),
        [
            (torch.float32, torch.bfloat16, torch.float32),
            (torch.float16, torch.float16, torch.float32),
            (torch.float32, torch.float64, torch.float64),
        ],
    )
    def test_dtypes(self, of_scores, of_value, of_weights):
        given, value = normal(*SIZES, dtype=of_scores), normal(BATCH, HEADS, KEYS, VALUE_DIM, seed=1, dtype=of_value)
        output, weights = weigh(given, value)
        assert (output.dtype, weights.dtype) == (of_value, of_weights)
        expected = given.double().softmax(-1)
        assert_close(weights, expected.to(of_weights))
        assert_close(output, (expected @ value.double()).to(of_value))

    @pytest.mark.parametrize(
        ("of_scores", "of_value", "message"),
        [
            (
                SIZES,
                (BATCH, HEADS, KEYS - 1, VALUE_DIM),
                r"expected batch=2 and keys=7 in scores and value, and value heads that divide heads=3",
            ),
            (
                SIZES,
                (BATCH, 2, KEYS, VALUE_DIM),
                "expected batch=2 and keys=7 in scores and value, and value heads that divide heads=3",
            ),
            (SIZES, (BATCH + 1, HEADS, KEYS, VALUE_DIM), r"expected batch=2"),
            (
                SIZES,
                (HEADS, KEYS, VALUE_DIM),
                r"or both without their first axes, and every size at least 1, got value \(3, 7, 17\)",
            ),
            (
                (KEYS,),
                (KEYS,),
                r"or both without their first axes, and every size at least 1, got scores \(7,\)",
            ),
            (
                (BATCH, HEADS, 0, KEYS),
                (BATCH, HEADS, KEYS, VALUE_DIM),
                r"or both without their first axes, and every size at least 1, got scores \(2, 3, 0, 7\)",
            ),
        ],
    )
    def test_sizes_that_do_not_fit(self, of_scores, of_value, message):
        with pytest.raises(ShapeError, match=message):
            weigh(torch.zeros(of_scores), torch.zeros(of_value))

    def test_other_input_that_is_refused(self):
        given, value = normal(*SIZES), normal(BATCH, HEADS, KEYS, VALUE_DIM)
        with pytest.raises(DtypeError, match=r"expected scores of a floating type, got torch\.int64"):
            weigh(given.long(), value)
        with pytest.raises(DtypeError, match="as mask, got torch.int64"):
            weigh(given, value, torch.ones(KEYS, dtype=torch.int64))
        with pytest.raises(ShapeError, match=r"got \(11,\); axis -1 \(keys\) must be 7 or 1"):
            weigh(given, value, torch.ones(11, dtype=torch.bool))
        given[1, 2, 3, 4] = math.nan
        with pytest.raises(ScoreError, match="got nan at batch 1, head 2, query 3, key 4"):
            weigh(given, value)


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("additive", {0: W.mT}, r"expected query_weight \(hidden, query_dim=11\), got \(11, 19\)"),
        ("additive", {1: U[1:]}, r"expected key_weight \(hidden=19, key_dim=13\), got \(18, 13\)"),
        ("additive", {2: V[None]}, r"expected score_weight \(hidden=19,\), got \(1, 19\)"),
        ("general", {0: BILINEAR.mT}, r"expected weight \(query_dim=11, key_dim=13\), got \(13, 11\)"),
        ("concat", {0: W}, r"expected weight \(hidden, query_dim \+ key_dim=24\), got \(19, 11\)"),
        ("concat", {1: V[1:]}, r"expected score_weight \(hidden=19,\), got \(18,\)"),
        ("location", {0: PLACES[:5]}, r"expected weight \(positions, dim\) with a row for each of 7 keys, got \(5, 11\)"),
        ("location", {0: PLACES[:, 1:]}, r"expected weight \(positions, dim=11\), got \(11, 10\)"),
        ("cosine", {0: SCALE[:2]}, r"expected scale \(heads=3,\), got \(2,\)"),
        ("qk_norm", {1: GAINS[1][None]}, r"expected key_gain \(dim=11,\), got \(1, 11\)"),
    ],
)
def test_learned_tensors_of_the_wrong_shape(name, wrong, message):
    factors, learned, ours, _ = inputs(name)
    given = [wrong.get(number, tensor) for number, tensor in enumerate(learned)]
    with pytest.raises(ShapeError, match=message):
        ours(*factors, *given)


@EVERY
def test_input_that_is_refused(name):
    (query, key, value), learned, ours, _ = inputs(name)
    with pytest.raises(DtypeError, match=r"expected query of a floating type, got torch\.int64"):
        ours(query.long(), key, value, *learned)
    with pytest.raises(ShapeError, match="expected one batch size, got|expected batch=2 and keys=7"):
        ours(query, key[:1], value[:1], *learned)
    with pytest.raises(ShapeError, match="expected query .*, got .*; add the missing axes"):
        ours(query[0, 0, 0], key, value, *learned)
    if name == "location":
        with pytest.raises(ShapeError, match=r"expected scores .* and value .*, got value \(17,\)"):
            ours(query, key, value[0, 0, 0], *learned)
        return
    with pytest.raises(ShapeError, match="expected one value for each key, got 7 keys and 6 values"):
        ours(query, key, value[:, :, 1:], *learned)
    with pytest.raises(DtypeError, match="expected query and key of one type, got torch.float64 and torch.float32"):
        ours(query, key.float(), value, *learned)
    if learned:
        with pytest.raises(DtypeError, match="of a floating type, got torch.int64"):
            ours(query, key, value, learned[0].long(), *learned[1:])
    if MECHANISMS[name][0] == DIM:
        with pytest.raises(ShapeError, match="expected query and key of one dim, got 11 and 10"):
            ours(query, key[..., 1:], value, *learned)


def test_options_that_are_refused():
    factors = inputs("dot")[0]
    with pytest.raises(OptionError, match="bandwidth: expected a number above 0, got 0"):
        scores.kernel_regression(*factors, bandwidth=0)
    with pytest.raises(OptionError, match="eps: expected a number above 0, got -1"):
        scores.qk_norm(*factors, *GAINS, eps=-1)
