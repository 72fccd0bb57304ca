"""Attention outside of Transformers' interface: fused calls, PyTorch's own modules, and softmax by hand."""

import gc
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.testing import assert_close
from torch.utils.checkpoint import checkpoint
from transformers import BloomConfig, BloomModel, LongformerConfig, LongformerModel

import regard
from regard.errors import RecordingError
from support.attention_modules import ByHand, Fused
from support.tiny_models import tiny, tiny_inputs
from witnesses.attention import dense_attention

BATCH, HEADS, QUERIES, KEYS, DIM = 2, 3, 5, 7, 4


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ran(model, *inputs, **options):
    with torch.no_grad(), regard.record(model) as recording:
        output = model(*inputs, **options)
    return recording, output


def factors(*before):
    return drawn(*before, QUERIES, DIM), drawn(*before, KEYS, DIM, seed=1), drawn(*before, KEYS, 6, seed=2)


# -- the fused attention


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"is_causal": True},
        {"scale": 0.3},
        {"attn_mask": drawn(BATCH, 1, QUERIES, KEYS, seed=3) > -0.5},
        {"attn_mask": (drawn(QUERIES, KEYS, seed=3) > -0.5)},
        {"attn_mask": drawn(HEADS, QUERIES, KEYS, seed=4)},
        {"attn_mask": torch.where(drawn(QUERIES, KEYS, seed=3) > -0.5, 0.0, -torch.inf)},
        {"dropout_p": 0.5},
    ],
    ids=["plain", "causal", "scale", "bool", "bool-2d", "float", "hiding", "dropout"],
)
def test_a_fused_call_is_kept_as_factors(options):
    query, key, value = factors(BATCH, HEADS)
    torch.manual_seed(0)
    recording, output = ran(Fused(), query, key, value, **options)
    torch.manual_seed(0)
    assert_close(output, Fused()(query, key, value, **options), rtol=0, atol=0)
    mask = options.get("attn_mask")
    if options.get("is_causal"):
        mask = torch.ones(QUERIES, KEYS, dtype=torch.bool).tril()
    bias = mask if mask is not None and mask.is_floating_point() else None
    expected = dense_attention(
        query, key, value, mask=None if bias is not None else mask, bias=bias, scale=options.get("scale")
    )[1]
    (amap,) = recording.self
    assert_close(amap.dense(), expected, rtol=0, atol=1e-6, check_dtype=False)
    assert [call.kept for call in recording.calls] == ["factors"]
    assert amap.name == "Fused"


def test_grouped_heads_are_kept_once():
    query, key, value = drawn(BATCH, 6, QUERIES, DIM), drawn(BATCH, 2, KEYS, DIM, seed=1), drawn(BATCH, 2, KEYS, DIM, seed=2)
    recording, _ = ran(Fused(), query, key, value, enable_gqa=True)
    (amap,) = recording.self
    assert_close(amap.dense(), dense_attention(query, key, value)[1], rtol=0, atol=1e-6, check_dtype=False)
    assert amap.nbytes == 4 * (query.numel() + key.numel())


@pytest.mark.parametrize("before", [(), (BATCH,)], ids=["two axes", "three"])
def test_other_numbers_of_axes(before):
    recording, _ = ran(Fused(), *factors(*before), attn_mask=drawn(QUERIES, KEYS, seed=3) > -0.5)
    wide = [tensor.reshape(-1, 1, *tensor.shape[-2:]) for tensor in factors(*before)]
    expected = dense_attention(*wide, mask=drawn(QUERIES, KEYS, seed=3) > -0.5)[1]
    assert_close(recording.self[0].dense(), expected, rtol=0, atol=1e-6, check_dtype=False)
    assert [call.kept for call in recording.calls] == ["factors"]


def test_nested_tensors_are_refused_by_name():
    nested = torch.nested.nested_tensor([drawn(3, 2, 4), drawn(3, 5, 4)], layout=torch.jagged)
    parts = [nested.transpose(1, 2)] * 3
    with pytest.raises(RecordingError, match="expected padded tensors in Fused, got nested ones"):
        ran(Fused(), *parts)


# -- PyTorch's own modules


@pytest.mark.parametrize("average", [True, False])
def test_multihead_attention_that_returns_its_weights(average):
    module = nn.MultiheadAttention(12, HEADS, batch_first=True).eval()
    x, memory = drawn(BATCH, QUERIES, 12), drawn(BATCH, KEYS, 12, seed=1)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        before = module(x, memory, memory, average_attn_weights=average)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    recording, after = ran(module, x, memory, memory, average_attn_weights=average)
    for one, other in zip(before, after, strict=True):
        assert_close(one, other, rtol=0, atol=0)
    weights = recording.cross[0].dense()
    assert weights.shape == (BATCH, HEADS, QUERIES, KEYS)
    assert_close(weights.mean(1) if average else weights, before[1], rtol=0, atol=1e-7)
    assert [call.kept for call in recording.calls] == ["dense"]


