"""A small transformer that answers questions about pictures, trained here in a minute: for a picture of the documentation.

A picture is 6 × 6 patches, of which three show a circle, a square and a triangle, each in one of four colours. After it come
two shapes, each followed by its colour, which the model has to say.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

SIDE = 6
SHAPES, COLOURS = ("circle", "square", "triangle"), ("red", "blue", "green", "yellow")
WORDS = ["<s>", "blank", *(f"{colour} {shape}" for shape in SHAPES for colour in COLOURS), *SHAPES, *COLOURS]
PAINT = {"red": (200, 45, 40), "blue": (45, 80, 190), "green": (40, 150, 70), "yellow": (225, 190, 50)}


class Scene(NamedTuple):
    """A prompt with its answers, and what stands where."""

    ids: list[int]
    objects: dict[int, tuple[str, str]]  # patch to (shape, colour)


def scene(generator: torch.Generator) -> Scene:
    """One picture with two questions."""
    places = torch.randperm(SIDE * SIDE, generator=generator)[:3].tolist()
    colours = [COLOURS[at] for at in torch.randint(4, (3,), generator=generator).tolist()]
    objects = {place: (shape, colour) for place, shape, colour in zip(places, SHAPES, colours, strict=True)}
    patches = ["blank" if at not in objects else " ".join(reversed(objects[at])) for at in range(SIDE * SIDE)]
    asked = [list(objects.values())[at] for at in torch.randperm(3, generator=generator)[:2].tolist()]
    words = ["<s>", *patches, *(word for pair in asked for word in pair)]
    return Scene([WORDS.index(word) for word in words], objects)


def painted(objects: dict[int, tuple[str, str]], pixels: int = 24) -> np.ndarray:
    """The picture as a person sees it."""
    image = np.full((SIDE * pixels, SIDE * pixels, 3), 235, np.uint8)
    y, x = (np.mgrid[:pixels, :pixels] - pixels / 2 + 0.5) / (pixels / 2)
    inside = {
        "circle": x**2 + y**2 < 0.6,
        "square": np.maximum(abs(x), abs(y)) < 0.7,
        "triangle": (y < 0.7) & (y > 2 * abs(x) - 0.8),
    }
    for at, (shape, colour) in objects.items():
        row, column = at // SIDE * pixels, at % SIDE * pixels
        image[row : row + pixels, column : column + pixels][inside[shape]] = PAINT[colour]
    return image


def trained(steps: int = 400) -> tuple[LlamaForCausalLM, float]:
    """The model, and how many of 500 new questions it answers."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        sizes = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
        model = LlamaForCausalLM(LlamaConfig(vocab_size=len(WORDS), num_key_value_heads=4, **sizes))
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    for _ in range(steps):
        ids = torch.tensor([scene(generator).ids for _ in range(64)])
        logits = model(input_ids=ids).logits[:, [-4, -2]]
        loss = cross_entropy(logits.flatten(0, 1), ids[:, [-3, -1]].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    ids = torch.tensor([scene(generator).ids for _ in range(250)])
    with torch.no_grad():
        right = model.eval()(input_ids=ids).logits[:, [-4, -2]].argmax(-1) == ids[:, [-3, -1]]
    return model, float(right.float().mean())
