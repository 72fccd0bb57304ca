"""How much of the way from its partner's measure a site keeps; how large a group's effect is beside those of random groups."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from regard.interventions.statistics.ratios import ratio_of_means
from regard.interventions.tables import Grid


class Share(NamedTuple):
    """How much of a prompt's measure a site keeps, of the way from its partner's."""

    site: str
    kind: str
    layer: int
    head: int
    prompts: int
    share: float  #: Σ (changed − other) / Σ (unchanged − other)
    low: float  #: where its interval begins
    high: float


class BesideControls(NamedTuple):
    """A group of heads beside random groups of as many heads of each layer."""

    site: str
    effect: float  #: mean over prompts
    controls: tuple[float, ...]  #: those of the random groups
    p: float  #: (1 + how many of these are as large, in either direction) / (1 + how many there are)


def shares_of(unchanged: Grid, other: Grid, changed: Grid, confidence: float) -> list[Share]:
    """The sites whose prompts have partners.

    Raises:
        OptionError: a way that may be 0.
    """
    at = {site: number for number, site in enumerate(other.sites)}
    found = []
    for number, site in enumerate(changed.sites):
        if site not in at:
            continue
        partner = other.values[:, at[site]]
        over, under = changed.values[:, number] - partner, unchanged.values[:, number] - partner
        ratio = ratio_of_means(over, under, changed.clusters, confidence=confidence, name="unchanged − other")
        found.append(Share(site.name, site.kind, site.layer, site.head, ratio.units, *ratio[:3]))
    return found


def beside(effects: Mapping[str, float], controls: Mapping[str, Sequence[str]]) -> list[BesideControls]:
    """Each group with the effects of the random groups that belong to it, all by name."""
    found = []
    for name, others in controls.items():
        effect, drawn = float(effects[name]), tuple(float(effects[one]) for one in others)
        large = sum(abs(one) >= abs(effect) for one in drawn)
        found.append(BesideControls(name, effect, drawn, (1 + large) / (1 + len(drawn))))
    return found
