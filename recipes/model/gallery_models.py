"""Small models of the shapes that people use, each trained in seconds on a task that has one answer: the gallery's models.

Every function trains anew, always the same, and returns what it trained in evaluation mode, with what draws examples for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertForMaskedLM,
    EsmConfig,
    EsmForMaskedLM,
    ViTConfig,
    ViTForImageClassification,
    WhisperConfig,
    WhisperForConditionalGeneration,
)

SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
Draw = Callable[[int], dict[str, Any]]
"""A batch of that many examples; the second call gives others."""


def copies() -> tuple[nn.Module, Any]:
    """The transformer of *Long context*, two layers of attention that learned to copy, and its alphabet."""
    folder = Path(__file__).resolve().parents[2] / "notebooks" / "induction_model"
    sys.path.insert(0, str(folder))
    from attention_only import Alphabet, load

    return load(folder).eval(), Alphabet()


@cache
def encoder() -> tuple[BertForMaskedLM, Draw]:
    """BERT's shape: eight words, the same again, and some of the second eight are masked."""

    def draw(batch: int) -> dict[str, Any]:
        words = torch.rand(batch, 40).argsort(1)[:, :8] + 4
        ends = [torch.full((batch, 1), end) for end in (1, 2, 2)]
        ids = torch.cat([ends[0], words, ends[1], words, ends[2]], 1)
        hidden = torch.rand(ids.shape) < 0.4
        hidden[:, :10] = hidden[:, -1] = False
        labels = ids.masked_fill(~hidden, -100)
        ids = ids.masked_fill(hidden, 3)
        return {"input_ids": ids, "labels": labels, "attention_mask": torch.ones_like(ids)}

    torch.manual_seed(0)
    config = BertConfig(vocab_size=44, max_position_embeddings=19, initializer_range=0.1, hidden_dropout_prob=0.0, **SMALL)
    return trained(BertForMaskedLM(config), draw, 500, 5e-3), draw


@cache
def protein() -> tuple[EsmForMaskedLM, Draw]:
    """ESM's shape: hairpins, in which residue i touches residue 25 − i and the two fit each other, as A fits U."""

    def draw(batch: int) -> dict[str, Any]:
        half = torch.randint(4, 24, (batch, 12))
        partner = (half - 4 + 10) % 20 + 4
        ids = torch.cat([torch.zeros(batch, 1).long(), half, partner.flip(1), torch.full((batch, 1), 2)], 1)
        hidden = torch.rand(ids.shape) < 0.15
        hidden[:, [0, -1]] = False
        hidden[:, 13:] &= ~hidden[:, :13].flip(1)  # never both of a pair
        hidden[:, 1:13] &= ~hidden[:, 13:25].flip(1)
        labels = ids.masked_fill(~hidden, -100)
        return {"input_ids": ids.masked_fill(hidden, 32), "labels": labels, "attention_mask": torch.ones_like(ids)}

    torch.manual_seed(0)
    config = EsmConfig(
        vocab_size=33, pad_token_id=1, mask_token_id=32, max_position_embeddings=30, token_dropout=False, **SMALL
    )
    return trained(EsmForMaskedLM(config), draw, 800, 5e-3), draw


