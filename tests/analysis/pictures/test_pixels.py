"""DAAM's maps from one recording beside its recipe on eager weights, on denoisers written as diffusers writes them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.text import Text
from torch import nn
from torch.testing import assert_close

import regard
from regard.analysis.pictures import halves, joint_spans, step_means
from regard.axes import Axis
from regard.axes.line import Line
from regard.axes.places import Patch
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


def daam(weights, size=LATENT):
    """castorini/daam's recipe: (heads, patches, tokens) of each map to (tokens, down, across)."""
    laid = []
    for one in weights:
        factor = next(f for f in (1, 2, 4) if LATENT[0] // f * (LATENT[1] // f) == one.shape[1])
        grid = one.permute(0, 2, 1).reshape(one.shape[0], -1, LATENT[0] // factor, LATENT[1] // factor)
        laid += F.interpolate(grid, size, mode="bicubic").clamp(min=0)
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
    with pytest.raises(OptionError, match="prompt: expected cross-attention, or how many tokens the prompt has and first="):
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
            r"size: expected \(16, 12\) or a multiple, as the model was given its picture, got \(16, 13\); leave it out",
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


def test_the_grid_is_that_of_the_latent(seen, tmp_path):
    """Down and across in the wrong order are refused, as the recording knows what the model was given."""
    recording, kept = seen[2:]
    found = regard.pixels(recording, WORDS, half="conditional")
    assert_close(found.heats, regard.pixels(recording, WORDS, size=LATENT, half="conditional").heats)
    assert not found.given
    with pytest.raises(OptionError, match=r"size: expected \(16, 12\) or a multiple"):
        regard.pixels(recording, WORDS, size=LATENT[::-1], half="conditional")
    larger = regard.pixels(recording, WORDS, size=(48, 36), half="conditional").heat("red", 1)
    assert_close(larger, daam([block[1][1] for block in kept], (48, 36))[2], rtol=0, atol=2e-6)
    recording.save(tmp_path / "r.safetensors")
    assert_close(regard.pixels(regard.load(tmp_path / "r.safetensors"), WORDS, half="conditional").heats, found.heats)


def test_where_the_grid_is_not_known_it_is_asked_for_and_said():
    amap = regard.AttentionMap(torch.randn(1, 2, 12, 4), torch.randn(1, 2, 5, 4))
    amap.kind = "cross"
    with pytest.raises(OptionError, match="size: expected the latent's, .* as the maps do not know where patches stand"):
        regard.pixels([amap], WORDS)
    found = regard.pixels([amap], WORDS, size=(6, 8))
    assert found.given
    assert "6 × 8 as given" in str(found)


def test_the_picture_alone_is_no_relation_to_words(seen):
    unet, (x, text), _, _ = seen
    with torch.no_grad(), regard.record(unet, kinds=["self"]) as recording:
        unet(x, 5, encoder_hidden_states=text)
    with pytest.raises(OptionError, match="expected attention to a prompt, got that of the picture to itself alone"):
        regard.pixels(recording, WORDS, half="conditional")


def test_what_contradicts_cross_attention_is_refused(seen):
    recording = seen[2]
    crossed = [amap for amap in recording.maps if amap.kind == "cross"]
    assert regard.pixels(recording, WORDS, half="conditional", prompt=TOKENS).maps == 2
    for given, more, message in (
        (recording, {"prompt": 5}, "prompt: expected 9 tokens, as the model was given, got 5; leave it out"),
        (recording, {"prompt": "a fox"}, "prompt: expected a whole number"),
        (recording, {"first": "middle"}, "first: expected one of image, text, got 'middle'"),
        ([one.select(queries=slice(0, 96)) for one in crossed[:1]], {}, "all patches of a picture, got some of them"),
        ([one.select(queries=slice(0, 48)) for one in crossed[:1]], {"size": LATENT}, "got some of them; give maps of all"),
        (
            [*crossed, crossed[0].select(keys=slice(0, 4))],
            {},
            "attention to one prompt, got keys of 4 and 9 tokens; give those",
        ),
    ):
        with pytest.raises((OptionError, DtypeError), match=message):
            regard.pixels(given, WORDS, half="conditional", **more)


@pytest.mark.parametrize("kind", ["self", "decoder"])
def test_models_that_look_at_pictures_have_no_prompt(kind):
    """[CLS] of a vision transformer is no token of one, nor is the text of a decoder that reads pictures."""
    cells = [Patch(0, row, column) for row in range(3) for column in range(2)]
    special = (kind == "self", *[False] * 6)
    axis = Axis((Line(7, text=("first", *"abcdef"), special=special, place=(None, *cells)),))
    data = regard.AttentionMap(torch.randn(1, 2, 7, 4), torch.randn(1, 2, 7, 4)).to_data()
    amap = regard.AttentionMap.from_data(replace(data, queries=axis, keys=axis, kind=kind))
    with pytest.raises(OptionError, match="recording: expected attention to a prompt, got"):
        regard.pixels([amap], {"word": [0]})


class SD3Transformer2DModel(Joint):
    """A latent in patches of two by two, then the prompt."""

    def __init__(self):
        super().__init__("image")
        self.config, self.embed = SimpleNamespace(patch_size=2), nn.Conv2d(4, 16, 2, 2)

    def forward(self, hidden_states, encoder_hidden_states, timestep):  # noqa: ARG002
        return super().forward(self.embed(hidden_states).flatten(2).mT, encoder_hidden_states)


class FluxTransformer2DModel(Joint):
    """The prompt, then patches of which each is told its row and column."""

    def __init__(self):
        super().__init__("text")

    def forward(self, hidden_states, encoder_hidden_states, timestep, img_ids):  # noqa: ARG002
        return super().forward(hidden_states, encoder_hidden_states)


@pytest.mark.parametrize("grid", [(6, 8), (8, 6)])
@pytest.mark.parametrize("model", ["sd3", "flux", "two pictures"])
def test_joint_attention_knows_grid_and_prompt(grid, model):
    torch.manual_seed(0)
    text, count = torch.randn(1, 7, 16), 48
    ids = torch.cartesian_prod(torch.tensor([0]), *map(torch.arange, grid)).float()
    if model == "sd3":
        made, given = SD3Transformer2DModel().eval(), {"hidden_states": torch.randn(1, 4, 2 * grid[0], 2 * grid[1])}
    else:
        made, given = FluxTransformer2DModel().eval(), {"hidden_states": torch.randn(1, count, 16), "img_ids": ids}
    if model == "two pictures":  # the second is one that is looked at
        other = torch.cartesian_prod(torch.tensor([1]), torch.arange(2), torch.arange(3)).float()
        given = {"hidden_states": torch.randn(1, count + 6, 16), "img_ids": torch.cat([ids, other])}
    with torch.no_grad(), regard.record(made) as recording:
        made(encoder_hidden_states=text, timestep=5, **given)
    found = regard.pixels(recording, WORDS)
    size = made.attn.kept[0].shape[-1]
    at = slice(0, 48) if model == "sd3" else slice(7, 55)
    words = slice(48, 55) if model == "sd3" else slice(0, 7)
    laid = made.attn.kept[0][0][:, at, words].mT.unflatten(-1, grid).clamp(min=0).mean(0)
    assert size == len(recording.maps[0].keys)
    assert_close(found.heat("fox"), laid[[3, 4]].mean(0), rtol=0, atol=2e-6)
    for wrong, message in (
        ({"size": grid[::-1]}, "size: expected"),
        ({"prompt": 8}, "prompt: expected 7 tokens, as the model was given, got 8"),
        ({"first": "text" if model == "sd3" else "image"}, "first: expected '"),
    ):
        with pytest.raises(OptionError, match=message):
            regard.pixels(recording, WORDS, **wrong)


def test_ids_that_are_no_grid_say_nothing():
    torch.manual_seed(0)
    made, text = FluxTransformer2DModel().eval(), torch.randn(1, 7, 16)
    rows = torch.cartesian_prod(torch.tensor([0]), torch.arange(6), torch.arange(8)).float()
    broken = (torch.nan * rows, rows + torch.inf, rows.to(torch.complex64), rows.to("meta"), rows[:0], rows > 0)
    of_two = torch.stack([rows, rows.flip(0)])  # another order for each picture of a batch
    for ids in (torch.zeros(48, 3), rows.flip(0), rows[:47], rows + 0.4, of_two, *broken):
        with torch.no_grad(), regard.record(made) as recording:
            made(torch.randn(1, 48, 16), text, 5, img_ids=ids)
        assert recording.maps[0].keys.lines[0].place is None
        assert regard.pixels(recording, WORDS, size=(6, 8), prompt=7).given


def test_groups_of_steps(seen):
    recording = seen[2]
    found = regard.pixels(recording, WORDS, half="conditional")
    groups = regard.Spans.steps(range(recording.passes), {"early": (0, 2), "late": (1, 3)})
    by = found.by(groups)
    assert by.steps == ("early", "late")
    assert_close(by.heat("red", "late"), found.heat("red", [1, 2]))
    assert "2 groups of steps" in str(by)
    assert {"early", "late"} <= {said.get_text() for said in by.figure(words=["fox"]).findobj(Text)}
    assert regard.Spans.steps(found.steps).places == ((0,), (1,), (2,))
    assert regard.Spans.steps(range(7)).places == ((0, 1), (2, 3, 4), (5, 6))
    assert regard.Spans.steps([40, 10, 10, 0, 20]).places == ((0,), (10, 20), (40,))
    for error, message, call in (
        (
            OptionError,
            "steps: expected some of 0, 1, 2, which were kept, got 3",
            lambda: found.by(regard.Spans(("a",), ([3],))),
        ),
        (DtypeError, "steps: expected groups of steps", lambda: found.by([0, 1])),
        (OptionError, "steps: expected some of early, late, got 0", lambda: by.heat("red", 0)),
        (OptionError, "expected at least 3 to be early, middle and late, got 2", lambda: regard.Spans.steps(range(2))),
        (OptionError, "parts: expected some of steps", lambda: regard.Spans.steps(range(3), {"later": (3, 5)})),
    ):
        with pytest.raises(error, match=message):
            call()


def test_means_of_maps_over_steps(seen):
    """The mean of lazy maps is that of dense ones, and what is read of maps is read of it."""
    _, _, recording, kept = seen
    groups = regard.Spans.steps(range(3), {"early": (0, 2), "late": (2, 3)})
    means = step_means(recording, groups)
    crossed = [amap for amap in means["early"] if amap.kind == "cross"]
    for amap, block in zip(crossed, kept, strict=True):
        assert_close(amap.dense(), (block[0] + block[1]) / 2, rtol=0, atol=1e-6)
        assert "mixture of 2 maps" in repr(amap)
        assert_close(
            amap.select(heads=1, queries=[3, 5]).dense()[1, 0], ((block[0] + block[1]) / 2)[1, 1, [3, 5]], rtol=0, atol=1e-6
        )
    late = regard.pixels(means["late"], WORDS, half="conditional")
    assert_close(late.heat("red"), regard.pixels(recording, WORDS, half="conditional").heat("red", 2))
    with pytest.raises(OptionError, match="steps: expected some of .*, which were kept, got 5"):
        step_means(recording, regard.Spans(("a",), ([5],)))
    with pytest.raises(OptionError, match="expected one map of a module at a step, got several"):
        step_means([*recording.maps, *(amap.select() for amap in recording.maps)], groups)


def test_padding_of_a_prompt_beside_its_picture_is_none_of_it():
    class Padded(SD3Transformer2DModel):
        def forward(self, hidden_states, encoder_hidden_states, timestep, attention_mask):  # noqa: ARG002
            return super().forward(hidden_states, encoder_hidden_states, timestep)

    Padded.__name__ = SD3Transformer2DModel.__name__
    made, mask = Padded().eval(), torch.ones(1, 55, dtype=torch.long)
    mask[0, 53:] = 0
    with torch.no_grad(), regard.record(made) as recording:
        made(torch.randn(1, 4, 12, 16), torch.randn(1, 7, 16), 5, mask)
    line = recording.maps[0].keys.lines[0]
    assert line.present == (True,) * 53 + (False,) * 2
    assert line.place[47:49] == (Patch(0, 5, 7), None)
