"""A head is off in every call of its module: for each image, and in each window."""

import pytest
import torch
from torch import nn
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

from regard.errors import OptionError
from regard.recording.ablation import ablate
from support.attention_modules import Fused


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_a_head_is_off_for_every_image():
    text = {
        "vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "intermediate_size": 16, "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4},
        "bos_token_id": None, "eos_token_id": None,
    }  # fmt: skip
    vision = {
        "depth": 3, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "patch_size": 4, "in_channels": 3,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "mlp_ratio": 2,
    }  # fmt: skip
    marks = {"image_token_id": 59, "video_token_id": 58, "vision_start_token_id": 57, "vision_end_token_id": 56}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Qwen2VLForConditionalGeneration(Qwen2VLConfig(text_config=text, vision_config=vision, **marks)).eval()
    patches, grid = drawn(32, 96), torch.tensor([[1, 4, 4], [1, 4, 4]])
    tower = model.model.visual
    given = []
    hooks = [block.attn.proj.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0])) for block in tower.blocks]
    for layer in range(3):
        for how in ("zero", "mean"):
            given.clear()
            with torch.no_grad(), ablate(model, [(layer, 1)], how=how):
                tower(patches, grid_thw=grid)
            for at, features in enumerate(given):
                for image in (features[:16, 8:16], features[16:, 8:16]):
                    same = image[0].expand_as(image) if how == "mean" else torch.zeros_like(image)
                    assert torch.allclose(image, same) == (at == layer)
            assert not torch.allclose(given[layer][0, 8:16], given[layer][16, 8:16]) or how == "zero"  # each has its own mean
    for hook in hooks:
        hook.remove()


class Block(nn.Module):
    def __init__(self, windows):
        super().__init__()
        self.attention, self.windows = Fused(), windows

    def forward(self, x):
        parts = x.chunk(self.windows, dim=2)
        return x + torch.cat([self.attention(part, part, part) for part in parts], dim=2)


class Tower(nn.Module):
    def __init__(self, depth, windows):
        super().__init__()
        self.blocks = nn.ModuleList(Block(windows) for _ in range(depth))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class Images(nn.Module):
    """A tower that runs once an image, and calls its attention once a window."""

    def __init__(self, depth, windows):
        super().__init__()
        self.tower = Tower(depth, windows)

    def forward(self, images):
        return torch.cat([self.tower(image) for image in images])


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("windows", [1, 2])
def test_a_head_is_off_in_every_window_of_every_image(depth, windows):
    model, images, seen = Images(depth, windows), list(drawn(2, 1, 3, 6, 5)), []
    for block in model.tower.blocks:
        block.attention.register_forward_hook(lambda module, _given, output: seen.append((module, output)))
    for layer in range(depth):
        seen.clear()
        with ablate(model, [(layer, 2)]):
            model(images)
        assert len(seen) == 2 * windows * depth
        for module, output in seen:
            assert bool((output[:, 2] == 0).all()) == (module is model.tower.blocks[layer].attention)
            assert bool((output[:, :2] != 0).all())
    refused = pytest.raises(OptionError, match=f"expected self layers that ran, 0 to {depth - 1}, got layer {depth}")
    with refused, ablate(model, [(depth, 0)]):
        model(images)
