"""What is known of the pictures of a prompt, and which of their placeholders wait for a place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from regard.errors import OptionError
from regard.recording.places import table_of

Tiles = tuple[int, int]
"""Tiles of a picture, or its height and width: down and across."""


@dataclass
class Facts:
    """What a model is given, its configuration, what was said beside it, and how many pictures have been met."""

    inputs: Mapping[str, Any]
    config: Any
    tokenizer: Any
    tiles: list[Tiles] | None
    sizes: list[Tiles] | None
    met: dict[str, int] = field(default_factory=lambda: {"image": 0, "video": 0})

    @property
    def vision(self) -> Any:
        """The configuration of the tower."""
        return self.config.vision_config

    def next(self, kind: str = "image") -> int:
        """The number of the picture that is met now."""
        self.met[kind] += 1
        return self.met[kind] - 1

    def sides(self) -> tuple[int, int]:
        """Patches down and across of a square that the tower is given."""
        image, patch = (_both(getattr(self.vision, name, None)) for name in ("image_size", "patch_size"))
        pixels = self.inputs.get("pixel_values")
        if isinstance(pixels, Tensor) and pixels.ndim in (4, 5):
            image = int(pixels.shape[-2]), int(pixels.shape[-1])
        if image is None or patch is None:
            raise OptionError(
                "config: expected vision_config with image_size and patch_size, got "
                f"{getattr(self.config, 'model_type', 'a model')} without; say where patches stand: "
                "regard.axes.Picture((View(rows, columns, positions),))"
            )
        return image[0] // patch[0], image[1] // patch[1]

    def thw(self, kind: str) -> tuple[int, int, int]:
        """Times, rows and columns of the next picture, after squares of patches were merged."""
        name, side = f"{kind}_grid_thw", getattr(self.vision, "spatial_merge_size", None)
        given = table_of(self.inputs, (name,), 3)
        if given is None or not isinstance(side, int):
            what = name if given is None else "vision_config.spatial_merge_size"
            raise OptionError(f"inputs: expected {what} for {kind} placeholders, got none; pass the processor's output")
        at = self.next(kind)
        if at >= len(given):
            raise OptionError(f"inputs: expected {name} of each {kind}, got {len(given)} and more placeholders")
        times, down, across = given[at]
        return times, down // side, across // side

    def finished(self) -> None:
        """All facts were used."""
        for name, given in (("tiles", self.tiles), ("sizes", self.sizes)):
            if given is not None and len(given) != self.met["image"]:
                raise OptionError(f"{name}: expected {self.met['image']}, one a picture of the batch, got {len(given)}")
        for kind in self.met:
            table = table_of(self.inputs, (f"{kind}_grid_thw",), 3)
            if table is not None and len(table) != self.met[kind]:
                raise misfit(self.met[kind], f"those of {len(table)} {kind}s", "of that many")


@dataclass
class Waiting:
    """The placeholders of a sequence, of which pictures take theirs one after another."""

    facts: Facts
    ids: list[int]
    runs: list[list[int]]
    """Positions that follow one another without a break."""
    places: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.places = [at for run in self.runs for at in run]

    def take(self, count: int) -> tuple[int, ...]:
        """The next so many."""
        if len(self.places) < count:
            raise misfit(len(self.places), str(count))
        taken, self.places = self.places[:count], self.places[count:]
        return tuple(taken)


def misfit(got: int, wanted: str, what: str = "") -> OptionError:
    """That there are other placeholders than the facts give."""
    return OptionError(
        f"inputs: expected {wanted} placeholders, as the facts of the picture give, got {got} {what}".rstrip()
        + "; pass all that the processor returns, and the prompt with every placeholder"
    )


def _both(said: Any) -> tuple[int, int] | None:
    if isinstance(said, int):
        return said, said
    if isinstance(said, list | tuple) and len(said) == 2:
        return int(said[0]), int(said[1])
    return None
