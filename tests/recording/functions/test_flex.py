"""Flex attention: Transformers' and one's own, uncompiled where its kernel is not what is asked about."""

import pytest
import torch
from torch import nn
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from torch.testing import assert_close

import regard
from regard.errors import RecordingError
from regard.recording.functions import flex
from support.kernel_models import IDS, gemma2, gpt_oss, padding
from support.own_output import assert_each_map_gives_its_output, masks, recorded_like_plain
from support.tiny_models import tiny

# ruff: noqa: ARG001, ARG005  # what flex attention asks is a function of batch, head, query and key, whichever it looks at
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*flex_attention called without torch.compile",
    "ignore:_compile flag",
    "ignore:.*script_method",  # of what compiles, when it is imported
)

TORCH_2_6 = torch.__version__.startswith("2.6.")


@pytest.fixture
def uncompiled():
    with torch.compiler.set_stance("force_eager"):
        yield


def recorded(model, **inputs):
    model.set_attn_implementation("flex_attention")
    return recorded_like_plain(model, **inputs)


@pytest.mark.usefixtures("uncompiled")
class TestInTransformers:
    @pytest.mark.slow
    def test_masks_are_symbolic(self):
        assert masks(recorded(tiny("llama"), input_ids=IDS)) == ["causal(0)"] * 3
        padded = {"input_ids": IDS, "attention_mask": padding("left")}
        recording = recorded(tiny("llama"), **padded)
        assert masks(recording) == ["spans(2 x 1 x 7, keys=7)"] * 3
        assert recording.maps[0].queries.is_padded
        assert recording.maps[0].factors.mask.pattern is recording.maps[2].factors.mask.pattern

    @pytest.mark.skipif(TORCH_2_6, reason="its flex attention takes heads of 8, 16 or 32 numbers, and not of 11")
    @pytest.mark.parametrize("how", ["left", "right", "holes"])
    def test_encoder_and_decoder(self, how):
        recording = recorded(tiny("marian"), input_ids=IDS, attention_mask=padding(how), decoder_input_ids=IDS[:, :5])
        seen = padding(how).bool()[:, None, None].expand(2, 2, 5, 7)
        assert all(torch.equal(amap.dense() > 0, seen) for amap in recording.cross)

    def test_softcap_and_window(self):
        recording = recorded(gemma2(), input_ids=IDS, attention_mask=padding("right"))
        assert [amap.factors.softcap for amap in recording.maps] == [1.5, 1.5]

    def test_decoding(self):
        model = tiny("llama")
        model.set_attn_implementation("flex_attention")
        options = {"max_new_tokens": 4, "do_sample": False, "eos_token_id": None, "attention_mask": padding("left")}
        with regard.record(model, values=True) as recording:
            tokens = model.generate(IDS, **options)
        assert torch.equal(tokens, model.generate(IDS, **options))
        assert assert_each_map_gives_its_output(recording) == 4 * 3

    def test_packing(self):
        positions = torch.tensor([[0, 1, 2, 0, 1, 2, 3]])
        recording = recorded(tiny("llama"), input_ids=IDS[:1], position_ids=positions, use_cache=False)
        assert masks(recording) == ["spans(1 x 1 x 7, keys=7)"] * 3

    def test_mask_of_numbers_is_added(self):
        hidden = torch.full((7, 7), -torch.inf).triu(1).expand(2, 1, 7, 7)
        for amap in recorded(tiny("llama"), input_ids=IDS, attention_mask=hidden).maps:
            assert torch.equal(amap.dense() > 0, torch.ones(2, 6, 7, 7).tril().bool())

    def test_boolean_mask_of_four_axes_hides_nothing_as_it_is_added(self):
        seen = torch.ones(7, 7, dtype=torch.bool).tril().expand(2, 1, 7, 7)
        for amap in recorded(tiny("llama"), input_ids=IDS, attention_mask=seen).maps:
            assert float(amap.dense().min()) > 0

    def test_sinks_do_not_run_on_a_cpu(self):
        model = gpt_oss()
        model.set_attn_implementation("flex_attention")
        with pytest.raises(ValueError, match="sinks cannot be run on CPU"), regard.record(model):
            model(IDS)


