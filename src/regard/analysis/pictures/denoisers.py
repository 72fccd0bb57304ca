"""What the maps of a model that makes pictures are of: halves of guidance, picture and prompt."""

from typing import Any

from regard.arguments import one_of, whole_number, with_all
from regard.axes.spans import MOST, Spans
from regard.errors import ShapeError
from regard.maps.attention_map import AttentionMap

HALVES = ("conditional", "unconditional")
"""Of guidance without a classifier: diffusers puts the empty prompts first, then those that were given."""


def halves(recording: Any, half: str) -> Any:
    """The recording of one half of guidance: of the prompts that were given, or of the empty ones, whose maps come first.

    Args:
        recording: of a denoiser that ran both in one batch, at as many steps as one likes; ``recording.at(step)`` is one.
        half: "conditional" or "unconditional".

    Returns:
        A list of maps, (prompts, heads, queries, keys) each.

    Raises:
        OptionError: another half; ShapeError: a batch that has no halves.

    Example:
        >>> import torch
        >>> amap = AttentionMap(torch.randn(2, 1, 6, 4), torch.randn(2, 1, 3, 4))
        >>> halves([amap], "conditional")[0].shape
        (1, 1, 6, 3)
    """
    at = HALVES.index(one_of("half", half, HALVES))
    found = []
    for amap in maps_of(recording):
        count, odd = divmod(amap.shape[0], 2)
        if odd:
            raise ShapeError(f"recording: expected an even batch, both halves of guidance, got {amap.shape[0]} in a map")
        found.append(amap.select(batch=slice(0, count) if at else slice(count, 2 * count)))
    return found


def joint_spans(size: int, prompt: int, first: str) -> Spans:
    """Picture and prompt where they attend together, as spans: ``amap.by(queries=spans, keys=spans)`` are their relations.

    Args:
        size: positions of the map.
        prompt: tokens of the prompt among them.
        first: "image", as in Stable Diffusion 3, or "text", as in Flux.

    Raises:
        OptionError: no such order, or more tokens than positions.

    Example:
        >>> joint_spans(6, 2, "text").places
        ((2, 3, 4, 5), (0, 1))
    """
    whole_number("size", size, 2, MOST)
    whole_number("prompt", prompt, 1, size - 1, advice="the tokens of the prompt, padding included")
    one_of("first", first, ("image", "text"))
    image = range(size - prompt) if first == "image" else range(prompt, size)
    words = range(size - prompt, size) if first == "image" else range(prompt)
    return Spans(("image", "text"), (tuple(image), tuple(words)))


def maps_of(recording: Any) -> list[AttentionMap]:
    """The maps of a recording, of a list of them, or the only one."""
    if isinstance(recording, AttentionMap):
        return [recording]
    if isinstance(recording, list | tuple) and all(isinstance(one, AttentionMap) for one in recording):
        return list(recording)
    return list(with_all("recording", recording, "a recording or a list of its maps", ("maps",)).maps)
