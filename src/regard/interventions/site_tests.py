"""The mean effect of every site, how sure it is, and a correction for all of them together."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np

from regard.arguments import number, one_of, text, whole_number
from regard.errors import OptionError
from regard.interventions.site_effects import ADJUSTED, PRINTED, Adjust, Ends, Extreme, SiteEffect, TestedSites
from regard.interventions.statistics.bootstrap import bootstrap_interval
from regard.interventions.statistics.chance import Floats, halves, keys_of
from regard.interventions.statistics.families import benjamini_hochberg, holm, largest_t
from regard.interventions.statistics.paired import PairedMeans, paired_means
from regard.interventions.tables import Grid, Site
from regard.pictured import Pictured

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure


@dataclass(frozen=True)
class EffectTests(TestedSites, Pictured):
    """Sites with their effects, the largest first: what ``Effects.tests`` finds, as a table and as a picture."""

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[SiteEffect]:
        return iter(self.rows)

    def __str__(self) -> str:
        prompts = max((row.prompts for row in self.rows), default=0)
        asked = "" if self.margin is None else f", p that it is not within ±{self.margin:g}"
        how = f"{ADJUSTED[self.adjust]} over {_counted(len(self.rows), 'site')}"
        split = "" if self.chosen is None else f", chosen among {self.chosen:,} by the other half of the prompts"
        name = f"{self.measure}, {'estimated' if self.estimated else self.what}"
        lines = [f"{name}: {_counted(prompts, 'prompt')}, {how}{split}{asked}"]
        cells: list[tuple[str, ...]] = [
            ("site", "effect", "± error", f"{self.confidence * 100:g} %", "d", "p", "adjusted", "other sign")
        ]
        cells += [_cells(row, self.alpha) for row in self.rows[:PRINTED]]
        widths = [max(len(line[at]) for line in cells) for at in range(len(cells[0]))]
        for line in cells:
            first, *others = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            lines.append("  ".join([first.strip().ljust(widths[0]), *others]).rstrip())
        if len(self.rows) > PRINTED:
            lines.append(f"… and {len(self.rows) - PRINTED:,} more: .rows has all of them")
        return "\n".join(lines)

    def significant(self, alpha: float | None = None) -> list[SiteEffect]:
        """The sites whose adjusted p is below α."""
        level = self.alpha if alpha is None else number("alpha", alpha, above=0, below=1)
        return [row for row in self.rows if row.adjusted < level]

    def table(self) -> Iterator[Sequence[object]]:
        """A line for each site, for ``regard.save(found.tests(…), "x.csv")``."""
        yield [*SiteEffect._fields[:-2], "lowest", "lowest_at", "highest", "highest_at"]
        for row in self.rows:
            ends = [(one.value, f"{one.file}:{one.line}") if one else (None, None) for one in (row.lowest, row.highest)]
            yield [*row[:-2], *ends[0], *ends[1]]

    def figure(
        self,
        *,
        title: str | None = None,
        strongest: int = 12,
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """Layers by heads in colours symmetric about 0, and beside them the strongest sites with their intervals.

        A ring is a head whose adjusted p is below α; cells of estimates are hatched, for they were not run. Sites that are no
        single head have no cell.

        Args:
            title: above the picture.
            strongest: how many sites are drawn with their intervals.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Raises:
            OptionError: no sites, another theme.
        """
        from regard.interventions.figure import effects_figure

        whole_number("strongest", strongest, 0)
        if title is not None:
            text("title", title)
        return effects_figure(self, title=title, strongest=strongest, width=width, font=font, theme=theme, ax=ax)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _cells(row: SiteEffect, alpha: float) -> tuple[str, ...]:
    adjusted = _p(row.adjusted) + ("*" if row.adjusted < alpha else " ")
    interval = "–" if math.isnan(row.low) else f"{row.low:+.4g} to {row.high:+.4g}"
    numbers = (f"{row.effect:+.4g}", _number(row.standard_error, ".2g"), interval, _number(row.d, "+.2f"), _p(row.p), adjusted)
    shown = (row.site, *(text.replace("-", "−").replace("e−", "e-") for text in numbers), _number(row.other_sign, ".0%"))
    return tuple("+0" if text in ("−0", "+0.") else text for text in shown)


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)


def _p(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2g}" if value >= 1e-300 else "< 1e-300"


class Levels(NamedTuple):
    """The mean measure of each site, unchanged and changed."""

    unchanged: Floats
    changed: Floats


def sites_tested(
    measure: str,
    grid: Grid,
    levels: Levels,
    *,
    adjust: Adjust = "holm",
    margin: float | None = None,
    split: int | None = None,
    confidence: float = 0.95,
    interval: Ends = "t",
    alpha: float = 0.05,
    seed: int = 0,
) -> EffectTests:
    """The sites of a grid, tested: what ``Effects.tests`` says."""
    one_of("adjust", adjust, get_args(Adjust))
    one_of("interval", interval, get_args(Ends))
    number("confidence", confidence, above=0, below=1)
    number("alpha", alpha, above=0, below=1)
    if margin is not None:
        number("margin", margin, above=0, advice="it is an effect that is as good as none, in the measure's unit")
        if adjust == "max":
            raise OptionError(
                "adjust: expected 'holm' or 'bh' with a margin, got 'max', whose flips ask whether there is any effect"
            )
    keys = keys_of(grid.units, seed)
    if split is None:
        chosen = np.arange(len(grid.sites))
        rows = np.ones(len(grid.places), dtype=bool)
    else:
        whole_number("split", split, 1, len(grid.sites), advice="it is how many sites the first half of the prompts chooses")
        rows = ~halves(keys)
        sizes = np.nan_to_num(np.abs(paired_means(grid.values[~rows], _some(grid.clusters, ~rows)).t), nan=-1.0)
        chosen = np.sort(np.argsort(-sizes, kind="stable")[:split])
    values, clusters = grid.values[np.ix_(rows, chosen)], _some(grid.clusters, rows)
    found = paired_means(values, clusters)
    p = found.p() if margin is None else found.equivalent(margin)
    if adjust == "max":
        adjusted = largest_t(values, keys[rows], clusters)
    else:
        adjusted = {"holm": holm, "bh": benjamini_hochberg}[adjust](p)
    ends = found.interval(confidence) if interval == "t" else bootstrap_interval(values, keys[rows], confidence)
    places = [place for place, kept in zip(grid.places, rows.tolist(), strict=True) if kept]
    made = [
        _row(measure, grid.sites[site], at, found, levels, site, values[:, at], places)
        for at, site in enumerate(chosen.tolist())
    ]
    d_low, d_high = found.effect_interval(confidence)
    described = [
        row._replace(
            low=float(ends.low[at]),
            high=float(ends.high[at]),
            p=float(p[at]),
            adjusted=float(adjusted[at]),
            d_low=float(d_low[at]),
            d_high=float(d_high[at]),
        )
        for at, row in enumerate(made)
    ]
    described.sort(key=lambda row: (-abs(row.effect) if row.effect == row.effect else 1.0, row.place))
    tests = EffectTests(measure, tuple(described), adjust, margin, confidence, alpha)
    return tests if split is None else replace(tests, chosen=len(grid.sites))


def _some(clusters: Any, rows: Any) -> Any:
    return None if clusters is None else clusters[rows]


def _row(
    measure: str,
    site: Site,
    at: int,
    found: PairedMeans,
    levels: Levels,
    of_levels: int,
    values: Floats,
    places: Sequence[tuple[str, int]],
) -> SiteEffect:
    """A site without what was tested of it."""
    mean, there = float(found.mean[at]), np.flatnonzero(~np.isnan(values))
    ends: list[Extreme | None] = [None, None]
    other_sign = math.nan
    if len(there):
        some = values[there]
        ends = [Extreme(float(some[one]), *places[int(there[one])]) for one in (int(some.argmin()), int(some.argmax()))]
        other_sign = float((some * mean < 0).mean())
    return SiteEffect(
        *(site.name, site.kind, site.layer, site.head, measure, int(found.count[at]), int(found.clusters[at])),
        unchanged=float(levels.unchanged[of_levels]),
        changed=float(levels.changed[of_levels]),
        effect=mean,
        spread=float(found.spread[at]),
        standard_error=float(found.error[at]),
        low=math.nan,
        high=math.nan,
        p=math.nan,
        adjusted=math.nan,
        d=float(found.effect[at]),
        d_low=math.nan,
        d_high=math.nan,
        other_sign=other_sign,
        lowest=ends[0],
        highest=ends[1],
    )
