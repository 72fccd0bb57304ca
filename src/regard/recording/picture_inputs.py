"""Which positions of a prompt are which patches of which picture: from what a model is given and its configuration alone.

What is not in the ids, the other inputs or the configuration is asked for.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from torch import Tensor

from regard.arguments import dense_tensor, several, whole_number, with_all
from regard.axes.axis import Axis
from regard.axes.pictures import Picture, pictures_of
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.recording.picture_facts import Facts, Tiles, Waiting
from regard.recording.picture_layouts import layout_of
from regard.recording.placeholders import placeholder


def pictures(
    inputs: Mapping[str, Any] | Axis,
    config: Any = None,
    *,
    tokenizer: Any = None,
    tiles: Sequence[Tiles] | None = None,
    sizes: Sequence[tuple[int, int]] | None = None,
    item: int = 0,
) -> tuple[Picture, ...]:
    """Which positions of a prompt are which patches: of each picture, and of each frame of a video, in the order of the text.

    Known layouts: LLaVA 1.5, NeXT and OneVision; Qwen2-VL, Qwen2.5-VL and Qwen3-VL; InternVL; Pixtral and Mistral 3; Idefics3
    and SmolVLM; Gemma 3; others that lay a square of patches row by row. A part of a picture is said in shares of what the
    model was given, after its processor has cropped or filled it.

    Args:
        inputs: what the model is given, ``input_ids`` (batch, positions) among it; or a side of a map that knows its patches,
            such as ``amap.keys``, where each tile is a picture by itself.
        config: the model's.
        tokenizer: reads the names of tiles (Idefics3, SmolVLM) and the times between frames (Qwen3-VL).
        tiles: (tiles down, tiles across) of each picture, where nothing else says it; (1, 1) of one that was not cut.
        sizes: (height, width) of each picture before it was cut, from which InternVL's rule gives its tiles.
        item: which sequence of the batch; positions count its padding, which ``recording.sample(item)`` leaves out.

    Raises:
        OptionError: a layout that is not known, facts that do not give as many positions as there are placeholders, or
        positions that are no patches, as the queries of BLIP-2; ShapeError: inputs without ids.

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> config = SimpleNamespace(image_token_id=9, vision_config=SimpleNamespace(spatial_merge_size=2))
        >>> given = {"input_ids": torch.tensor([[1, *[9] * 6, 5]]), "image_grid_thw": torch.tensor([[1, 4, 6]])}
        >>> [picture] = pictures(given, config)
        >>> picture.shape, picture.positions
        ((2, 3), (1, 2, 3, 4, 5, 6))
    """
    if isinstance(inputs, Axis):
        return pictures_of(inputs)
    if not isinstance(inputs, Mapping):
        raise DtypeError(f"inputs: expected what the model is given, by name, got {in_short(inputs)}; pass a dict")
    ids = inputs.get("input_ids")
    if not isinstance(ids, Tensor) or dense_tensor("input_ids", ids).ndim != 2 or ids.is_floating_point():
        raise ShapeError(f"inputs: expected input_ids (batch, positions), got {in_short(ids)}; pass the processor's output")
    with_all("config", config, "the configuration of the model, model.config", ("vision_config",))
    whole_number("item", item, 0, len(ids) - 1, advice="sequences are counted from 0")
    facts = Facts(inputs, config, tokenizer, _pairs("tiles", tiles), _pairs("sizes", sizes))
    found = [one for row in range(len(ids)) for one in _of_sequence(facts, ids[row].tolist(), row)]
    made = tuple(picture for row, picture in found if row == item)
    if not made:
        raise OptionError(f"inputs: expected placeholders of pictures in sequence {item}, got none; give the prompt with them")
    facts.finished()
    return made


def _of_sequence(facts: Facts, ids: list[int], row: int) -> list[tuple[int, Picture]]:
    """The pictures of a sequence, in the order of the text."""
    if any(getattr(facts.config, name, None) is not None for name in ("qformer_config", "perceiver_config")):
        raise OptionError(
            "config: expected patches in the text, got the queries of a resampler; compose its map with the model's: "
            "regard.patches(recording, answer=..., through=the resampler's map)"
        )
    found: list[tuple[int, Picture]] = []
    for kind in ("image", "video"):
        token = placeholder(facts.config, kind)
        at = [token is not None and one == token for one in ids]
        runs = [[place for place, _ in group] for own, group in groupby(enumerate(at), lambda one: one[1]) if own]
        if runs:
            found += [(min(picture.positions), picture) for picture in layout_of(facts, kind)(Waiting(facts, ids, runs))]
    return [(row, picture) for _, picture in sorted(found, key=lambda one: one[0])]


def _pairs(name: str, given: Any) -> list[Tiles] | None:
    if given is None:
        return None
    made = []
    for pair in several(name, given, "pairs, one a picture"):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise DtypeError(f"{name}: expected (down, across) of each picture, got {in_short(pair)}")
        made.append((whole_number(name, pair[0], 1), whole_number(name, pair[1], 1)))
    return made
