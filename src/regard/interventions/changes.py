"""A replacement at a site, and how it is put there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from regard.errors import OptionError
from regard.interventions.met import Met
from regard.interventions.pieces import Piece, Spot
from regard.interventions.replacements import Hide, Replacement
from regard.interventions.sites import Edges, Heads, Layers, Site, Where
from regard.recording.means import TextRows
from regard.recording.text_positions import Places

Spans = Sequence[Mapping[str, Sequence[int]]]
"""What the names of positions mean in each sequence."""


@dataclass(eq=False)
class Change:
    """A replacement at a site, in some sequences of the batch.

    Attributes:
        site: where.
        replacement: what is put there.
        sequences: of the batch.
        spans: what the names of positions mean in each of these sequences.
        met: whether anything was replaced.
    """

    site: Site
    replacement: Replacement
    sequences: slice = field(default_factory=lambda: slice(None))
    spans: Spans = ()
    met: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.site, Edges) != isinstance(self.replacement, Hide):
            wanted = "hide()" if isinstance(self.site, Edges) else "another replacement than hide(), which is of edges,"
            raise OptionError(f"replacement: expected {wanted} at {self.site}, got {self.replacement}; as {{edges(3): hide()}}")

    def concerns(self, layer: int) -> bool:
        """Whether it may change a layer of its kind."""
        site = self.site
        if isinstance(site, Layers):
            return False  # its modules, and not its calls
        if isinstance(site, Heads):
            return site.others or any(one == layer for one, _ in site.places)
        if site.heads is not None:
            return any(one == layer for one, _ in site.heads)
        return site.layers is None or layer in site.layers

    def chosen(self, where: Where, places: Places) -> Tensor:
        """The positions that are meant, (sequences, positions), of the places of all sequences of the batch."""
        own = places.of_sequences(self.sequences)
        if not isinstance(where, str):
            return own.are(where)
        found = torch.zeros_like(own.place, dtype=torch.bool)
        for item, spans in enumerate(self._spans(where, len(own.place))):
            found[item] = own.of_sequences(slice(item, item + 1)).are(spans)[0]
        return found

    def _spans(self, name: str, sequences: int) -> list[Sequence[int]]:
        spans = self.spans or [{}] * sequences
        if missing := [item for item, one in enumerate(spans) if name not in one]:
            raise OptionError(
                f"at: expected a span {name!r} in each text, got none in text {missing[0]}; name it in Prompt(spans=...), or "
                "give places"
            )
        return [tuple(one[name]) for one in spans]


def heads_of(site: Heads | Layers, spot: Spot, count: int) -> list[int]:
    """Which heads of a call a site means.

    Raises:
        OptionError: the call has not as many.
    """
    if isinstance(site, Layers):
        return [0]
    named = [head for layer, head in site.places if layer == spot.layer]
    if wrong := [head for head in named if head >= count]:
        what = "key and value heads" if site.part in ("key", "value") else "heads"
        raise OptionError(f"expected {what} from 0 to {count - 1} in {spot.kind} layer {spot.layer}, got {wrong[0]}")
    return [head for head in range(count) if head not in named] if site.others else named


def put(
    change: Change,
    tensor: Tensor,
    taken: Tensor,
    places: Places,
    spot: Spot,
    text_rows: Callable[[], TextRows],
    met: Met | None = None,
) -> None:
    """Replace what stands at a site, in place.

    Args:
        change: the site and what is put there.
        tensor: (batch, heads, positions, dim).
        taken: (batch, heads, positions), what other sites have replaced already: it is written too.
        places: of the positions.
        spot: where this is.
        text_rows: what the rows of the sequences of the change are to their text.
        met: the call, where this is one.

    Raises:
        OptionError: another site has replaced it already.
    """
    site = change.site
    if isinstance(site, Edges):
        return
    heads, chosen = heads_of(site, spot, tensor.shape[1]), change.chosen(site.at, places)
    if not heads or not bool(chosen.any()):
        return
    part, used = tensor[change.sequences], taken[change.sequences]
    whole = len(heads) == part.shape[1]
    values = part if whole else part[:, heads]
    pattern = multiplied = None
    if met is not None and site.part == "pattern":
        pattern, multiplied = met.pattern(change.sequences, heads)
    piece = Piece(
        spot,
        tuple(heads),
        values,
        places.of_sequences(change.sequences),
        site.at,
        chosen,
        text_rows,
        change.spans,
        pattern,
        multiplied,
    )
    made = change.replacement.of(piece).to(values)
    meant = chosen[:, None].expand(-1, len(heads), -1)
    if bool((used[:, heads] & meant).any()):
        raise OptionError(f"{site}: expected sites that do not overlap, got two at the {spot}; give each once")
    used[:, heads] |= meant
    made = torch.where(chosen[:, None, :, None], made, values)
    change.met = True
    if whole:
        part.copy_(made)
    else:
        part[:, heads] = made
