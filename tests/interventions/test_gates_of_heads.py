"""Two heads whose AND, or OR, makes the answer: what is necessary shows in one direction, what is sufficient in the other."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import regard
from regard.interventions import Prompt, heads, patch

ON, OFF = 1, 0


class Gate(nn.Module):
    """Head 0 reads the bit at position 0, head 1 the one at position 1; the logit of ON is their AND, or their OR."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def forward(self, input_ids):
        batch, length = input_ids.shape
        places = torch.eye(length).expand(batch, 2, length, length)
        asked = 60.0 * torch.eye(length)[:2, None].expand(batch, 2, length, length)  # each row of head h asks for position h
        bits = (input_ids == ON).float()[:, None, :, None].expand(batch, 2, length, 1)
        first, second = functional.scaled_dot_product_attention(asked, places, bits).squeeze(-1).unbind(1)
        both = functional.relu(first + second - 1)
        said = both if self.name == "AND" else first + second - both
        return torch.stack([torch.zeros_like(said), said], -1)


PROMPTS = [Prompt([ON, ON, OFF, end], other=[OFF, OFF, OFF, end], answer=[ON], wrong=[OFF]) for end in (OFF, ON)]
WHAT = {"first": heads((0, 0)), "second": heads((0, 1)), "both": heads((0, 0), (0, 1))}


@pytest.mark.parametrize(
    ("name", "direction", "alone", "together"),
    [("AND", "noise", -1, -1), ("AND", "denoise", 0, 1), ("OR", "noise", 0, -1), ("OR", "denoise", 1, 1)],
)
def test_noise_finds_the_heads_of_an_and_and_denoising_those_of_an_or(name, direction, alone, together):
    found = regard.sweep(
        Gate(name).eval(), PROMPTS, ["logit_difference"], what=WHAT, replace=patch(direction=direction), batch_tokens=8
    )
    grid = found.grid()
    effects = {site.name: set(grid.values[:, at].round(5).tolist()) for at, site in enumerate(grid.sites)}
    assert effects == {"first": {alone}, "second": {alone}, "both": {together}}
    assert found.baseline == pytest.approx(1 if direction == "noise" else 0, abs=1e-6)
