"""Towers of timm and denoisers of diffusers themselves, tiny and random, beside their own weights; where they are installed."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

import regard
from regard.analysis.pictures import joint_spans
from regard.errors import OptionError

TOKENS, WORDS = 9, {"fox": [2, 3]}


@pytest.mark.parametrize("registers", [0, 4])
def test_towers_of_timm(registers):
    timm = pytest.importorskip("timm", exc_type=ImportError)
    torch.manual_seed(0)
    sizes = {"img_size": (48, 80), "embed_dim": 32, "num_heads": 2, "depth": 2, "reg_tokens": registers}
    model = timm.create_model("vit_tiny_patch16_224", pretrained=False, **sizes).eval()
    x, kept = torch.randn(1, 3, 48, 80), []
    with torch.no_grad(), regard.record(model) as recording:
        model(x)
    for block in model.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _, __, weights: kept.append(weights))
    with torch.no_grad():
        model(x)
    for amap, weights in zip(recording.self, kept, strict=True):
        assert_close(amap.dense(), weights, rtol=0, atol=1e-6)
    keys = recording.self[-1].keys
    assert keys[: 1 + registers] == ("[CLS]", *(f"register {at + 1}" for at in range(registers)))
    assert regard.pictures(keys)[0].shape == (3, 5)
    assert regard.overlay(recording.self[-1], head=0, queries=["[CLS]", (2, 4)]).axes


@pytest.mark.parametrize("latent", [(16, 12), (18, 13)])
def test_words_of_a_unet(latent, monkeypatch):
    """DAAM's recipe, with the weights that diffusers' own attention makes."""
    diffusers = pytest.importorskip("diffusers")
    processor = pytest.importorskip("diffusers.models.attention_processor")
    torch.manual_seed(0)
    down, up = ("CrossAttnDownBlock2D", "DownBlock2D"), ("UpBlock2D", "CrossAttnUpBlock2D")
    sizes = {"block_out_channels": (32, 64), "cross_attention_dim": 24, "attention_head_dim": 4, "norm_num_groups": 8}
    unet = diffusers.UNet2DConditionModel(layers_per_block=1, down_block_types=down, up_block_types=up, **sizes).eval()
    x, text, kept = torch.randn(2, 4, *latent), torch.randn(2, TOKENS, 24), []
    with torch.no_grad(), regard.record(unet) as recording:
        for step in (900, 100):
            unet(x, step, encoder_hidden_states=text)
    scores = processor.Attention.get_attention_scores

    def spy(self, *given):
        made = scores(self, *given)
        if made.shape[-1] == TOKENS:
            kept.append(made.unflatten(0, (2, -1)))
        return made

    monkeypatch.setattr(processor.Attention, "get_attention_scores", spy)
    unet.set_attn_processor(processor.AttnProcessor())
    with torch.no_grad():
        for step in (900, 100):
            unet(x, step, encoder_hidden_states=text)
    half = tuple((side + 1) // 2 for side in latent)
    grids = {rows * columns: (rows, columns) for rows, columns in (latent, half)}
    for name, at in (("unconditional", 0), ("conditional", 1)):
        laid = [one[at].mT.unflatten(-1, grids[one.shape[2]]) for one in kept]
        want = torch.stack([F.interpolate(one, latent, mode="bicubic").clamp(min=0)[:, [2, 3]].mean(1) for one in laid])
        found = regard.pixels(recording, WORDS, half=name)  # the grid is known, at each scale
        assert_close(found.heat("fox"), want.mean((0, 1)), rtol=0, atol=5e-6)


@pytest.mark.parametrize("dual", [(), (0,)])
def test_relations_of_stable_diffusion_3(dual):
    """Picture first, and in blocks of 3.5 attention of the picture alone beside it."""
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    sizes = {"num_layers": 2, "attention_head_dim": 8, "num_attention_heads": 4, "joint_attention_dim": 32}
    sizes |= {"caption_projection_dim": 32, "pooled_projection_dim": 16, "in_channels": 4, "out_channels": 4}
    model = diffusers.SD3Transformer2DModel(
        sample_size=16, patch_size=2, pos_embed_max_size=16, dual_attention_layers=dual, qk_norm="rms_norm", **sizes
    ).eval()
    given = {"encoder_hidden_states": torch.randn(2, TOKENS, 32), "pooled_projections": torch.randn(2, 16)}
    with torch.no_grad(), regard.record(model) as recording:
        model(hidden_states=torch.randn(2, 4, 16, 12), timestep=torch.tensor([5, 5]), **given)
    joint = [amap for amap in recording.maps if amap.shape[2] == 48 + TOKENS]
    assert len(recording.maps) == 2 + len(dual)
    image, words = joint_spans(48 + TOKENS, TOKENS, "image").places
    parts = [amap.dense()[1][:, list(image)][..., [words[2], words[3]]] for amap in joint]
    laid = [F.interpolate(one.mT.unflatten(-1, (8, 6)), (16, 12), mode="bicubic").clamp(min=0).mean(1) for one in parts]
    found = regard.pixels(recording, WORDS, size=(16, 12), half="conditional")
    assert_close(found.heat("fox"), torch.stack(laid).mean((0, 1)), rtol=0, atol=5e-6)


def test_the_order_of_flux():
    """Another prompt moves no query of the picture in the first block: that says which positions are the prompt."""
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    sizes = {"attention_head_dim": 16, "num_attention_heads": 2, "joint_attention_dim": 32, "pooled_projection_dim": 16}
    model = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=4, num_layers=1, num_single_layers=1, axes_dims_rope=(4, 4, 8), **sizes
    ).eval()
    given = {"hidden_states": torch.randn(1, 48, 4), "pooled_projections": torch.randn(1, 16), "timestep": torch.tensor([0.5])}
    given |= {"img_ids": torch.zeros(48, 3), "txt_ids": torch.zeros(TOKENS, 3)}
    maps = []
    for prompt in torch.randn(2, 1, TOKENS, 32):
        with torch.no_grad(), regard.record(model) as recording:
            model(encoder_hidden_states=prompt, **given)
        maps.append(recording.maps[0].dense()[0])
    image, words = joint_spans(48 + TOKENS, TOKENS, "text").places
    inside = [one[:, list(image)][..., list(image)] for one in maps]
    assert_close(*(one / one.sum(-1, keepdim=True) for one in inside), rtol=1e-4, atol=1e-6)
    assert not torch.allclose(*(one[:, list(image)][..., list(words)] for one in maps), atol=1e-3)
    assert regard.pixels(recording, WORDS, size=(8, 6), prompt=TOKENS).maps == 2
    given["img_ids"] = torch.cartesian_prod(torch.tensor([0]), torch.arange(8), torch.arange(6)).float()
    with torch.no_grad(), regard.record(model) as recording:
        model(encoder_hidden_states=prompt, **given)
    found = regard.pixels(recording, WORDS)
    assert found.heats.shape[-2:] == (8, 6)
    with pytest.raises(OptionError, match="size: expected"):
        regard.pixels(recording, WORDS, size=(6, 8))
