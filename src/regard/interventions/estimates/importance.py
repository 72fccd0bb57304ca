"""How important heads are: the size of their effects, whichever way they go."""

import numpy as np
import torch
from torch import Tensor

from regard.arguments import truth, with_all
from regard.errors import OptionError
from regard.interventions.effects import Effects


def head_importance(effects: Effects, measure: str | None = None, *, normalise: bool = False) -> Tensor:
    """Mean over prompts of |effect| of each head, (layers, heads); NaN where there is none.

    Of ``regard.attribute(model, over, "loss", replace=zero())`` it is the importance of Michel et al. 2019 (arXiv 1905.10650),
    E |Σ z·g|: the absolute value is taken of each prompt, where one of a batch's sum would let prompts cancel each other. Of
    a sweep it is the same of what was run.

    It ranks heads to be pruned together, and says nothing of direction; a head that does half of the prompts good and half of
    them harm is important. Estimates are wrong at an optimum of the loss: see ``regard.attribute``.

    Args:
        effects: of heads of one kind.
        measure: its name; the first where not given.
        normalise: divide each layer by its root of the sum of squares, as they do before layers are compared.

    Raises:
        OptionError: no such measure, or sites that are no heads.

    Example:
        >>> rows = {"site": ["0.1"] * 2, "kind": ["self"] * 2, "layer": [0] * 2, "head": [1] * 2, "measure": ["loss"] * 2}
        >>> rows |= {"file": [""] * 2, "line": [0, 1], "group": [""] * 2, "draw": [0, 0], "unchanged": [1.0, 2.0]}
        >>> rows |= {"other": [float("nan")] * 2, "changed": [1.5, 1.0], "tokens": [7, 5]}
        >>> head_importance(Effects.of(rows))
        tensor([[  nan, 0.7500]], dtype=torch.float64)
    """
    grid = with_all("effects", effects, "effects", ("grid", "tests"), advice="regard.sweep makes them").grid(measure)
    truth("normalise", normalise)
    places = [(site.layer, site.head) for site in grid.sites if site.is_head]
    if len(set(places)) < len(grid.sites):
        raise OptionError(
            f"effects: expected one site for each (layer, head), got {len(grid.sites)} of {len(set(places))} heads"
        )
    sizes = np.nanmean(np.abs(grid.values), axis=0)
    found = torch.full((1 + max(at for at, _ in places), 1 + max(at for _, at in places)), torch.nan, dtype=torch.float64)
    for (layer, head), size in zip(places, sizes.tolist(), strict=True):
        found[layer, head] = size
    if normalise:
        found = found / found.square().nansum(dim=1, keepdim=True).sqrt()
    return found