def test_multihead_attention_without_weights_is_kept_as_factors():
    module = nn.MultiheadAttention(12, HEADS, batch_first=True).eval()
    x, memory = drawn(BATCH, QUERIES, 12), drawn(BATCH, KEYS, 12, seed=1)
    hidden = torch.tensor([[False] * KEYS, [False] * 4 + [True] * 3])
    truth = module(x, memory, memory, key_padding_mask=hidden, average_attn_weights=False)
    recording, after = ran(module, x, memory, memory, key_padding_mask=hidden, need_weights=False)
    assert_close(after[0], truth[0])
    assert_close(recording.cross[0].dense(), truth[1], rtol=0, atol=1e-6)
    assert [call.kept for call in recording.calls] == ["factors"]


def test_a_whole_transformer():
    model = nn.Transformer(12, 4, 2, 1, 13, batch_first=True).eval()
    source, target = drawn(BATCH, KEYS, 12), drawn(BATCH, QUERIES, 12, seed=1)
    causal = nn.Transformer.generate_square_subsequent_mask(QUERIES)
    hidden = torch.tensor([[False] * KEYS, [False] * 4 + [True] * 3])
    masks = {"tgt_mask": causal, "src_key_padding_mask": hidden, "memory_key_padding_mask": hidden}
    recording, output = ran(model, source, target, **masks)
    assert_close(output, model(source, target, **masks), rtol=1e-4, atol=1e-5)
    assert [len(recording.encoder), len(recording.decoder), len(recording.cross)] == [2, 1, 1]
    assert recording.cross[0].name == "decoder.layers.0.multihead_attn"
    assert "mask causal(0)" in repr(recording.decoder[0])
    assert recording.cross[0][1, :, :, 4:].abs().max() == 0
    layer = model.decoder.layers[0]
    attended = layer.self_attn(target, target, target, attn_mask=causal, average_attn_weights=False)[1]
    assert_close(recording.decoder[0].dense(), attended, rtol=0, atol=1e-6)


def test_attention_from_scratch_is_seen_too():
    for module in (regard.SimpleAttention(12), regard.MultiHeadAttention(12, HEADS, 1)):
        x = drawn(BATCH, QUERIES, 12)
        recording, (_, weights) = ran(module, *([x] * (3 if isinstance(module, regard.SimpleAttention) else 1)))
        assert_close(recording.self[0].dense().squeeze(1), weights.detach(), rtol=0, atol=0)


# -- softmax by hand


@pytest.mark.parametrize(
    ("before", "module"),
    [
        ((BATCH, HEADS), ByHand()),
        ((BATCH, HEADS), ByHand(functional.softmax)),
        ((BATCH, HEADS), ByHand(torch.Tensor.softmax, torch.Tensor.matmul)),
        ((BATCH, HEADS), ByHand(lambda scores, dim: nn.Softmax(dim)(scores))),
        ((BATCH, HEADS), ByHand(product=lambda weights, values: weights @ values)),
        ((BATCH, HEADS), ByHand(product=lambda weights, values: torch.einsum("bhqk,bhkd->bhqd", weights, values))),
        ((BATCH, HEADS), ByHand(product=lambda weights, values: torch.einsum("bhqk,bhkd->bhqd", (weights, values)))),
        ((BATCH, HEADS), ByHand(between=lambda weights: functional.dropout(weights, 0.5).to(torch.float32))),
        ((BATCH, HEADS), ByHand(between=lambda w: w.double().float().reshape(-1, QUERIES, KEYS).view(w.shape))),
        ((BATCH,), ByHand(product=torch.bmm)),
        ((), ByHand()),
    ],
    ids=[
        "matmul",
        "functional",
        "method",
        "module",
        "@",
        "einsum",
        "einsum of a pair",
        "dropout",
        "views",
        "one head",
        "no batch",
    ],
)
def test_weights_that_a_module_computes_itself(before, module):
    query, key, value = factors(*before)
    recording, _ = ran(module, query, key, value)
    wide = [tensor[(None,) * (2 - len(before))] if len(before) != 1 else tensor[:, None] for tensor in (query, key, value)]
    assert_close(recording.self[0].dense(), dense_attention(*wide)[1], rtol=0, atol=1e-6, check_dtype=False)
    assert [call.kept for call in recording.calls] == ["dense"]
    assert "dense weights" in repr(recording.self[0])


def test_what_changes_the_weights_is_in_the_map():
    gate = torch.tensor([1.0, 0.0, 0.5])[:, None, None]
    recording, _ = ran(ByHand(between=lambda weights: weights * gate), *factors(BATCH, HEADS))
    assert_close(recording.self[0].dense().sum(-1), gate[:, :, 0].expand(HEADS, QUERIES).expand(BATCH, HEADS, QUERIES))


