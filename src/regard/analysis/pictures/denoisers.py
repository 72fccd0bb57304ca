"""What the maps of a model that makes pictures are of: halves of guidance, picture and prompt."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from regard.analysis.mixtures.mixture import Mixed
from regard.arguments import one_of, whole_number, with_all
from regard.axes.pictures import FIRST
from regard.axes.places import Patch
from regard.axes.spans import MOST, Spans
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap
from regard.maps.view import MapView

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
            raise ShapeError(
                f"recording: expected an even batch, both halves of guidance, got {amap.shape[0]} in a map; leave half= out "
                "where each half was a pass of its own"
            )
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


def step_means(recording: Any, steps: Spans) -> dict[str, list[AttentionMap]]:
    """1 / #S · Σ_{s ∈ S} A_s for each group S of steps: for each module one map, lazily.

    What takes a list of maps takes these: ``regard.pixels``, ``halves``, ``amap.by`` with ``joint_spans`` for relations.

    Args:
        recording: of a denoiser, all its passes or those that were kept.
        steps: ``regard.Spans.steps(range(recording.passes))``, early, middle and late, or groups by name.

    Returns:
        By the name of the group, a list of maps (batch, heads, queries, keys), in the order in which the modules ran.

    Raises:
        OptionError: a step that was not kept, or a module that has no map of it; ShapeError: maps of several sizes.

    Example:
        >>> import torch
        >>> model = torch.nn.MultiheadAttention(6, 2, batch_first=True).eval()
        >>> import regard
        >>> with regard.record(model) as recording:
        ...     for _ in range(4):
        ...         x = torch.randn(1, 5, 6)
        ...         output = model(x, x, x, need_weights=False)
        >>> step_means(recording, Spans.steps(range(4)))["middle"][0].shape
        (1, 2, 5, 5)
    """
    if not isinstance(steps, Spans) or not len(steps):
        raise DtypeError(f"steps: expected groups of steps, got {in_short(steps)}; give regard.Spans.steps(range(passes))")
    modules: dict[tuple[Any, ...], dict[int, AttentionMap]] = {}
    for amap in maps_of(recording):
        own = modules.setdefault((amap.name, amap.kind, amap.layer, amap.call), {})
        if own.setdefault(amap.step, amap) is not amap:
            raise OptionError(
                f"recording: expected one map of a module at a step, got several of {amap.name or 'maps without a name'} at "
                f"step {amap.step}; give a recording of one loop"
            )
    kept = sorted({step for maps in modules.values() for step in maps})
    means: dict[str, list[AttentionMap]] = {}
    for at, (name, places) in enumerate(zip(steps.names, steps.places, strict=True)):
        for module, maps in modules.items():
            if missing := [step for step in places if step not in maps]:
                raise OptionError(
                    f"steps: expected some of {in_short(kept)}, which were kept, got {missing[0]} for {module[0] or 'a map'}; "
                    "give Spans.steps those that were kept"
                )
            chosen = [maps[step] for step in places]
            if len(sizes := {amap.shape for amap in chosen}) > 1:
                raise ShapeError(f"recording: expected maps of one size at all steps, got {in_short(sorted(sizes))}")
            source = Mixed(tuple(amap.view for amap in chosen), (1 / len(chosen),) * len(chosen))
            data = replace(chosen[0].to_data(), view=MapView.whole(source), step=at)
            means.setdefault(name, []).append(AttentionMap.from_data(data))
    return means


class Sides(NamedTuple):
    """What the positions of a map are.

    Attributes:
        grid: patches down and across, as the model was given its picture; None where the map does not know it.
        picture: the queries that are patches, row by row.
        prompt: the keys that are the prompt.
    """

    grid: tuple[int, int] | None
    picture: tuple[int, ...]
    prompt: tuple[int, ...]


Read = tuple[AttentionMap, Sides]


def looking_at_prompts(maps: Sequence[AttentionMap], prompt: int | None, first: str | None, model: str) -> list[Read]:
    """The maps in which a picture looks at its prompt: cross-attention, or that of both together.

    Args:
        maps: of a denoiser.
        prompt: tokens of the prompt where both attend together; what the maps know where not given.
        first: what stands first there, likewise.
        model: the class of the model.

    Raises:
        OptionError: there are none, or another prompt than the model was given; both of whom it is not known which is which;
        maps of several prompts, or of some of the patches.
    """
    if prompt is not None:
        whole_number("prompt", prompt, 1, advice="the tokens of the prompt, padding included")
    if first is not None:
        one_of("first", first, ("image", "text"))
    if crossed := [amap for amap in maps if amap.kind == "cross"]:
        if len(sizes := sorted({amap.shape[3] for amap in crossed})) > 1:
            raise OptionError(
                f"recording: expected attention to one prompt, got keys of {' and '.join(map(str, sizes))} tokens; give those "
                f"of one: [amap for amap in recording.maps if amap.kind == 'cross' and amap.shape[3] == {sizes[-1]}]"
            )
        read = [(amap, _across(amap)) for amap in crossed]
        _check_prompt(read[0][1], prompt)
        return read
    square = [amap for amap in maps if amap.shape[2] == amap.shape[3] and amap.kind != "decoder"]
    known = [(amap, found) for amap in square if (found := _known(amap)) is not None]
    together = [(amap, found) for amap, found in known if found.prompt]
    if known and not together:
        raise OptionError(
            "recording: expected attention to a prompt, got that of the picture to itself alone; record the denoiser with all "
            'kinds, or kinds=["cross"]'
        )
    if together:
        for _, found in together:
            _check_said(found, prompt, first)
        return together
    if not square:
        raise OptionError("recording: expected attention to a prompt, got none; record the denoiser with all kinds")
    first = FIRST.get(model) if first is None else first
    if prompt is None or first is None:
        raise OptionError(
            "prompt: expected cross-attention, or how many tokens the prompt has and first= what stands first where picture "
            "and prompt attend together, got maps of self-attention that do not know it; record a UNet with "
            'kinds=["cross"], or give prompt=77, first="image" or "text"'
        )
    size = max(amap.shape[2] for amap in square)
    whole_number("prompt", prompt, 1, size - 1, advice="the tokens of the prompt, padding included")
    return [  # some blocks have attention of the picture alone beside it, as in Stable Diffusion 3.5
        (amap, Sides(None, *joint_spans(amap.shape[2], prompt, first).places))
        for amap in square
        if amap.shape[2] not in (size - prompt, prompt)
    ]


def _across(amap: AttentionMap) -> Sides:
    known = _known(amap)
    prompt = tuple(range(amap.shape[3]))
    return Sides(None, tuple(range(amap.shape[2])), prompt) if known is None else known._replace(prompt=prompt)


def _known(amap: AttentionMap) -> Sides | None:
    """What a map knows of the picture that is made, the first of those it shows; None where it does not know its grid."""
    line = amap.queries.lines[0]
    at = {(place.row, place.column): number for number, place in enumerate(line.place or ())
          if isinstance(place, Patch) and place.image == 0}  # fmt: skip
    if not at:
        return None
    if line.cut:
        raise OptionError("recording: expected all patches of a picture, got some of them; give maps of all")
    grid = 1 + max(row for row, _ in at), 1 + max(column for _, column in at)
    if math.prod(grid) != len(at):
        return None
    pairs = enumerate(zip(line.place or (), line.specials, strict=True))
    prompt = tuple(number for number, (place, special) in pairs if place is None and not special)  # [CLS] is no prompt
    return Sides(grid, tuple(at[place] for place in sorted(at)), prompt)


def _check_said(known: Sides, prompt: int | None, first: str | None) -> None:
    _check_prompt(known, prompt)
    own = "image" if known.picture[0] < known.prompt[0] else "text"
    if first is not None and first != own:
        raise OptionError(f"first: expected {own!r}, as the model has it, got {first!r}; leave it out")


def _check_prompt(known: Sides, prompt: int | None) -> None:
    if prompt is not None and prompt != len(known.prompt):
        raise OptionError(f"prompt: expected {len(known.prompt)} tokens, as the model was given, got {prompt}; leave it out")
