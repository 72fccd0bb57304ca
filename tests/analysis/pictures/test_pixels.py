"""DAAM's maps from one recording beside its recipe on eager weights, on denoisers written as diffusers writes them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

import regard
from regard.analysis.pictures import halves, joint_spans
from regard.errors import DtypeError, OptionError, ShapeError

STEPS, LATENT, TOKENS = (900, 500, 100), (16, 12), 9
WORDS = {"red": [2], "fox": [3, 4]}


class Attention(nn.Module):
    """As diffusers' Attention with AttnProcessor2_0; what it would have stored is in ``kept``."""

    def __init__(self, dim, context, heads):
        super().__init__()
        self.heads, self.kept = heads, []
        self.to_q, self.to_k, self.to_v, self.to_out = (nn.Linear(one, dim, bias=False) for one in (dim, context, context, dim))

    def forward(self, hidden_states, encoder_hidden_states=None):
        given = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = (
            made.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for made in (self.to_q(hidden_states) * 3, self.to_k(given) * 3, self.to_v(given))
        )
        self.kept.append((q @ k.mT * q.shape[-1] ** -0.5).softmax(-1).detach())
        return self.to_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Scale(nn.Module):
    """A block of a UNet: pixels to themselves, pixels to the prompt."""

    def __init__(self, dim, context, heads):
        super().__init__()
        self.attn1, self.attn2 = Attention(dim, dim, heads), Attention(dim, context, heads)

    def forward(self, hidden_states, encoder_hidden_states):
        hidden_states = hidden_states + self.attn1(hidden_states)
        return hidden_states + self.attn2(hidden_states, encoder_hidden_states=encoder_hidden_states)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_in, self.down = nn.Conv2d(4, 16, 1), nn.Conv2d(16, 16, 3, 2, 1)
        self.fine, self.coarse = Scale(16, 24, 4), Scale(16, 24, 2)

    def forward(self, sample, timestep, encoder_hidden_states):
        x = self.conv_in(sample) + timestep / 1000
        for block in (self.fine, self.coarse):
            shape = x.shape[-2:]
            x = block(x.flatten(2).mT, encoder_hidden_states).mT.unflatten(-1, shape)
            x = self.down(x)
        return x