def test_attention_in_blocks_is_no_map():
    class BlockAttention(ByHand):
        pass

    with pytest.raises(RecordingError, match="a softmax of 5 axes, as attention in blocks has"):
        ran(BlockAttention(), *factors(3, BATCH, HEADS))


def test_a_part_of_the_weights_is_no_map():
    module = ByHand(between=lambda weights: weights[..., :4], product=lambda weights, values: weights @ values[..., :4, :])
    with pytest.raises(RecordingError, match="got none: ByHand: a softmax that multiplies no values"):
        ran(module, *factors(BATCH, HEADS))
    sink = ByHand(between=lambda weights: weights[..., :-1], product=lambda weights, values: weights @ values[..., :-1, :])
    recording, _ = ran(sink, *factors(BATCH, HEADS))
    assert recording.self[0].shape[3] == KEYS - 1


def test_the_same_queries_and_keys_are_kept_once():
    class Twice(nn.Module):
        def forward(self, query, key, value):
            attend = functional.scaled_dot_product_attention
            return attend(query, key, value) - attend(query, key, value + 1) + attend(query, key.clone(), value)

    recording, _ = ran(Twice(), *factors(BATCH, HEADS))
    kept = [(call.layer, call.kept) for call in recording.calls]
    assert kept == [
        (0, "factors"),
        (0, "the map of the call before: the same queries and keys, with other values"),
        (0, "factors"),
    ]
    assert [(amap.layer, amap.call) for amap in recording.maps] == [(0, 0), (0, 1)]
    assert [call.call for call in recording.calls] == [0, 0, 1]


def test_each_stack_counts_its_own_layers():
    class Towers(nn.Module):
        def __init__(self):
            super().__init__()
            self.text, self.picture = (nn.ModuleList([Fused(), Fused()]) for _ in range(2))

        def forward(self, *inputs):
            return [module(*inputs) for module in (*self.text, *self.picture)]

    recording, _ = ran(Towers(), *factors(BATCH, HEADS))
    assert [(call.name, call.layer) for call in recording.calls] == [
        ("text.0", 0), ("text.1", 1), ("picture.0", 0), ("picture.1", 1),
    ]  # fmt: skip
    model = Towers()
    with torch.no_grad(), regard.record(model, layers=[1]) as second:
        model(*factors(BATCH, HEADS))
    assert [amap.name for amap in second.maps] == ["text.1", "picture.1"]
    assert len(second.calls) == 4


def test_a_product_in_a_part_of_the_attention_module_bears_its_name():
    class Product(nn.Module):
        def forward(self, one, other):
            return one @ other

    class HeadAttention(ByHand):
        def __init__(self):
            super().__init__()
            self.product = Product()

    model = nn.ModuleDict({"layer": HeadAttention()})
    model.forward = lambda *inputs: model["layer"](*inputs)
    recording, _ = ran(model, *factors(BATCH, HEADS))
    assert [call.name for call in recording.calls] == ["layer"]


def test_maps_do_not_follow_what_happens_to_the_weights_later():
    def spoil(weights, values):
        made = weights @ values
        weights.zero_()
        return made

    recording, _ = ran(ByHand(product=spoil), *factors(BATCH, HEADS))
    assert_close(recording.self[0].dense().sum(-1), torch.ones(BATCH, HEADS, QUERIES))


def test_a_softmax_that_chooses_words_is_no_attention():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = ByHand()

        def forward(self, *inputs):
            return torch.softmax(self.attention(*inputs), dim=-1).log()

    recording, _ = ran(Reader(), *factors(BATCH, HEADS))
    assert [amap.name for amap in recording.maps] == ["attention"]
    assert len(recording.calls) == 1


@pytest.mark.slow
def test_weights_are_not_kept_alive_once_the_model_has_dropped_them():
    gone = []

    class Reader(ByHand):
        def forward(self, *inputs):
            made = torch.softmax(super().forward(*inputs), dim=-1)
            gone.append(weakref.ref(made))
            return made.sum()

    model = Reader()
    with regard.record(model):
        model(*factors(BATCH, HEADS))
        gc.collect()
        assert gone[0]() is None


