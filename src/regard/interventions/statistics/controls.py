"""Groups of heads drawn at random: what a group must be better than before it is called special."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from regard.arguments import several, whole_number
from regard.errors import DtypeError, OptionError, in_short
from regard.interventions.statistics.chance import keys_of, numbers

Head = tuple[int, int]

MOST = 10_000
"""Groups that are drawn at most: each is a run of the model, and this many tell p = 0.0001."""


def random_groups(group: Sequence[Head], heads: Mapping[int, int], count: int = 20, seed: int = 0) -> list[tuple[Head, ...]]:
    """Groups with as many heads of each layer as this one, of any heads of these layers (Shi et al. 2024, arXiv 2410.13032).

    A group is special where its effect is beyond those of such groups: of 20, larger than all is p = 1 / 21. They run beside it
    with ``regard.sweep(controls=20)``.

    Args:
        group: (layer, head) pairs.
        heads: how many heads each layer has.
        count: how many groups, at most 10,000.
        seed: of the draw.

    Raises:
        OptionError: a head that is not there.

    Example:
        >>> random_groups([(0, 1), (2, 0)], {0: 4, 1: 4, 2: 4}, count=2)
        [((0, 2), (2, 2)), ((0, 1), (2, 1))]
    """
    whole_number("count", count, 1, MOST)
    whole_number("seed", seed, 0)
    if not isinstance(heads, Mapping) or not all(isinstance(one, int) for pair in heads.items() for one in pair):
        raise DtypeError(f"heads: expected {{layer: how many}}, got {in_short(heads)}; for example {{0: 12, 1: 12}}")
    for one in several("group", group, "(layer, head) pairs"):
        if not isinstance(one, tuple | list) or len(one) != 2:
            raise OptionError(f"group: expected (layer, head) pairs, got {in_short(one)}; for example [(0, 3)]")
        layer, head = (whole_number("group", part, 0) for part in one)
        if not 0 <= head < heads.get(layer, 0):
            raise OptionError(
                f"group: expected heads that there are, got ({layer}, {head}); layer {layer} has {heads.get(layer, 0)}"
            )
    sizes = sorted(Counter(layer for layer, _ in {(int(layer), int(head)) for layer, head in group}).items())
    found = []
    for control in range(count):
        drawn: list[Head] = []
        for layer, size in sizes:
            order = np.argsort(numbers(keys_of([f"{control} {layer}"], seed), range(heads[layer]))[:, 0], kind="stable")
            drawn += [(layer, int(head)) for head in sorted(order[:size].tolist())]
        found.append(tuple(drawn))
    return found
