"""Towers of timm's kind, pictures that are not square, registers; any query, rollout and relevance over the picture."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import transformers as hf
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.testing import assert_close

import regard
from regard.axes import Patch, Picture, View
from regard.errors import DtypeError, OptionError, ShapeError


class Cut(nn.Module):
    """As timm's PatchEmbed: pixels to patches, which know their grid."""

    def __init__(self, size, patch, dim):
        super().__init__()
        self.patch_size, self.grid_size = (patch, patch), (size[0] // patch, size[1] // patch)
        self.proj = nn.Conv2d(3, dim, patch, patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """As timm's Attention, on the fused kernel."""

    def __init__(self, dim, heads):
        super().__init__()
        self.num_heads, self.head_dim, self.fused_attn = heads, dim // heads, True
        self.scale = self.head_dim**-0.5
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        batch, size, dim = x.shape
        q, k, v = self.qkv(x).reshape(batch, size, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        if self.fused_attn:
            x = scaled_dot_product_attention(q, k, v)
        else:
            self.kept = (q * self.scale @ k.transpose(-2, -1)).softmax(-1)
            x = self.kept @ v
        return self.proj(x.transpose(1, 2).reshape(batch, size, dim))


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(dim), Attention(dim, heads)

    def forward(self, x):
        return x + self.attn(self.norm1(x))


class VisionTransformer(nn.Module):
    """As timm's, with the names that it gives: a class token, registers, and a picture that is not square."""

    def __init__(self, size=(12, 20), patch=4, dim=16, heads=2, registers=4, depth=2):
        super().__init__()
        self.num_prefix_tokens = 1 + registers
        self.patch_embed = Cut(size, patch, dim)
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim))
        self.reg_token = nn.Parameter(torch.randn(1, registers, dim)) if registers else None
        self.pos_embed = nn.Parameter(torch.randn(1, size[0] // patch * (size[1] // patch), dim))
        self.blocks = nn.Sequential(*(Block(dim, heads) for _ in range(depth)))

    def forward(self, x):
        x = self.patch_embed(x) + self.pos_embed
        before = [self.cls_token, *([self.reg_token] if self.reg_token is not None else [])]
        return self.blocks(torch.cat([*(one.expand(len(x), -1, -1) for one in before), x], 1))


@pytest.mark.parametrize("registers", [0, 4])
def test_towers_of_timm_know_their_patches_and_what_stands_before_them(registers):
    torch.manual_seed(0)
    model, x = VisionTransformer(registers=registers).eval(), torch.randn(2, 3, 12, 20)
    with torch.no_grad(), regard.record(model) as recording:
        model(x)
    for block in model.blocks:
        block.attn.fused_attn = False
    with torch.no_grad():
        model(x)
    for amap, block in zip(recording.self, model.blocks, strict=True):
        assert_close(amap.dense(), block.attn.kept, rtol=0, atol=1e-6)
        keys = amap.sample(1).keys
        assert list(keys.place) == [None] * (1 + registers) + [Patch(0, row, column) for row in range(3) for column in range(5)]
        assert keys[: 1 + registers] == ("[CLS]", *(f"register {at + 1}" for at in range(registers)))
    [picture] = regard.pictures(recording.sample(1).self[0].keys)
    assert picture.shape == (3, 5)


def test_pictures_of_another_size_than_the_tower_was_made_for():
    model = VisionTransformer(registers=0).eval()
    model.pos_embed = nn.Parameter(torch.zeros(1, 1, 16))
    with torch.no_grad(), regard.record(model) as recording:
        model(torch.randn(1, 3, 20, 8))
    assert regard.pictures(recording.self[0].keys)[0].shape == (5, 2)


def dino():
    config = hf.Dinov2WithRegistersConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=12,
        patch_size=4,
        num_register_tokens=2,
        mlp_ratio=1,
    )
    torch.manual_seed(0)
    return hf.Dinov2WithRegistersModel(config).eval()


@pytest.fixture(scope="module")
def seen():
    model = dino()
    with regard.record(model, values=True) as recording:
        out = model(pixel_values=torch.randn(1, 3, 12, 20))
    score = out.last_hidden_state[0, 0].sum()
    return recording, regard.relevance(recording, score)


def panels(figure):
    return [ax.images[-1].get_array() for ax in figure.axes if ax.images]


def test_any_query_rollout_and_relevance_beside_the_last_layer(seen):
    recording, relevance = seen
    maps = recording.self
    rolled = regard.rollout(maps, tokens=0)[0, 0]
    shown = {"last layer": maps[-1], "rollout": rolled, "relevance": relevance.inputs[0]}
    figure = regard.overlay(shown, np.zeros((12, 20, 3), np.uint8), head="mean")
    want = maps[-1].dense()[0, :, 0, 3:].mean(0).detach().double().reshape(3, 5)
    last, roll, relevant = panels(figure)
    for panel, heat in ((last, want), (roll, rolled[3:].reshape(3, 5)), (relevant, relevance.inputs[0][3:].reshape(3, 5))):
        strength = np.asarray((heat / heat.abs().max()).detach().double())
        assert_close(torch.tensor(panel[..., 3]), torch.tensor(np.abs(strength)) * 0.85, rtol=1e-4, atol=1e-5)
    plt.close(figure)
    rows = regard.overlay(maps[-1], head=1, queries=["[CLS]", "register 2", (1, 4), 5])
    assert len(panels(rows)) == 4
    own = maps[-1].dense()[0, 1, 3 + 9, 3:].detach().reshape(3, 5)  # the query of patch 1,4
    assert_close(torch.tensor(panels(rows)[2][..., 3]), (own / own.max()).double(), rtol=1e-4, atol=1e-5)
    plt.close(rows)


def test_what_cannot_be_laid_over(seen):
    recording, relevance = seen
    last, scores = recording.self[-1], relevance.inputs[0]
    plain = regard.AttentionMap(torch.randn(1, 1, 7, 4), torch.randn(1, 1, 7, 4))
    grid = Picture((View(2, 3, range(1, 7)),))
    for error, message, call in (
        (OptionError, "head: expected one of 2", lambda: regard.overlay(last)),
        (OptionError, "queries: expected a label", lambda: regard.overlay(last, head=0, queries=["[SEP]"])),
        (OptionError, "a patch .row, column. that the map knows", lambda: regard.overlay(last, head=0, queries=[(3, 0)])),
        (OptionError, "picture: expected where patches stand", lambda: regard.overlay(scores)),
        (OptionError, "expected one beside scores", lambda: regard.overlay({"a": last, "b": scores}, head=0, queries=[0, 1])),
        (OptionError, "of no query", lambda: regard.overlay(scores, queries=[0], picture=grid)),
        (OptionError, "no class token", lambda: regard.overlay(plain, picture=grid)),
        (OptionError, "patches of pictures, got none", lambda: regard.overlay(plain, queries=[0])),
        (ShapeError, "7 positions or more, got 3", lambda: regard.overlay(torch.rand(3), picture=grid)),
        (DtypeError, "shown: expected maps or tensors", lambda: regard.overlay([1, 2])),
        (OptionError, "at least one map", lambda: regard.overlay({})),
    ):
        with pytest.raises(error, match=message):
            call()
