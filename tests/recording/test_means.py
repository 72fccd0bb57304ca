"""Replacement of a head by its mean: beside sums in plain loops; and nothing that is padding, batch, or future changes it."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from regard.errors import OptionError
from regard.maps.attention_map import AttentionMap
from regard.recording.ablation import ablate
from regard.recording.means import TextRows
from support.attention_modules import ByHand, Fused
from support.tiny_models import PAD, VOCABULARY, tiny, tiny_inputs

each_attention = pytest.mark.parametrize("attention", ["sdpa", "eager"])


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def ids_of(length, seed=0):
    return torch.randint(3, VOCABULARY, (1, length), generator=torch.Generator().manual_seed(seed))


def means_by_loops(output, counted):
    """The witness: row t is the mean of the rows s with counted(t, s), for output (batch, heads, rows, dim)."""
    batch, _, rows, _ = output.shape
    made = torch.zeros_like(output)
    for b in range(batch):
        for t in range(rows):
            if taken := [s for s in range(rows) if counted(t, s)]:
                made[b, :, t] = torch.stack([output[b, :, s] for s in taken]).double().mean(0).to(output)
    return made


def bloom():
    config = BloomConfig(vocab_size=VOCABULARY, hidden_size=12, n_layer=3, n_head=3, initializer_range=0.5)
    return BloomForCausalLM(config).eval()


def mistral():
    config = MistralConfig(
        vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2,
        intermediate_size=13, sliding_window=3, initializer_range=0.5, max_position_embeddings=32,
    )  # fmt: skip
    return MistralForCausalLM(config).eval()


MODELS = {
    "bert": lambda: tiny("bert"),
    "gpt2": lambda: tiny("gpt2"),
    "gpt2 eager": lambda: tiny("gpt2", "eager"),
    "llama": lambda: tiny("llama"),
    "llama eager": lambda: tiny("llama", "eager"),
    "bloom": bloom,
    "mistral": mistral,
}
CAUSAL = [name for name in MODELS if name != "bert"]
OFF = [(0, 1), (1, 0)]


def run(model, ids, mask=None, **options):
    """The model's output, (batch, positions, …), without two heads; positions count from the first token of the text."""
    given = {} if mask is None else {"attention_mask": mask}
    if mask is not None and "gpt2" in type(model).__name__.lower():
        given["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad(), ablate(model, OFF, how="mean", **options):
        return model(ids, **given)[0]


# -- what is averaged


@pytest.mark.parametrize("seen", ["everything", "the text so far", "a window of it", "padding on both sides", "packed texts"])
@pytest.mark.parametrize("by_hand", [False, True])
def test_the_mean_is_over_the_rows_of_the_text_that_look_no_further(seen, by_hand):
    rows = 11
    at = torch.arange(rows)
    earlier, text = at[:, None] >= at, at // 4
    visible, counted = {
        "everything": (None, lambda *_: True),
        "the text so far": (earlier, lambda t, s: s <= t),
        "a window of it": (earlier & (at[:, None] - at < 3), lambda t, s: s <= t),
        "padding on both sides": ((at > 1) & (at < 7), lambda _, s: 1 < s < 7),
        "packed texts": (earlier & (text[:, None] == text), lambda t, s: s <= t and s // 4 == t // 4),
    }[seen]
    query, key, value = drawn(3, 2, 3, rows, 5)
    hidden = None if visible is None else visible.expand(rows, rows)
    if by_hand:

        def attend(scores, dim):
            return torch.softmax(scores if hidden is None else scores.masked_fill(~hidden, -torch.inf), dim)

        model, options = ByHand(attend), {}
    else:
        model, options = Fused(), {"attn_mask": hidden}
    plain = model(query, key, value, **options)
    with ablate(model, [(0, 1)], how="mean"):
        found = model(query, key, value, **options)
    expected = means_by_loops(plain, counted)
    present = slice(2, 7) if seen == "padding on both sides" else slice(None)
    assert_close(found[:, 1, present], expected[:, 1, present])
    assert torch.equal(found[:, [0, 2]], plain[:, [0, 2]])


def test_positions_that_see_each_other_end_together():
    block = torch.ones(7, 7, dtype=torch.bool).tril()
    block[1:5, 1:5] = True  # an image in a text: its patches see each other
    amap = AttentionMap(drawn(1, 2, 7, 3), drawn(1, 2, 7, 3), mask=block)
    found = TextRows.of(amap).mean(drawn(1, 7, 5))
    expected = means_by_loops(drawn(1, 7, 5)[:, None], lambda t, s: s <= (4 if 1 <= t < 5 else t))
    assert_close(found, expected[:, 0])


def test_a_bias_of_minus_infinity_hides_too():
    bias = torch.zeros(5, 5).masked_fill(~torch.ones(5, 5, dtype=torch.bool).tril(), -torch.inf)
    assert TextRows.of(AttentionMap(drawn(1, 2, 5, 3), drawn(1, 2, 5, 3), bias=bias)).last.tolist() == [[0, 1, 2, 3, 4]]


def test_a_long_mask_is_read_in_tiles(monkeypatch):
    amap = AttentionMap(drawn(2, 2, 7, 3), drawn(2, 2, 7, 3), causal=True, window=3)
    whole = TextRows.of(amap)
    monkeypatch.setattr("regard.recording.means.TILE", 2 * 7 * 3)
    tiled = TextRows.of(amap)
    for name in ("present", "first", "last"):
        assert torch.equal(getattr(whole, name), getattr(tiled, name))


def test_rows_of_padding_may_be_nan():
    keep = torch.tensor([True, True, True, False])
    output = drawn(1, 4, 3)
    output[0, 3] = torch.nan
    found = TextRows.of(AttentionMap(drawn(1, 1, 4, 2), drawn(1, 1, 4, 2), mask=keep & keep[:, None])).mean(output)
    assert_close(found[0], torch.cat([output[0, :3].mean(0).expand(3, 3), torch.zeros(1, 3)]))


def test_half_precision_is_summed_in_double():
    output = torch.full((1, 5000, 1), 0.1).bfloat16()
    amap = AttentionMap(torch.ones(1, 1, 5000, 1), torch.ones(1, 1, 5000, 1), causal=True)
    assert torch.equal(TextRows.of(amap).mean(output), output)


def test_gradients_go_through_the_mean():
    query, key, value = drawn(3, 1, 2, 5, 3)
    value.requires_grad_()
    with ablate(model := Fused(), [(0, 1)], how="mean"):
        model(query, key, value)[0, 1, 2].sum().backward()
    weights = (query[0, 1] @ key[0, 1].T / 3**0.5).softmax(-1).mean(0)
    assert_close(value.grad[0, 1], weights[:, None].expand(5, 3))


# -- metamorphic: what must change nothing


@pytest.mark.parametrize("name", CAUSAL)
def test_another_last_token_changes_no_earlier_logits(name):
    model, ids = MODELS[name](), ids_of(9)
    other = ids.clone()
    other[0, -1] = (ids[0, -1] + 1) % VOCABULARY
    found, changed = run(model, ids), run(model, other)
    assert torch.equal(found[:, :-1], changed[:, :-1])
    assert not torch.equal(found[:, -1], changed[:, -1])
    with torch.no_grad():
        assert not torch.allclose(model(ids)[0][:, 1:], found[:, 1:])


@pytest.mark.parametrize("kind", ["decoder", "cross"])
@each_attention
def test_another_last_token_of_the_target_changes_no_earlier_logits(kind, attention):
    model, inputs = tiny("marian", attention), tiny_inputs("marian")
    with torch.no_grad(), ablate(model, OFF, kind=kind, how="mean"):
        found = model(**inputs)[0]
        inputs["decoder_input_ids"][:, -1] += 1
        changed = model(**inputs)[0]
    assert torch.equal(found[:, :-1], changed[:, :-1])
    assert not torch.equal(found[:, -1], changed[:, -1])


@pytest.mark.parametrize(
    ("name", "side"),
    [("bert", "right"), *((name, side) for name in CAUSAL for side in ("right", "left", "both"))],  # BERT has no other
)
def test_padding_changes_nothing(name, side):
    model, ids = MODELS[name](), ids_of(7)
    left, right = {"right": (0, 6), "left": (6, 0), "both": (2, 3)}[side]
    padded = nn.functional.pad(ids, (left, right), value=PAD)
    mask = nn.functional.pad(torch.ones_like(ids), (left, right))
    alone, found = run(model, ids), run(model, padded, mask)
    assert_close(found[:, left : left + 7], alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_is_its_texts_in_any_order_and_any_number_of_passes(name):
    model = MODELS[name]()
    lengths = (5, 9, 7)
    texts = [ids_of(length, seed=length) for length in lengths]
    padded = torch.cat([nn.functional.pad(ids, (0, 9 - ids.shape[1]), value=PAD) for ids in texts])
    mask = torch.stack([torch.arange(9) < length for length in lengths]).long()
    together = run(model, padded, mask)
    back = run(model, padded.flip(0), mask.flip(0)).flip(0)
    with torch.no_grad(), ablate(model, OFF, how="mean"):
        passes = [model(ids)[0] for ids in texts]
    for at, (ids, length) in enumerate(zip(texts, lengths, strict=True)):
        for found in (together[at : at + 1, :length], back[at : at + 1, :length], passes[at]):
            assert_close(found, run(model, ids), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
def test_padding_of_source_and_target_changes_nothing(kind):
    model, source, target = tiny("marian"), ids_of(7), ids_of(5, seed=1)
    given = {"input_ids": source, "decoder_input_ids": target}
    more = {name: nn.functional.pad(ids, (0, 4), value=PAD) for name, ids in given.items()}
    more |= {
        "attention_mask": (torch.arange(11) < 7).long()[None],
        "decoder_attention_mask": (torch.arange(9) < 5).long()[None],
    }
    with torch.no_grad(), ablate(model, OFF, kind=kind, how="mean"):
        alone, padded = model(**given)[0], model(**more)[0]
    assert_close(padded[:, :5], alone, atol=1e-4, rtol=1e-4)


# -- cross-attention, in torch's own decoder


@pytest.mark.parametrize("causal", [False, True])
def test_cross_attention_of_torch_is_averaged_as_its_decoder_reads(causal):
    layer = nn.TransformerDecoderLayer(12, 3, 7, dropout=0.0, batch_first=True)
    model = nn.TransformerDecoder(layer, 2).eval()
    target, memory = drawn(2, 5, 12), drawn(2, 7, 12)
    mask = nn.Transformer.generate_square_subsequent_mask(5) if causal else None
    seen = []

    hook = model.layers[0].multihead_attn.register_forward_hook(lambda _, _given, output: seen.append(output[0]))
    with torch.no_grad():
        model(target, memory, tgt_mask=mask)
        with ablate(model, [(0, 1)], kind="cross", how="zero"):
            model(target, memory, tgt_mask=mask)
        with ablate(model, [(0, 1)], kind="cross", how="mean"):
            model(target, memory, tgt_mask=mask)
    hook.remove()
    plain, without, found = seen
    expected = means_by_loops((plain - without)[:, None], lambda t, s: s <= t or not causal)[:, 0]
    assert_close(found - without, expected, atol=1e-5, rtol=1e-4)


# -- what is refused


def test_a_cache_is_refused_where_the_rows_before_are_gone():
    options = {"max_new_tokens": 4, "do_sample": False, "eos_token_id": None}
    ids = ids_of(5)
    gone = "expected a whole text in one pass for its mean, got 1 queries and 6 keys"
    with pytest.raises(OptionError, match=gone), ablate(model := tiny("gpt2"), OFF, how="mean"):
        model.generate(ids, attention_mask=torch.ones_like(ids), **options)
    for kind in ("decoder", "cross"):
        refused = pytest.raises(OptionError, match="got 1 queries and 2 keys, as in generation with a cache")
        with refused, ablate(model := tiny("marian"), OFF, kind=kind, how="mean"):
            model.generate(ids, **options)
    model = tiny("llama")
    with torch.no_grad(), ablate(model, OFF, how="mean"):
        whole = model.generate(ids, use_cache=False, **options)  # every pass has the whole text
        begun = model(ids, use_cache=True)
        assert torch.equal(begun[0].argmax(-1)[:, -1], whole[:, 5])
    refused = pytest.raises(OptionError, match="got 3 queries and 8 keys")
    with refused, torch.no_grad(), ablate(model, OFF, how="mean"):
        model(ids_of(3), past_key_values=begun.past_key_values)


def test_cross_attention_whose_rows_are_not_known_is_refused():
    model = nn.ModuleDict({"cross": Fused()})
    model.forward = lambda *given: model["cross"](*given)
    query, key, value = drawn(1, 2, 5, 3), drawn(1, 2, 7, 3), drawn(1, 2, 7, 3)
    refused = pytest.raises(OptionError, match=r"how: expected self-attention over the same 5 rows before cross, got none")
    with refused, ablate(model, [(0, 0)], kind="cross", how="mean"):
        model(query, key, value)
