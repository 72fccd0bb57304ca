"""What counts as attention over positions, and what has a softmax and a product but is none."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

import regard
from regard.errors import RecordingError


class Fused(nn.Module):
    def forward(self, x):
        return functional.scaled_dot_product_attention(x, x, x)


class Block(nn.Module):
    """A module that computes something by hand, and what is told to run beside it."""

    def __init__(self, mix, beside=nn.Identity):
        super().__init__()
        self.beside = beside()
        self.mix, self.num_heads = mix, 2
        self.to_qkv, self.gate, self.pool = nn.Linear(6, 18), nn.Linear(6, 3), nn.Linear(6, 2)
        self.conv = nn.Conv2d(6, 18, 1)
        self.experts = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))

    def heads(self, x):
        """(batch, heads, positions, dim) each of queries, keys and values."""
        return self.to_qkv(x).view(*x.shape[:2], 3, 2, 3).permute(2, 0, 3, 1, 4).unbind(0)

    def forward(self, x):
        return self.mix(self, x), self.beside(x)


def recorded(mix, beside=nn.Identity, size=5):
    x = torch.randn(2, size, 6, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Block(mix, beside)
    with torch.no_grad(), regard.record(model) as recording:
        output, _ = model(x)
    return recording, output, model, x


# -- what is none


def linear(self, x):
    q, k, v = self.heads(x)
    return q.softmax(-1) @ (k.softmax(-2).mT @ v)


def linear_of_inputs(self, x):  # noqa: ARG001
    return x.softmax(-1) @ (x.softmax(-2).mT @ x)


def linear_features_first(self, x):
    q, k, v = self.conv(x.mT.unsqueeze(-1)).flatten(2).chunk(3, 1)  # (batch, features, positions)
    context = torch.einsum("bdn,ben->bde", k.softmax(-1), v)
    return torch.einsum("bde,bdn->ben", context, q.softmax(-2))


def linear_without_query_softmax(self, x):
    q, k, v = self.heads(x)
    return q @ (k.mT.softmax(-1) @ v)


def linear_of_heads(self, x):
    q, k, v = self.heads(x)
    shared = k[:, 0].mT.softmax(-1) @ v[:, 0]  # as lambda layers have it: of one head, read by all of them
    return q @ shared.unsqueeze(1)


def channels(self, x):
    q, k, v = self.to_qkv(x).view(*x.shape[:2], 3, 2, 3).permute(2, 0, 3, 4, 1).unbind(0)  # (batch, heads, dim, positions)
    q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
    return (q @ k.mT).softmax(-1) @ v


def channels_of_pictures(self, x):
    q, k, v = self.conv(x.mT.unsqueeze(-1)).chunk(3, 1)
    q, k, v = (one.flatten(2).unflatten(1, (2, 3)) for one in (q, k, v))
    return (q @ k.mT).softmax(-1) @ v


def router(self, x):
    chosen = self.gate(x).softmax(-1)  # (batch, positions, experts)
    outputs = torch.stack([expert(x) for expert in self.experts], 2)
    return (chosen.unsqueeze(2) @ outputs).squeeze(2)


def router_as_einsum(self, x):
    outputs = torch.stack([expert(x) for expert in self.experts], 2)
    return torch.einsum("bne,bned->bnd", (self.gate(x) / 0.7).softmax(-1), outputs)


NONE = {
    linear: "linear attention",
    linear_of_inputs: "linear attention",
    linear_features_first: "linear attention",
    linear_without_query_softmax: "linear attention",
    linear_of_heads: "linear attention",
    channels: "attention between channels",
    channels_of_pictures: "attention between channels",
    router: "a softmax over the features of a projection",
    router_as_einsum: "a softmax over the features of a projection",
}


@pytest.mark.parametrize("mix", NONE, ids=lambda mix: mix.__name__)
def test_what_is_not_over_positions_is_said_and_is_no_map(mix):
    recording, _, _, _ = recorded(mix, Fused)
    assert [call.kept for call in recording.calls if call.layer is not None] == ["factors"]
    assert [amap.shape for amap in recording.self] == [(2, 1, 5, 5)]
    assert any(call.kept.startswith(NONE[mix]) for call in recording.calls)
    assert "without a map" in repr(recording)


@pytest.mark.parametrize("mix", NONE, ids=lambda mix: mix.__name__)
def test_values_are_kept_of_maps_alone(mix):
    with torch.no_grad(), regard.record(model := Block(mix, Fused), values=True) as recording:
        model(torch.randn(2, 5, 6))
    assert len(recording.values) == len(recording.maps) == 1


def test_a_model_of_nothing_else_says_why():
    class Linear(nn.Module):
        def forward(self, x):
            return x.softmax(-1) @ (x.softmax(-2).mT @ x)

    with pytest.raises(RecordingError, match="linear attention"), regard.record(model := Linear()):
        model(torch.randn(2, 5, 6))


# -- what is one


def plain(self, x):
    q, k, v = self.heads(x)
    return (q @ k.mT).softmax(-1) @ v


def by_hand(self, x):
    q, k, v = self.heads(x)
    scores = q @ k.mT
    raised = torch.exp(scores - scores.amax(-1, keepdim=True))
    return (raised / raised.sum(-1, keepdim=True)) @ v


def by_hand_in_place(self, x):
    q, k, v = self.heads(x)
    weights = q @ k.mT
    weights -= weights.amax(-1, keepdim=True)
    weights.exp_()
    weights /= weights.sum(-1, keepdim=True)
    return weights @ v


def keys_first(self, x):
    q, k, v = self.heads(x)
    return (k @ q.mT).softmax(-2).mT @ v


def values_on_the_left(self, x):
    q, k, v = self.heads(x)
    return (v.mT @ (q @ k.mT).softmax(-1).mT).mT


def keys_first_and_values_on_the_left(self, x):
    q, k, v = self.heads(x)
    return (v.mT @ (k @ q.mT).softmax(2)).mT


def keys_first_in_an_einsum(self, x):
    q, k, v = self.heads(x)
    return torch.einsum("bhkq,bhkd->bhqd", (k @ q.mT).softmax(-2), v)


def of_pictures(self, x):
    q, k, v = self.conv(x.mT.unsqueeze(-1)).chunk(3, 1)  # as in the autoencoders of latent diffusion
    q, k, v = (one.flatten(2).unflatten(1, (2, 3)) for one in (q, k, v))  # (batch, heads, dim, positions)
    return (v @ (q.mT @ k).softmax(-1).mT).mT


MAPS = (
    plain, by_hand, by_hand_in_place, keys_first, values_on_the_left, keys_first_and_values_on_the_left,
    keys_first_in_an_einsum, of_pictures,
)  # fmt: skip


@pytest.mark.parametrize("mix", MAPS, ids=lambda mix: mix.__name__)
def test_each_way_to_write_attention_is_a_map(mix):
    recording, output, model, x = recorded(mix)
    [amap] = recording.self
    if mix is of_pictures:
        q, k, v = (one.flatten(2).unflatten(1, (2, 3)).mT for one in model.conv(x.mT.unsqueeze(-1)).chunk(3, 1))
    else:
        q, k, v = model.heads(x)
    assert_close(amap.dense(), (q @ k.mT).softmax(-1), atol=1e-6, rtol=0)
    assert_close(amap @ v, output, atol=1e-6, rtol=0)
    assert [call.kept for call in recording.calls] == ["dense"]


@pytest.mark.parametrize("mix", MAPS, ids=lambda mix: mix.__name__)
def test_a_head_of_each_is_switched_off(mix):
    _, output, model, x = recorded(mix)
    with torch.no_grad(), regard.ablate(model, heads=[(0, 1)]):
        changed, _ = model(x)
    expected = output.clone()
    expected[:, 1] = 0
    assert_close(changed, expected, atol=1e-6, rtol=0)


def pooling(self, x):
    return self.pool(x).mT.softmax(-1) @ x


def additive(self, x):
    q, k, v = self.heads(x)
    return torch.tanh(q.unsqueeze(3) + k.unsqueeze(2)).sum(-1).softmax(-1) @ v


def landmarks(self, x):
    q, k, v = self.heads(x)
    few = q[:, :, ::2]
    return (q @ few.mT).softmax(-1) @ ((few @ k.mT).softmax(-1) @ v)


def synthesizer(self, x):
    _, _, v = self.heads(x)
    return functional.linear(x, torch.ones(5, 6)).softmax(-1).unsqueeze(1) @ v


@pytest.mark.parametrize(
    ("mix", "shapes"),
    [(pooling, [(2, 5)]), (additive, [(5, 5)]), (landmarks, [(3, 5), (5, 3)]), (synthesizer, [(5, 5)])],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_attention_without_products_of_queries_and_keys_is_a_map_too(mix, shapes):
    recording, _, _, _ = recorded(mix)
    assert [amap.shape[2:] for amap in recording.maps] == shapes


def test_the_same_queries_and_keys_under_another_mask_are_another_map():
    class Twice(nn.Module):
        def forward(self, q, one, other):
            attend = functional.scaled_dot_product_attention
            both = attend(q, q, q, attn_mask=one) + attend(q, q, q, attn_mask=other)
            return both + attend(q, q, q, is_causal=True) + attend(q, q, q, is_causal=True, scale=0.1)

    causal = torch.ones(5, 5).tril().bool()
    q = torch.randn(2, 3, 5, 4)
    with torch.no_grad(), regard.record(model := Twice()) as recording:
        model(q, causal, causal.T)
    scores = q @ q.mT
    expected = [(scores * scale).masked_fill(~seen, -torch.inf).softmax(-1) for scale, seen in CASES(causal)]
    assert len(recording.maps) == 4
    for amap, weights in zip(recording.maps, expected, strict=True):
        assert_close(amap.dense(), weights, atol=1e-6, rtol=0)


def CASES(causal):  # noqa: N802
    return [(0.5, causal), (0.5, causal.T), (0.5, causal), (0.1, causal)]


def test_a_product_over_another_axis_is_said():
    class OtherAttention(nn.Module):
        def forward(self, x):
            return (x @ x.mT).softmax(-2) @ x, functional.scaled_dot_product_attention(x, x, x)

    with torch.no_grad(), regard.record(model := OtherAttention()) as recording:
        model(torch.randn(2, 5, 6))
    assert len(recording.maps) == 1
    assert any("sums over another one" in call.kept for call in recording.calls)


def test_a_kernel_called_by_itself_is_said():
    class Kernel(nn.Module):
        def forward(self, x):
            own = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(x, x, x)[0]
            return own + functional.scaled_dot_product_attention(x, x, x)

    with torch.no_grad(), regard.record(model := Kernel()) as recording:
        model(torch.randn(2, 3, 5, 8))
    assert len(recording.maps) == 1
    assert any("_scaled_dot_product_flash_attention_for_cpu" in call.kept for call in recording.calls)
