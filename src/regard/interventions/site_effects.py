"""One site's effect on one measure, and the effects of all sites that were tested together."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from regard.interventions.tables import Site

Adjust = Literal["holm", "max", "bh"]
ADJUSTED: dict[Adjust, str] = {"holm": "Holm", "max": "largest |t| of shared sign flips", "bh": "Benjamini & Hochberg"}
Ends = Literal["t", "bootstrap"]
PRINTED = 20
"""Sites that are printed."""


class Extreme(NamedTuple):
    """A prompt on which a site has its smallest or its largest effect."""

    value: float
    file: str
    line: int


class SiteEffect(NamedTuple):
    """What replacing one site does to one measure."""

    site: str
    kind: str
    layer: int  #: −1 where it is of no one layer
    head: int
    measure: str
    prompts: int
    groups: int  #: of prompts that depend on each other; as many as prompts where none do
    unchanged: float  #: mean of the measure with nothing replaced
    changed: float
    effect: float  #: changed − unchanged, mean over prompts
    spread: float  #: standard deviation of that
    standard_error: float  #: of the effect
    low: float  #: where its interval begins
    high: float  #: where it ends
    p: float  #: of no effect; with a margin, of one that is not within it
    adjusted: float  #: for all sites that were tested
    d: float  #: effect / spread, d_z; NaN where nothing varies
    d_low: float
    d_high: float
    other_sign: float  #: share of prompts whose effect has the other sign than the mean
    lowest: Extreme | None
    highest: Extreme | None

    @property
    def place(self) -> Site:
        """The site."""
        return Site(self.kind, self.layer, self.head, self.site)


@dataclass(frozen=True)
class TestedSites:
    """Sites with their effects, the largest first.

    Attributes:
        measure: its name.
        rows: the sites that were tested.
        adjust: "holm", "max" or "bh".
        margin: what is as good as no effect; None where it was tested that there is any.
        confidence: of the intervals.
        alpha: of the ring in the picture and of the star in the text.
        estimated: whether effects are estimates, from gradients or weights.
        chosen: how many sites one half of the prompts chose from, where the other half tested; None for one test of all.
        what: of which effects, in a few words.
    """

    measure: str
    rows: tuple[SiteEffect, ...]
    adjust: Adjust
    margin: float | None = None
    confidence: float = 0.95
    alpha: float = 0.05
    estimated: bool = False
    chosen: int | None = None
    what: str = "changed − unchanged"