def test_attention_that_is_no_product_is_named():
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 53}
    special = {"sep_token_id": 2, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    model = LongformerModel(LongformerConfig(attention_window=4, **sizes, **special)).eval()
    text = r"of LongformerModel that has a map .*, got none: encoder.layer.0.attention.self: a softmax.*\(and 1 more\)"
    with pytest.raises(RecordingError, match=text):
        ran(model, torch.arange(3, 11)[None])


def test_a_transformers_model_outside_the_interface():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BloomModel(BloomConfig(vocab_size=53, hidden_size=12, n_layer=2, n_head=3, initializer_range=0.5)).eval()
    ids = torch.arange(3, 10)[None]
    recording, output = ran(model, ids)
    truth = model(ids, output_attentions=True)
    assert_close(output.last_hidden_state, truth.last_hidden_state, rtol=0, atol=0)
    for amap, weights in zip(recording.self, truth.attentions, strict=True):
        assert_close(amap.dense(), weights, rtol=0, atol=0)


# -- the block


def test_nothing_outside_of_the_model_is_recorded():
    model, other = Fused(), ByHand()
    with regard.record(model) as recording:
        other(*factors(BATCH, HEADS))
        Fused()(*factors(BATCH, HEADS))
        functional.scaled_dot_product_attention(*factors(BATCH, HEADS))
        model(*factors(BATCH, HEADS))
    assert [call.name for call in recording.calls] == ["Fused"]


def test_the_model_is_as_before_after_an_error():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Fused()

        def forward(self, *inputs):
            self.inner(*inputs)
            raise ZeroDivisionError

    model = Broken()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), regard.record(model):
            model(*factors(BATCH, HEADS))
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    with regard.record(model) as recording:
        for _ in range(2):  # whatever an error has left behind, the next pass begins anew
            with pytest.raises(ZeroDivisionError):
                model(*factors(BATCH, HEADS))
    assert [(call.name, call.layer) for call in recording.calls] == [("inner", 0)] * 2


@pytest.mark.parametrize("module", [Fused(), ByHand()], ids=["fused", "by hand"])
def test_what_checkpointing_computes_once_more_is_not_a_second_call(module):
    class Saving(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = module

        def forward(self, *inputs):
            return checkpoint(self.inner, *inputs, use_reentrant=False)

    inputs = [tensor.requires_grad_() for tensor in factors(BATCH, HEADS)]
    model = Saving()
    with regard.record(model) as recording:
        model(*inputs).sum().backward()
    assert len(recording.calls) == len(recording.maps) == 1
    assert inputs[0].grad is not None


@pytest.mark.parametrize("module", [Fused(), ByHand()], ids=["fused", "by hand"])
def test_nested_recordings(module):
    with regard.record(module) as outer:
        module(*factors(BATCH, HEADS))
        with regard.record(module) as inner:
            module(*factors(BATCH, HEADS))
    assert [outer.passes, inner.passes, len(outer.calls), len(inner.calls)] == [2, 1, 2, 1]


@pytest.mark.slow
def test_a_compiled_model_is_recorded_and_stays_compiled():
    graphs = []

    def backend(graph, _inputs):
        graphs.append(graph)
        return graph.forward

    model = tiny("llama")
    compiled = torch.compile(model, backend=backend)
    inputs = tiny_inputs("llama")
    with torch.no_grad():
        before = compiled(**inputs).logits
        count = len(graphs)
        assert count > 0
        recording, output = ran(compiled, **inputs)
        assert_close(output.logits, before)
        assert len(graphs) == count
        compiled(**inputs)
    assert len(graphs) == count  # neither compiled anew for the block nor after it
    truth = ran(model, **inputs)[0]
    for amap, expected in zip(recording.self, truth.self, strict=True):
        assert_close(amap.dense(), expected.dense(), rtol=0, atol=0)
        assert amap.name == expected.name


def test_a_mask_that_changes_between_layers_is_read_again():
    class Hiding(nn.Module):
        def forward(self, query, key, value, mask):
            for _ in range(2):
                functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
                functional.scaled_dot_product_attention(query + 1, key, value, attn_mask=mask)
                mask[:, -1] = False

    mask = torch.ones(QUERIES, KEYS, dtype=torch.bool)
    recording, _ = ran(Hiding(), *factors(BATCH, HEADS), mask)
    first, second, third, fourth = (amap.factors.mask for amap in recording.self)
    assert first is second
    assert third is fourth
    assert [amap[0, 0, 0, -1] > 0 for amap in recording.self] == [True, True, False, False]


def test_a_transformers_model_that_checkpoints_is_seen_once():
    model = tiny("llama").train()
    model.activation_checkpointing_enable()
    with regard.record(model) as recording:
        model(**tiny_inputs("llama"), use_cache=False).logits.sum().backward()
    assert len(recording.calls) == len(recording.maps) == 3


def test_two_passes_with_the_same_tensors_are_two_passes():
    query, key = torch.randn(2, 1, 2, 5, 3)

    class Same(nn.Module):
        def forward(self, x):
            return x + functional.scaled_dot_product_attention(query, key, key).sum()

    model = Same()
    with regard.record(model) as recording:
        model(torch.zeros(1))
        model(torch.zeros(1))
    assert [amap.layer for amap in recording.maps] == [0, 0]
    assert recording.passes == 2
