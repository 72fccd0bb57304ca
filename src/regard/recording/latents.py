"""Where the patches of the picture that a denoiser makes stand among positions: from the latent that it is given.

Nothing is read off a number of positions. Where what a module is given does not give just as many, the places stay unknown.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from torch import Tensor, nn

from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.axes.pictures import FIRST
from regard.recording.places import Grid, Places, patch_sides, patch_text

Grids = tuple[tuple[int, int], ...]
"""Patches down and across, of each picture."""


class Latent(NamedTuple):
    """What a denoiser is given.

    Attributes:
        grids: of the picture that it makes, and of others that it looks at, in their order.
        prompt: tokens of the prompt, padding included; 0 where there is none.
        first: "image" or "text", whichever stands first where both attend together; None where that is not known.
    """

    grids: Grids
    prompt: int
    first: str | None


def latent_of(module: nn.Module, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Latent | None:
    """What a module is given, if it is a denoiser or a part of one; None if it is not, or nothing says the grid.

    That is a ``sample`` (batch, channels, down, across), or ``hidden_states`` of four axes beside a ``timestep``, cut into
    patches of ``config.patch_size``; or ``img_ids`` (patches, 3), the picture, row and column of each, row by row.
    """
    names = _arguments(type(module).forward)
    if "sample" not in names and "timestep" not in names:
        return None
    given = dict(zip(names, positional, strict=False)) | dict(named)
    grids = _by_ids(given["img_ids"]) if "img_ids" in given else _by_latent(module, given)
    if grids is None:
        return None
    text = given.get("encoder_hidden_states")
    prompt = int(text.shape[1]) if isinstance(text, Tensor) and text.ndim == 3 else 0
    return Latent(grids, prompt, FIRST.get(type(module).__name__))


def axis_of_latent(latents: Iterable[Latent], size: int) -> Axis | None:
    """So many positions as the patches of the first latent that has as many, alone or with its prompt; None without one."""
    for latent in latents:
        patches = sum(map(math.prod, latent.grids))
        if size == patches:
            return _axis(latent.grids, 0, "image")
        if latent.first is not None and latent.prompt and size == patches + latent.prompt:
            return _axis(latent.grids, latent.prompt, latent.first)
    return None


def _by_latent(module: nn.Module, given: Mapping[str, Any]) -> Grids | None:
    latent = given.get("sample", given.get("hidden_states"))
    if not isinstance(latent, Tensor) or latent.ndim != 4:
        return None
    down, across = patch_sides(module) or (1, 1)
    grid = latent.shape[-2] // down, latent.shape[-1] // across
    return (grid,) if min(grid) else None


def _by_ids(ids: Any) -> Grids | None:
    """The grids of which these are all patches, row by row."""
    if not isinstance(ids, Tensor) or ids.ndim not in (2, 3) or ids.shape[-1] != 3 or ids.is_complex() or ids.is_meta:
        return None
    batch = (ids[None] if ids.ndim == 2 else ids).detach().cpu().double()
    whole = batch.isfinite() & (batch == batch.round())
    if not len(batch) or not bool((whole & (batch == batch[0])).all()):
        return None  # NaN, parts of a patch, or another grid for each picture of the batch
    said = [tuple(map(int, one)) for one in batch[0].tolist()]
    sides: dict[int, tuple[int, int]] = {}
    for image, row, column in said:
        down, across = sides.get(image, (0, 0))
        sides[image] = max(down, row + 1), max(across, column + 1)
    if sum(map(math.prod, sides.values())) != len(said):
        return None
    grids = tuple(sides.values())
    order = [tuple(place) for image, grid in zip(sides, grids, strict=True) for place in Grid(*grid).places(image) if place]
    return grids if order == said else None


@lru_cache(maxsize=64)
def _axis(grids: Grids, prompt: int, first: str) -> Axis:
    """One for all steps and layers that have these positions."""
    places: Places = [place for image, grid in enumerate(grids) for place in Grid(*grid).places(image)]
    texts = [patch_text(place, several=len(grids) > 1) for place in places]
    words = [f"prompt {at}" for at in range(prompt)]
    none: Places = [None] * prompt
    texts, places = (texts + words, places + none) if first == "image" else (words + texts, none + places)
    return Axis((Line(len(texts), text=tuple(texts), special=(False,) * len(texts), place=tuple(places)),))


@cache
def _arguments(forward: Callable[..., Any]) -> tuple[str, ...]:
    """What the forward of a class takes; nothing where it cannot be asked."""
    try:
        return tuple(inspect.signature(forward).parameters)[1:]
    except (TypeError, ValueError):
        return ()