class Attention(nn.Module):
    """One's own module."""

    def __init__(self, function=flex_attention, **options):
        super().__init__()
        self.function, self.options = function, options

    def forward(self, query, key, value):
        return self.function(query, key, value, **self.options)


QUERIES, KEYS, BATCH, HEADS = 131, 257, 2, 3


def factors(queries=QUERIES, keys=KEYS, key_heads=HEADS):
    generator = torch.Generator().manual_seed(0)
    sizes = (BATCH, HEADS, queries, 16), (BATCH, key_heads, keys, 16), (BATCH, key_heads, keys, 16)
    return [torch.randn(size, generator=generator) for size in sizes]


def blocks(mask_mod, batch=None, heads=None, queries=QUERIES, keys=KEYS):
    return create_block_mask(mask_mod, batch, heads, queries, keys, device="cpu")


def map_of(given=None, function=flex_attention, **options):
    given = factors() if given is None else given
    model = Attention(function, **options)
    plain = model(*given)
    with regard.record(model, values=True) as recording:
        output = model(*given)
    assert torch.equal(plain, output)
    assert_each_map_gives_its_output(recording, atol=3e-6)
    return recording.maps[0], recording.calls[0]


WINDOWS = torch.tensor([5, 70, 200])
ENDS = torch.tensor([200, 131])
DOCUMENTS = torch.tensor([0] * 30 + [1] * 100 + [2] * 127)


@pytest.mark.parametrize(
    ("mask_mod", "shape", "name"),
    [
        (lambda b, h, q, k: q >= k, (None, None), "causal(0)"),
        (lambda b, h, q, k: (q + 126 >= k) & (q + 126 - k < 64), (None, None), "window(64, offset=126)"),
        (lambda b, h, q, k: k < ENDS[b], (BATCH, None), "spans(2 x 1 x 131, keys=257)"),
        (lambda b, h, q, k: DOCUMENTS[q] == DOCUMENTS[k], (None, None), "spans(1 x 1 x 131, keys=257)"),
        (lambda b, h, q, k: (q >= k) & (q - k < WINDOWS[h]), (None, HEADS), "spans(1 x 3 x 131, keys=257)"),
        (lambda b, h, q, k: (k - q) % 3 == 0, (None, None), "from_tensor(1 x 1 x 131 x 257)"),
        (lambda b, h, q, k: (q >= k) & (k > 3), (None, None), "spans(1 x 1 x 131, keys=257)"),
    ],
)
def test_masks(mask_mod, shape, name):
    amap, _ = map_of(block_mask=blocks(mask_mod, *shape))
    assert str(amap.factors.mask) == name


def test_without_a_mask():
    amap, call = map_of()
    assert amap.factors.mask is None
    assert call.kept == "factors"


def test_a_head_that_the_list_of_blocks_does_not_know():
    """The list is that of head 0, but the function is asked for each head: so is the map."""
    amap, _ = map_of(block_mask=blocks(lambda b, h, q, k: q + h >= k))
    assert bool((amap.dense() > 0)[0, 2, 0, 2])
    assert not bool((amap.dense() > 0)[0, 1, 0, 2])


def test_grouped_heads():
    amap, _ = map_of(factors(key_heads=1), block_mask=blocks(lambda b, h, q, k: q >= k), enable_gqa=True)
    assert amap.factors.key.shape[1] == 1


def test_what_a_mask_looks_up_may_change_later():
    ends = torch.tensor(KEYS - 7)
    amap, _ = map_of(block_mask=blocks(lambda b, h, q, k: k < ends))
    ends.fill_(1)
    assert int((amap.dense()[0, 0, 0] > 0).sum()) == KEYS - 7


