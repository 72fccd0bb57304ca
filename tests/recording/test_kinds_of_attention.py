"""A call is cross-attention where its keys come from another tensor than its queries, whatever its module is called."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import PegasusXConfig, PegasusXModel, SamConfig, SamModel, SiglipVisionConfig, SiglipVisionModel

import regard

DIM, HEADS = 12, 3


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def kinds(model, *inputs, **named):
    with torch.no_grad(), regard.record(model.eval()) as recording:
        model(*inputs, **named)
    return [(amap.name, amap.kind, amap.layer) for amap in recording.maps]


class Attention(nn.Module):
    """As diffusers has it: one class for both, which is told what to look at."""

    def __init__(self):
        super().__init__()
        self.to_q, self.to_k, self.to_v, self.to_out = (nn.Linear(DIM, DIM) for _ in range(4))

    def forward(self, hidden_states, encoder_hidden_states=None, attention_mask=None):
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        cut = [
            made.unflatten(2, (HEADS, -1)).transpose(1, 2)
            for made in (self.to_q(hidden_states), self.to_k(source), self.to_v(source))
        ]
        mixed = functional.scaled_dot_product_attention(*cut, attn_mask=attention_mask)
        return self.to_out(mixed.transpose(1, 2).flatten(2))


class TransformerBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn1, self.attn2 = Attention(), Attention()

    def forward(self, x, encoder_hidden_states):
        x = x + self.attn1(x)
        return x + self.attn2(x, encoder_hidden_states=encoder_hidden_states)


class CrossAttnDownBlock2D(nn.Module):
    """Its own name is no matter of its self-attention."""

    def __init__(self):
        super().__init__()
        self.transformer_blocks = nn.ModuleList(TransformerBlock() for _ in range(2))

    def forward(self, x, encoder_hidden_states):
        for block in self.transformer_blocks:
            x = block(x, encoder_hidden_states)
        return x


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down_blocks = nn.ModuleList([CrossAttnDownBlock2D()])

    def forward(self, x, encoder_hidden_states):
        return self.down_blocks[0](x, encoder_hidden_states)


@pytest.mark.parametrize("words", [7, 16], ids=["fewer words than patches", "as many"])
def test_a_text_to_image_block_has_a_stack_of_each_kind(words):
    model, picture = UNet(), drawn(2, 16, DIM)
    place = "down_blocks.0.transformer_blocks"
    expected = [(f"{place}.{at}.attn{n}", kind, at) for at in range(2) for n, kind in ((1, "self"), (2, "cross"))]
    assert kinds(model, picture, drawn(2, words, DIM, seed=1)) == expected
    with torch.no_grad(), regard.record(model) as recording:
        for step in range(3):  # of denoising
            model(picture + step, drawn(2, words, DIM, seed=1))
    assert [amap.layer for amap in recording.at(2).cross] == [0, 1]
    assert recording.at(-1).self[0].shape == (2, HEADS, 16, 16)
    assert regard.rollout(recording.at(0)).shape == (2, 16, 16)


def test_the_cross_attention_of_a_model_without_halves_can_be_switched_off():
    model, picture, words = UNet().eval(), drawn(2, 16, DIM), drawn(2, 7, DIM, seed=1)
    given = []
    block = model.down_blocks[0].transformer_blocks[1]
    for one in (block.attn1, block.attn2):
        one.to_out.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].unflatten(2, (HEADS, -1))))
    with torch.no_grad(), regard.ablate(model, [(1, 2)], kind="cross"):
        model(picture, words)
    assert [bool((one[:, :, 2] == 0).all()) for one in given] == [False, True]


class Attend(nn.Module):
    """As in x-transformers: a part without parameters is given queries and keys that are already projected."""

    def forward(self, q, k, v):
        return functional.scaled_dot_product_attention(q, k, v)


class AttendTalking(nn.Module):
    """As it is there with talking heads: the part has parameters of its own."""

    def __init__(self):
        super().__init__()
        self.talk = nn.Conv2d(HEADS, HEADS, 1)

    def forward(self, q, k, v):
        return self.talk(q @ k.mT).softmax(-1) @ v


class Reads(nn.Module):
    def __init__(self, attend=Attend):
        super().__init__()
        self.to_q, self.to_kv, self.attend = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM), attend()
        self.past = None

    def forward(self, x, context=None):
        keys = x if context is None else context
        if self.past is not None:
            keys = torch.cat([self.past, keys], 1)
        q, kv = (one.unflatten(2, (HEADS, -1)).transpose(1, 2) for one in (self.to_q(x), self.to_kv(keys)))
        return self.attend(q, kv, kv)


@pytest.mark.parametrize("attend", [Attend, AttendTalking])
def test_a_part_that_is_given_projections_is_asked_through_what_projects(attend):
    x, context = drawn(2, 5, DIM), drawn(2, 5, DIM, seed=1)
    assert kinds(Reads(attend), x) == [("attend", "self", 0)]
    assert kinds(Reads(attend), x, context) == [("attend", "cross", 0)]
    assert kinds(Reads(attend), x, context=drawn(2, 7, DIM)) == [("attend", "cross", 0)]
    model = Reads(attend)
    model.past = drawn(2, 6, DIM, seed=2)
    assert kinds(model, x[:, :1]) == [("attend", "self", 0)]  # the keys of a cache are its own


class Pool(nn.Module):
    """A learned probe asks, and patches answer."""

    def __init__(self, probes):
        super().__init__()
        self.latent = nn.Parameter(torch.zeros(1, probes, DIM))
        self.q, self.kv = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)

    def forward(self, x):
        cut = (self.q(self.latent.expand(len(x), -1, -1)), self.kv(x), self.kv(x))
        return functional.scaled_dot_product_attention(*(one.unflatten(2, (HEADS, -1)).transpose(1, 2) for one in cut))


class FirstAsks(nn.Module):
    """The first of a sequence looks at all of it, as the class token of CaiT does."""

    def __init__(self):
        super().__init__()
        self.q, self.kv = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)

    def forward(self, x):
        cut = (self.q(x[:, :1]), self.kv(x), self.kv(x))
        return functional.scaled_dot_product_attention(*(one.unflatten(2, (HEADS, -1)).transpose(1, 2) for one in cut))


class Reduced(nn.Module):
    """Keys are fewer than queries, and made of the same tensor."""

    def __init__(self):
        super().__init__()
        self.q, self.kv, self.sr = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM), nn.Conv1d(DIM, DIM, 2, 2)

    def forward(self, x):
        kv = self.kv(self.sr(x.mT).mT)
        return functional.scaled_dot_product_attention(
            *(one.unflatten(2, (HEADS, -1)).transpose(1, 2) for one in (self.q(x), kv, kv))
        )


class Joint(nn.Module):
    """Text and picture in one sequence, as in SD3."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(DIM, DIM)

    def forward(self, hidden_states, encoder_hidden_states):
        both = self.qkv(torch.cat([hidden_states, encoder_hidden_states], 1)).unflatten(2, (HEADS, -1)).transpose(1, 2)
        return functional.scaled_dot_product_attention(both, both, both)