def daam(weights):
    """castorini/daam's recipe: (heads, patches, tokens) of each map to (tokens, down, across)."""
    laid = []
    for one in weights:
        factor = next(f for f in (1, 2, 4) if LATENT[0] // f * (LATENT[1] // f) == one.shape[1])
        grid = one.permute(0, 2, 1).reshape(one.shape[0], -1, LATENT[0] // factor, LATENT[1] // factor)
        laid += F.interpolate(grid, LATENT, mode="bicubic").clamp(min=0)
    return torch.stack(laid).mean(0)


@pytest.fixture(scope="module")
def seen():
    torch.manual_seed(0)
    unet, x, text = UNet().eval(), torch.randn(2, 4, *LATENT), torch.randn(2, TOKENS, 24)
    with torch.no_grad(), regard.record(unet) as recording:
        for step in STEPS:
            out = unet(x, step, encoder_hidden_states=text)
    kept = [list(block.attn2.kept) for block in (unet.fine, unet.coarse)]
    with torch.no_grad():
        assert torch.equal(out, unet(x, STEPS[-1], encoder_hidden_states=text))
    return unet, (x, text), recording, kept


@pytest.mark.parametrize(("half", "at"), [("conditional", 1), ("unconditional", 0)])
def test_maps_of_words_are_those_of_daam(seen, half, at):
    _, _, recording, kept = seen
    found = regard.pixels(recording, WORDS, size=LATENT, half=half)
    assert found.steps == (0, 1, 2)
    for step in range(3):
        want = daam([block[step][at] for block in kept])
        assert_close(found.heat("red", step), want[2], rtol=0, atol=2e-6)
        assert_close(found.heat("fox", step), want[[3, 4]].mean(0), rtol=0, atol=2e-6)
    want = daam([block[step][at] for block in kept for step in range(3)])
    assert_close(found.heat("fox"), want[[3, 4]].mean(0), rtol=0, atol=2e-6)
    assert_close(found.heat("fox", [0, 2]), (found.heat("fox", 0) + found.heat("fox", 2)) / 2)


def test_chosen_steps_alone_are_kept(seen):
    unet, (x, text), recording, _ = seen
    chosen = lambda amap: amap if amap.step in (0, 2) else None  # noqa: E731
    with torch.no_grad(), regard.record(unet, kinds=["cross"], keep=chosen) as some:
        for step in STEPS:
            unet(x, step, encoder_hidden_states=text)
    assert len(some.maps) == 4
    found = regard.pixels(some, WORDS, size=LATENT, half="conditional")
    assert found.steps == (0, 2)
    whole = regard.pixels(recording, WORDS, size=LATENT, half="conditional")
    assert_close(found.heat("red"), whole.heat("red", [0, 2]))
    one = regard.pixels(recording.at(1), WORDS, size=LATENT, half="conditional")
    assert_close(one.heat("red"), whole.heat("red", 1))


class Joint(nn.Module):
    """Picture and prompt in one attention, as in SD3 (picture first) or Flux (prompt first)."""

    def __init__(self, first):
        super().__init__()
        self.first, self.attn = first, Attention(16, 16, 4)

    def forward(self, hidden_states, encoder_hidden_states):
        parts = [hidden_states, encoder_hidden_states]
        return self.attn(torch.cat(parts if self.first == "image" else parts[::-1], 1))


@pytest.mark.parametrize("first", ["image", "text"])
def test_relations_of_joint_attention_are_spans(first):
    torch.manual_seed(0)
    model, image, text = Joint(first).eval(), torch.randn(1, 6 * 8, 16), torch.randn(1, 7, 16)
    with torch.no_grad(), regard.record(model) as recording:
        model(image, text)
    whole = model.attn.kept[0][0]
    at = slice(0, 48) if first == "image" else slice(7, 55)
    words = slice(48, 55) if first == "image" else slice(0, 7)
    spans = joint_spans(55, 7, first)
    related = recording.maps[0].by(queries=spans, keys=spans).dense()[0]
    assert_close(related[:, 0, 1], whole[:, at, words].sum(-1).mean(-1), rtol=0, atol=1e-6)
    assert_close(related[:, 1, 0], whole[:, words, at].sum(-1).mean(-1), rtol=0, atol=1e-6)
    found = regard.pixels(recording, WORDS, size=(12, 16), prompt=7, first=first)
    laid = F.interpolate(whole[:, at, words].mT.unflatten(-1, (6, 8)), (12, 16), mode="bicubic").clamp(min=0).mean(0)
    assert_close(found.heat("fox"), laid[[3, 4]].mean(0), rtol=0, atol=2e-6)
    with pytest.raises(OptionError, match="prompt: expected how many tokens it has, and first="):
        regard.pixels(recording, WORDS, size=(12, 16))


def test_attention_of_the_picture_alone_is_no_relation_to_words():
    """Blocks of Stable Diffusion 3.5 have both: what belongs to words is read from those that have words."""
    joint = regard.AttentionMap(torch.randn(1, 2, 55, 4), torch.randn(1, 2, 55, 4))
    alone = regard.AttentionMap(torch.randn(1, 2, 48, 4), torch.randn(1, 2, 48, 4))
    asked = {"size": (6, 8), "prompt": 7, "first": "image"}
    found = regard.pixels([joint, alone], WORDS, **asked)
    assert found.maps == 1
    assert_close(found.heats, regard.pixels([joint], WORDS, **asked).heats)
    for prompt in (0, 55, "a fox"):
        with pytest.raises((OptionError, DtypeError), match="prompt: expected"):
            regard.pixels([joint], WORDS, **asked | {"prompt": prompt})


def test_halves_are_of_the_batch(seen):
    _, _, recording, kept = seen
    given, empty = (halves(recording.at(0), half) for half in ("conditional", "unconditional"))
    assert_close(next(one for one in given if one.kind == "cross").dense()[0], kept[0][0][1], rtol=0, atol=1e-6)
    assert_close(next(one for one in empty if one.kind == "cross").dense()[0], kept[0][0][0], rtol=0, atol=1e-6)
    with pytest.raises(ShapeError, match="an even batch"):
        halves(given, "conditional")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figure_has_a_strip_of_steps(seen, theme):
    found = regard.pixels(seen[2], WORDS, size=LATENT, half="conditional")
    figure = found.figure(np.full((64, 48, 3), 90, np.uint8), theme=theme)
    assert len([ax for ax in figure.axes if ax.images]) == 2 * 4
    assert len([ax for ax in found.figure(words=["fox"], steps=[2], theme=theme).axes if ax.images]) == 2
    assert len(list(found.table())) == 1 + 2 * 3 * 16 * 12


def test_what_is_not_known_is_asked_for(seen):
    recording = seen[2]
    found = regard.pixels(recording, WORDS, size=LATENT, half="conditional")
    for error, message, call in (
        (OptionError, "half: expected which half", lambda: regard.pixels(recording, WORDS, size=LATENT)),
        (
            OptionError,
            "size: expected the latent's",
            lambda: regard.pixels(recording, WORDS, size=(16, 13), half="conditional"),
        ),
        (OptionError, "positions from 0 to 8", lambda: regard.pixels(recording, {"a": [9]}, size=LATENT, half="conditional")),
        (DtypeError, "words: expected positions", lambda: regard.pixels(recording, ["fox"], size=LATENT, half="conditional")),
        (OptionError, "half: expected", lambda: regard.pixels(recording, WORDS, size=LATENT, half="both")),
        (OptionError, "attention to a prompt, got none", lambda: regard.pixels([], WORDS, size=LATENT)),
        (OptionError, "steps: expected some of 0, 1, 2", lambda: found.heat("red", 3)),
        (OptionError, "word: expected one of", lambda: found.heat("hen")),
    ):
        with pytest.raises(error, match=message):
            call()