def test_what_a_mask_looks_up_may_change_between_calls_of_one_pass():
    """A tensor, a number, and an attribute of an object: the blocks are the same ones each time."""
    ends, width = torch.tensor(KEYS), [7]
    holder = nn.Linear(1, 1)
    holder.width = 200

    def seen(b, h, q, k):
        return k < ends

    def of_an_object(b, h, q, k):
        return k < holder.width

    def of_a_number(b, h, q, k):
        return k < width[0]

    class Thrice(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = [blocks(mod, queries=KEYS) for mod in (seen, of_an_object, of_a_number)]

        def forward(self, query, key, value):
            for one in self.blocks:
                query = flex_attention(query, key, value, block_mask=one)
            ends.fill_(11)
            holder.width = 13
            width[0] = 5
            for one in self.blocks:
                query = flex_attention(query, key, value, block_mask=one)
            return query

    model = Thrice()
    with regard.record(model, values=True) as recording:
        model(*factors(KEYS))
    assert [int((amap.dense()[0, 0, 0] > 0).sum()) for amap in recording.maps] == [KEYS, 200, 7, 11, 13, 5]
    assert_each_map_gives_its_output(recording, atol=3e-6)


SLOPES = torch.tensor([0.5, 0.25, 0.125])
TABLE = torch.randn(QUERIES, KEYS, generator=torch.Generator().manual_seed(2))


def alibi(score, b, h, q, k):
    return score + SLOPES[h] * (k - q)


def looked_up(score, b, h, q, k):
    return score + TABLE[q][k]


@pytest.mark.parametrize(
    ("score_mod", "said"),
    [
        (lambda score, b, h, q, k: score, {}),
        (lambda score, b, h, q, k: 0.5 * score, {"scale": 0.125}),
        (lambda score, b, h, q, k: 1.5 * (score / 1.5).tanh(), {"softcap": 1.5}),
        (alibi, {"bias": (1, HEADS, QUERIES, KEYS)}),
        (looked_up, {"bias": (1, 1, QUERIES, KEYS)}),
        (lambda score, b, h, q, k: torch.where(q >= k, score, -torch.inf), {"bias": (1, 1, QUERIES, KEYS)}),
        (lambda score, b, h, q, k: score + 0.1 * k, {"bias": (1, 1, 1, KEYS)}),
    ],
)
def test_score_mods_that_are_something_simpler(score_mod, said):
    amap, call = map_of(score_mod=score_mod, block_mask=blocks(lambda b, h, q, k: q + 126 >= k))
    assert call.kept == "factors"
    for name, value in said.items():
        found = getattr(amap.factors, name)
        assert (tuple(found.shape) if name == "bias" else found) == value


@pytest.mark.parametrize(
    "score_mod",
    [
        lambda score, b, h, q, k: score * (1 + h),
        lambda score, b, h, q, k: score + 0.1 * score.sin(),
        lambda score, b, h, q, k: score.relu(),
        lambda score, b, h, q, k: 2 * (alibi(score, b, h, q, k) / 2).tanh(),
        lambda score, b, h, q, k: score.clamp(max=4.0),
    ],
)
def test_other_score_mods_are_kept_as_weights(score_mod):
    amap, call = map_of(score_mod=score_mod, block_mask=blocks(lambda b, h, q, k: q + 126 >= k))
    assert call.kept == "dense: its score_mod is neither a factor, a softcap nor a bias"
    assert amap.factors is None


def test_a_large_score_mod_is_refused(monkeypatch):
    monkeypatch.setattr("regard.recording.functions.flex_scores.MAX_BYTES", 2**10)
    with pytest.raises(RecordingError, match="expected a score_mod that is a factor, a softcap or a bias of at most 1,024"):
        map_of(score_mod=lambda score, b, h, q, k: score.relu())


def test_a_mask_that_is_no_run_and_too_large_is_refused(monkeypatch):
    monkeypatch.setattr("regard.recording.functions.flex_masks.MAX_TRUTH_VALUES", 2**10)
    with pytest.raises(RecordingError, match="one run of keys a query, or of at most 1,024 truth values"):
        map_of(block_mask=blocks(lambda b, h, q, k: (k - q) % 3 == 0))


def odd_blocks():
    """Blocks that are listed only in part: a compiled kernel leaves the others out, uncompiled code asks everywhere."""
    found = create_block_mask(lambda b, h, q, k: q >= k, 1, None, 256, 256, device="cpu")
    return BlockMask.from_kv_blocks(found.kv_num_blocks, found.kv_indices, mask_mod=found.mask_mod, seq_lengths=(256, 256))


def test_uncompiled_code_does_not_look_at_the_list():
    amap, _ = map_of(factors(256, 256), block_mask=odd_blocks())
    assert str(amap.factors.mask) == "causal(0)"


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # those of the compiler
@pytest.mark.exhaustive
@pytest.mark.skipif(TORCH_2_6, reason="it cannot compile the operator by itself: recorded, it runs uncompiled")
def test_the_compiled_kernel_keeps_running():
    """The list is obeyed, the output is the same to the bit, and nothing is compiled that was not before."""
    compiled = torch.compile(flex_attention)
    amap, _ = map_of(factors(256, 256), compiled, block_mask=odd_blocks())
    seen = torch.ones(256, 256).tril().bool()
    seen[128:, :128] = False
    assert torch.equal(amap.dense() > 0, seen.expand(BATCH, HEADS, 256, 256))


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # those of the compiler
def test_the_compiled_kernel_of_transformers_keeps_running(monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_DEBUG_COMPILE", "1")  # the same code, not optimised: a quarter less to compile
    recorded(tiny("llama"), input_ids=IDS, attention_mask=padding("left"))


@pytest.mark.parametrize("error", [ImportError("no compiler"), AssertionError(), FileNotFoundError("c++")])
def test_what_the_compiler_raises_does_not_reach_the_model(error, monkeypatch):
    def failing(*_):
        raise error

    monkeypatch.setattr(flex, "_was_compiled", lambda: True)
    monkeypatch.setattr(flex, "is_compiled_outside", lambda: True)
    monkeypatch.setattr(flex, "_compiled", lambda _: failing)
    assert map_of()[0].shape == (BATCH, HEADS, QUERIES, KEYS)


def test_stance_and_modes_are_left_as_found():
    before = torch._dynamo.eval_frame._stance.stance, torch._C._len_torch_function_stack()
    map_of(block_mask=blocks(lambda b, h, q, k: q >= k))
    assert (torch._dynamo.eval_frame._stance.stance, torch._C._len_torch_function_stack()) == before


def test_bfloat16():
    given = [each.bfloat16() for each in factors()]
    model = Attention(block_mask=blocks(lambda b, h, q, k: q >= k))
    with regard.record(model) as recording:
        output = model(*given)
    assert_close(recording.maps[0] @ given[2].float(), output.float(), atol=2e-2, rtol=0)


def test_switching_heads_off():
    model, given = Attention(block_mask=blocks(lambda b, h, q, k: q >= k)), factors()
    plain = model(*given)
    with regard.ablate(model, heads=[(0, 1)]):
        changed = model(*given)
    assert float(changed[:, 1].abs().sum()) == 0
    assert torch.equal(changed[:, [0, 2]], plain[:, [0, 2]])


def test_files_and_other_devices(tmp_path):
    model, given = Attention(block_mask=blocks(lambda b, h, q, k: (k - q) % 3 == 0), score_mod=alibi), factors()
    with regard.record(model, device="cpu") as recording:
        model(*given)
    recording.save(tmp_path / "flex.safetensors")
    assert torch.equal(regard.load(tmp_path / "flex.safetensors").maps[0].dense(), recording.maps[0].dense())