@cache
def vision() -> tuple[ViTForImageClassification, Draw]:
    """ViT's shape: 6 × 6 patches of noise, one of them coloured; which of four colours is it?"""
    colours = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])

    def draw(batch: int) -> dict[str, Any]:
        pixels, labels = torch.rand(batch, 3, 24, 24) * 0.6, torch.randint(4, (batch,))
        for item, place in enumerate(torch.randint(36, (batch,)).tolist()):
            row, column = 4 * (place // 6), 4 * (place % 6)
            pixels[item, :, row : row + 4, column : column + 4] = colours[labels[item]][:, None, None]
        return {"pixel_values": pixels, "labels": labels}

    torch.manual_seed(0)
    model = ViTForImageClassification(ViTConfig(image_size=24, patch_size=4, num_labels=4, **SMALL))
    return trained(model, draw, 250, 3e-3), draw


FRAME = 0.02
"""Seconds of a position of the speech model's encoder, as of Whisper's."""


@cache
def speech() -> tuple[WhisperForConditionalGeneration, Callable[[int], tuple[dict[str, Any], Tensor]]]:
    """Whisper's shape: five different tones of unequal length, one after the other; it writes down which.

    Examples come with the seconds at which each tone begins, (batch, 5).
    """

    def draw(batch: int) -> tuple[dict[str, Any], Tensor]:
        tones = torch.rand(batch, 12).argsort(1)[:, :5]
        lengths = torch.randint(3, 9, (batch, 5))  # positions of the encoder
        ends = lengths.cumsum(1)
        at = torch.arange(40)[None, :, None]
        which = (at >= ends[:, None, :]).sum(2)  # (batch, 40): which tone sounds; 5 after the last
        sounding = torch.cat([tones, torch.full((batch, 1), 12)], 1).gather(1, which)
        features = nn.functional.one_hot(sounding, 13)[:, :, :12].float().repeat_interleave(2, 1).mT
        features = features + 0.1 * torch.randn_like(features)
        ids = torch.cat([torch.full((batch, 1), 1), tones + 3], 1)
        labels = torch.cat([tones + 3, torch.full((batch, 1), 2)], 1)
        return {"input_features": features, "decoder_input_ids": ids, "labels": labels}, (ends - lengths) * FRAME

    torch.manual_seed(0)
    ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1, "begin_suppress_tokens": None}
    sizes = {"d_model": 48, "encoder_layers": 1, "decoder_layers": 2, "num_mel_bins": 12, "max_source_positions": 40}
    wide = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 96, "decoder_ffn_dim": 96}
    model = WhisperForConditionalGeneration(WhisperConfig(vocab_size=16, **ends, **sizes, **wide))
    return trained(model, lambda batch: draw(batch)[0], 900, 4e-3), draw


class Denoiser(nn.Module):
    """A diffusion transformer's shape: noisy patches look at each other, then at the words of the prompt."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.places = nn.Linear(3, 32), nn.Parameter(0.1 * torch.randn(64, 32))
        self.words, self.order = nn.Embedding(8, 32), nn.Parameter(0.1 * torch.randn(3, 32))
        self.attn1, self.attn2 = (nn.MultiheadAttention(32, 2, batch_first=True) for _ in range(2))
        self.mix = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 3))

    def forward(self, noisy: Tensor, words: Tensor, clean: Tensor | None = None) -> Any:
        """The clean picture, (batch, 64, 3), from the noisy one and three words; beside it the loss, where it is known."""
        stream, said = self.patches(noisy) + self.places, self.words(words) + self.order
        stream = stream + self.attn1(stream, stream, stream, need_weights=False)[0]
        stream = stream + self.attn2(stream, said, said, need_weights=False)[0]
        made = self.mix(stream)
        return made if clean is None else type("Output", (), {"loss": nn.functional.mse_loss(made, clean)})


@cache
def denoiser() -> tuple[Denoiser, Draw]:
    """Three colours in words: a picture in stripes of these, left, middle and right, of which little but noise is seen."""
    colours = torch.tensor([[x, y, z] for x in (0.0, 1) for y in (0.0, 1) for z in (0.0, 1)])
    stripe = (torch.arange(8) * 3 // 8).repeat(8)  # of each of 64 patches

    def draw(batch: int) -> dict[str, Any]:
        words = torch.rand(batch, 8).argsort(1)[:, :3]
        clean = colours[words[:, stripe]]
        return {"noisy": clean * 0.1 + torch.randn(batch, 64, 3), "words": words, "clean": clean}

    torch.manual_seed(0)
    return trained(Denoiser(), draw, 500, 4e-3), draw


def trained(model: Any, draw: Draw, steps: int, rate: float) -> Any:
    """Adam, with a rate that rises and falls."""
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    model.train()
    for given in batches(draw, steps):
        loss = model(**given).loss
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return model.eval()


def batches(draw: Draw, steps: int) -> Iterator[dict[str, Any]]:
    """The examples of a training, 64 at a time."""
    for _ in range(steps):
        yield draw(64)