class Resampler(nn.Module):
    """Latents look at a picture and at themselves."""

    def __init__(self):
        super().__init__()
        self.q, self.kv = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)

    def forward(self, x, latents):
        keys = self.kv(torch.cat([x, latents], 1))
        cut = (self.q(latents), keys, keys)
        return functional.scaled_dot_product_attention(*(one.unflatten(2, (HEADS, -1)).transpose(1, 2) for one in cut))


@pytest.mark.parametrize(
    ("model", "inputs", "kind"),
    [
        (lambda: Pool(1), (drawn(1, 7, DIM),), "cross"),
        (lambda: Pool(4), (drawn(2, 7, DIM),), "cross"),
        (FirstAsks, (drawn(2, 7, DIM),), "self"),
        (Reduced, (drawn(2, 8, DIM),), "self"),
        (Joint, (drawn(2, 8, DIM), drawn(2, 5, DIM)), "self"),
        (Resampler, (drawn(2, 8, DIM), drawn(2, 5, DIM)), "cross"),
    ],
    ids=["a probe", "probes", "a class token", "fewer keys", "one sequence", "a resampler"],
)
def test_where_keys_come_from(model, inputs, kind):
    assert [found for _, found, _ in kinds(model(), *inputs)] == [kind]


def test_global_tokens_of_an_encoder_are_its_own():
    sizes = {"d_model": 12, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 3, "decoder_attention_heads": 3, "vocab_size": 31, "max_position_embeddings": 16}
    model = PegasusXModel(PegasusXConfig(**sizes, **heads, block_size=4, num_global_tokens=2))
    ids = torch.tensor([[5, 6, 7, 8, 9, 10, 11, 12]])
    found = kinds(model, input_ids=ids, decoder_input_ids=ids[:, :3])
    assert [(name.split(".")[0], kind) for name, kind, _ in found] == [
        ("encoder", "encoder"), ("decoder", "decoder"), ("decoder", "cross"),
    ]  # fmt: skip


def test_multi_head_attention_is_asked_what_it_is_given():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = (nn.MultiheadAttention(DIM, HEADS, batch_first=True) for _ in range(2))

        def forward(self, x, y):
            place = x + 1
            self.one(place, place, x, need_weights=False)  # DETR adds places to queries and keys
            self.one(x + 1, x + 1, x, need_weights=False)
            self.other(x, y, y, need_weights=False)

    x, y = drawn(2, 5, DIM), drawn(2, 5, DIM, seed=1)
    assert [kind for _, kind, _ in kinds(Two(), x, y)] == ["self", "self", "cross"]


def test_sam_looks_both_ways():
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
    vision = sizes | {"output_channels": 16, "mlp_dim": 8, "global_attn_indexes": [0], "window_size": 0, "num_pos_feats": 8}
    decoder = {"hidden_size": 16, "num_attention_heads": 2, "mlp_dim": 8, "iou_head_hidden_dim": 8, "num_hidden_layers": 2}
    prompt = {"hidden_size": 16, "image_size": 32, "patch_size": 8, "mask_input_channels": 8}
    model = SamModel(SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder))
    found = kinds(model, pixel_values=drawn(1, 3, 32, 32), input_points=torch.tensor([[[[3.0, 4.0]]]]))
    decoded = [(name.removeprefix("mask_decoder.transformer."), kind) for name, kind, _ in found if "mask_decoder" in name]
    layer = [("self_attn", "self"), ("cross_attn_token_to_image", "cross"), ("cross_attn_image_to_token", "cross")]
    expected = [(f"layers.{at}.{name}", kind) for at in range(2) for name, kind in layer]
    assert decoded == [*expected, ("final_attn_token_to_image", "cross")]


def test_a_pooling_head_is_no_layer_of_its_tower():
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    model = SiglipVisionModel(SiglipVisionConfig(image_size=12, patch_size=4, **sizes)).eval()
    with torch.no_grad(), regard.record(model) as recording:
        model(pixel_values=drawn(1, 3, 12, 12))
    assert [(amap.name.split(".")[-1], amap.layer) for amap in recording.self] == [("self_attn", 0), ("self_attn", 1)]
    assert [amap.shape[2:] for amap in recording.cross] == [(1, 9)]
    assert regard.rollout(recording).shape == (1, 9, 9)
    page = regard.page(recording)
    assert "<html" in page
