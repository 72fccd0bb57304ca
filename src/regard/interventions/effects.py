"""What replacing parts of a model does to what it says, prompt by prompt: numbers with errors, tests, a picture, a file."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from regard.arguments import number, one_of, text, whole_number
from regard.errors import DtypeError, OptionError, in_short
from regard.extras import require
from regard.interventions.effects_file import load_table, save_table
from regard.interventions.records import Records
from regard.interventions.shares import BesideControls, Share, beside, shares_of
from regard.interventions.site_effects import Adjust, Ends, SiteEffect
from regard.interventions.site_tests import EffectTests, Levels, sites_tested
from regard.interventions.tables import Grid, Site, Table
from regard.pictured import Pictured

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure

SHOWN = 12
"""Sites that are printed, and drawn with their intervals."""


@dataclass(frozen=True)
class Effects(Pictured):
    r"""Differences of a measure, prompt by prompt: with a site replaced, and with nothing replaced.

    Made by ``regard.sweep`` and ``regard.attribute``, or from columns that one has: ``Effects.of``. Statistics are of the
    mean over draws of each prompt's changed − unchanged; prompts of one group count as one.

    Attributes:
        about: what was done, as it stands in the file: the model, what replaces, on which prompts, the seed, versions.
        path: the file that the rows are in; None where they are in memory.
        texts: of prompts that were given as a list, by file and line; files of effects have none.

    Example:
        >>> rows = {"site": ["0.1", "0.1"], "kind": ["self"] * 2, "layer": [0, 0], "head": [1, 1], "measure": ["loss"] * 2}
        >>> rows |= {"file": [""] * 2, "line": [0, 1], "group": [""] * 2, "draw": [0, 0], "unchanged": [1.0, 2.0]}
        >>> rows |= {"other": [float("nan")] * 2, "changed": [1.5, 3.0], "tokens": [7, 5]}
        >>> found = Effects.of(rows, {"model": "mine"})
        >>> found.baseline, found.strongest(), found.tests().rows[0].effect
        (1.5, [(0, 1)], 0.75)
    """

    about: dict[str, Any]
    path: Path | None = None
    kept: Table | None = field(default=None, repr=False)
    texts: Mapping[tuple[str, int], str] | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        columns: Records | Mapping[str, Any] | Iterable[Records | Mapping[str, Any]],
        about: Mapping[str, Any] | None = None,
    ) -> Self:
        """Effects from rows: a block of columns, or blocks of them, in any order.

        Args:
            columns: site, kind, layer, head, measure, file, line, group, draw, unchanged, other, changed, tokens, as
                ``regard.sweep`` keeps them.
            about: what is to be known of them: ``"measures"`` in order, ``"estimated": True`` where nothing was run.

        Raises:
            DtypeError: a column that is missing, or of another type; ShapeError: columns of different lengths;
            OptionError: a row twice.
        """
        if about is not None and not isinstance(about, Mapping):
            raise DtypeError(f"about: expected what is to be known of the effects, by name, got {in_short(about)}")
        return cls(dict(about or {}), None, Table.of(columns, about or {}))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what ``save``, ``regard.sweep`` or ``regard.attribute`` has written.

        Raises:
            FileFormatError: it holds no effects, or those of a newer version, or is damaged.
            OSError: it cannot be read.
            ImportError: pyarrow is not installed.
        """
        about, table = load_table(path)
        return cls(about, Path(path), table)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all rows as Parquet, whole or not at all: the same effects give the same bytes.

        Raises:
            OSError: the file cannot be written; ImportError: pyarrow is not installed.
        """
        save_table(self._table, self.about, path)

    @cached_property
    def _table(self) -> Table:
        return self.kept if self.kept is not None else load_table(str(self.path))[1]

    @property
    def estimated(self) -> bool:
        """Whether these are estimates, from gradients or weights, and nothing was run with a site replaced."""
        return bool(self.about.get("estimated"))

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures by name."""
        return self._table.measures

    @property
    def sites(self) -> tuple[Site, ...]:
        """What was replaced, each by itself; random groups that ran beside others aside."""
        return tuple(site for site in self._table.sites if site.name not in self._controls)

    @cached_property
    def _controls(self) -> frozenset[str]:
        given = self.about.get("controls")
        return frozenset(name for names in given.values() for name in names) if isinstance(given, Mapping) else frozenset()

    def _grid(self, measure: str, column: str = "effect") -> Grid:
        """One measure, random groups aside."""
        grid = self._table.grid(measure, column)
        kept = [at for at, site in enumerate(grid.sites) if site.name not in self._controls]
        return grid._replace(sites=tuple(grid.sites[at] for at in kept), values=grid.values[:, kept])

    @property
    def prompts(self) -> list[tuple[str, int]]:
        """File and line of each prompt; of a list, "" and the place in it."""
        found = np.unique(np.stack([self._table.file, self._table.line]), axis=1)
        return [(self._table.files[file], line) for file, line in found.T.tolist()]

    @property
    def baseline(self) -> float:
        """The first measure with nothing replaced, its mean over prompts."""
        return self.baseline_of()

    @property
    def measured(self) -> Tensor:
        """The first measure with each head replaced, means over prompts, (layers, heads); NaN where there is none."""
        return self._by_head("changed")

    @property
    def differences(self) -> Tensor:
        """The first measure's effects, means over prompts, (layers, heads); NaN where there is none."""
        return self._by_head("effect")

    def baseline_of(self, measure: str | None = None) -> float:
        """A measure with nothing replaced, its mean over prompts."""
        grid = self._grid(self._measure(measure), "unchanged")
        with np.errstate(invalid="ignore"):
            means = np.nanmean(grid.values, axis=1) if grid.values.size else np.zeros(0)
        return float(np.nanmean(means)) if len(means) else float("nan")

    def grid(self, measure: str | None = None) -> Grid:
        """One measure's effects as they were found: ``values`` is (prompts, sites), the mean over draws of each.

        Raises:
            OptionError: no such measure.
        """
        return self._grid(self._measure(measure))

    def summary(self, measure: str | None = None, *, confidence: float = 0.95) -> list[SiteEffect]:
        """Each site by itself, in the order of the model: mean, error, interval, p, d_z, share of the other sign, extremes.

        Raises:
            OptionError: no such measure.
        """
        return sorted(self.tests(measure, confidence=confidence), key=lambda row: row.place)

    def tests(
        self,
        measure: str | None = None,
        adjust: Adjust = "holm",
        margin: float | None = None,
        *,
        split: int | None = None,
        confidence: float = 0.95,
        interval: Ends = "t",
        alpha: float = 0.05,
        seed: int = 0,
    ) -> EffectTests:
        """Which sites matter: Student's paired t of each, corrected for all of the measure.

        p < α says that a mean is not 0, not that it is large; p > α says nothing: that a site is *not* needed is said by a
        ``margin``.

        Args:
            measure: its name; the first where not given.
            adjust: "holm", which always holds the chance of a single false site (Holm 1979); "max", the largest |t| of sign
                flips that all sites share, which finds more where sites move together, and asks for differences symmetric
                about 0 (Westfall & Young 1993); "bh", a share of false ones among those found, for exploring.
            margin: test that the effect is within ±margin: two one-sided tests (Schuirmann 1987).
            split: how many sites the first half of the prompts chooses, by |t|, for the other half to test: choosing and
                testing on the same prompts inflates effects. Halves go by a hash of group or place.
            confidence: of intervals.
            interval: "t"; or "bootstrap", percentiles of 2,000 resamples with Poisson weights, from 20 prompts or groups on.
            alpha: of the star and the ring.
            seed: of flips, halves and resamples.

        Raises:
            OptionError: no such measure or correction, or a margin with "max"; ImportError: scipy is not installed.

        Example:
            >>> rows = {"site": ["0.1"] * 3, "kind": ["self"] * 3, "layer": [0] * 3, "head": [1] * 3, "measure": ["loss"] * 3}
            >>> rows |= {"file": [""] * 3, "line": [0, 1, 2], "group": [""] * 3, "draw": [0] * 3, "unchanged": [1.0] * 3}
            >>> rows |= {"other": [float("nan")] * 3, "changed": [1.5, 1.75, 2.0], "tokens": [7] * 3}
            >>> print(Effects.of(rows).tests())
            loss, changed − unchanged: 3 prompts, Holm over 1 site
            site  effect  ± error              95 %      d      p  adjusted  other sign
            0.1    +0.75     0.14  +0.129 to +1.371  +3.00  0.035    0.035*          0%
        """
        name = self._measure(measure)
        grid = self.grid(name)
        options: dict[str, Any] = {"split": split, "confidence": confidence, "interval": interval, "alpha": alpha, "seed": seed}
        found = sites_tested(name, grid, self._levels(name, grid), adjust=adjust, margin=margin, **options)
        return replace(found, estimated=self.estimated)

    def strongest(self, count: int = 1, measure: str | None = None) -> list[Any]:
        """The sites that change a measure most, in either direction: (layer, head) of heads of one kind, names otherwise."""
        whole_number("count", count, 0)
        grid = self.grid(measure)
        with np.errstate(invalid="ignore"):
            sizes = np.abs(_means(grid.values))
        order = np.argsort(-np.nan_to_num(sizes, nan=-1.0), kind="stable")[:count].tolist()
        found = [grid.sites[at] for at in order if sizes[at] == sizes[at]]
        plain = all(site.is_head for site in grid.sites) and len({site.kind for site in grid.sites}) == 1
        return [(site.layer, site.head) if plain else site.name for site in found]

    def shares(self, measure: str | None = None, *, confidence: float = 0.95) -> list[Share]:
        """How much of the way from the partner's measure is left: Σ (changed − other) / Σ (unchanged − other).

        A ratio of means, with Fieller's interval: 1 where replacing the site changes nothing, 0 where it makes the prompt as
        its partner. Where the partner runs (``patch(direction="denoise")``), 1 − the share is what the site brings back.
        (A mean of ratios is ruled by prompts that hardly differ from their partner.)

        Raises:
            OptionError: prompts without partners, or that differ so little from them that the sum below may be 0.
        """
        name = self._measure(measure)
        number("confidence", confidence, above=0, below=1)
        unchanged, other, changed = (self._grid(name, column) for column in ("unchanged", "other", "changed"))
        if not other.sites:
            raise OptionError(
                f"measure: expected {name!r} of partners too, got none; give prompts other=, and sweep with patch()"
            )
        return shares_of(unchanged, other, changed, confidence)

    def beside_controls(self, measure: str | None = None) -> list[BesideControls]:
        """Each group of heads beside the random groups that ran with it: ``regard.sweep(controls=20)``.

        Raises:
            OptionError: none ran.
        """
        name = self._measure(measure)
        if not self._controls:
            raise OptionError("controls: expected random groups beside a group of heads, got none; regard.sweep(controls=20)")
        grid = self._table.grid(name)
        return beside(dict(zip([one.name for one in grid.sites], _means(grid.values), strict=True)), self.about["controls"])

    def compare(self, other: "Effects", measure: str | None = None, **options: Any) -> EffectTests:
        """Where the effects of two sweeps differ, prompt by prompt: two models, or two replacements, on the same prompts.

        The rows are effect of ``other`` − effect of this one, for the sites and prompts that both have.

        Args:
            other: effects on the same prompts, known by file and line.
            measure: in both; the first of this one where not given.
            **options: as of ``tests``.

        Raises:
            OptionError: no measure, site or prompts in common.
        """
        if not isinstance(other, Effects):
            raise DtypeError(f"other: expected effects, got {in_short(other)}; Effects.load reads them")
        name = self._measure(measure)
        one_of("measure", name, other.measures)
        mine, theirs = self.grid(name), other.grid(name)
        sites = [site for site in mine.sites if site in theirs.sites]
        row_of = {place: row for row, place in enumerate(theirs.places)}
        rows = [row for row, place in enumerate(mine.places) if place in row_of]
        if not sites or len(rows) < 2:
            raise OptionError(
                f"other: expected effects with sites and at least two prompts in common, got {len(sites)} sites and "
                f"{len(rows)} prompts; sweep the same sites over the same prompts"
            )
        matched = np.ix_([row_of[mine.places[row]] for row in rows], [theirs.sites.index(site) for site in sites])
        columns = [mine.sites.index(site) for site in sites]
        before = mine.values[np.ix_(rows, columns)]
        after = theirs.values[matched]
        clusters = None if mine.clusters is None else mine.clusters[rows]
        grid = Grid(tuple(sites), [mine.places[at] for at in rows], [mine.units[at] for at in rows], clusters, after - before)
        found = sites_tested(name, grid, Levels(_means(before), _means(after)), **options)
        return replace(found, what="effect of the other − effect", estimated=self.estimated or other.estimated)

    def table(self) -> Iterator[Sequence[object]]:
        """Every row, for ``regard.save(found, "x.csv")``: a line for each site, measure, prompt and draw."""
        return self._table.lines()

    def to_pandas(self) -> Any:
        """Every row as a DataFrame.

        Raises:
            ImportError: pandas is not installed.
        """
        require("for a DataFrame", "pandas")
        import pandas as pd

        return pd.DataFrame(self._table.columns())

    def figure(
        self,
        measure: str | None = None,
        *,
        adjust: Adjust = "holm",
        alpha: float = 0.05,
        title: str | None = None,
        strongest: int = SHOWN,
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """Layers by heads in colours symmetric about 0, and beside them the strongest sites with their intervals.

        A ring is a head whose adjusted p is below α; cells of estimates are hatched, for they were not run.

        Args:
            measure: its name; the first where not given.
            adjust: as in ``tests``.
            alpha: of the ring.
            title: above the picture.
            strongest: how many sites are drawn with their intervals.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Raises:
            OptionError: no such measure, another theme.
        """
        found = self.tests(measure, adjust, alpha=alpha)
        return found.figure(title=title, strongest=strongest, width=width, font=font, theme=theme, ax=ax)

    def __str__(self) -> str:
        table = self._table
        about = " ".join(str(self.about[name]) for name in ("model", "replacement") if isinstance(self.about.get(name), str))
        lines = [
            f"{about + ': ' if about else ''}{'estimated ' if self.estimated else ''}effects of {len(self.sites):,} sites on "
            f"{len(self.prompts):,} prompts, {', '.join(table.measures)}"
        ]
        for name in table.measures:
            grid = self._grid(name)
            means = _means(grid.values)
            order = np.argsort(-np.nan_to_num(np.abs(means), nan=-1.0), kind="stable")[:SHOWN].tolist()
            told = ", ".join(f"{grid.sites[at].name} {means[at]:+.3g}".replace(" -", " −") for at in order)
            lines.append(f"{name}, {self.baseline_of(name):.4g} unchanged: {told}{', …' if len(means) > SHOWN else ''}")
        return "\n".join(lines)

    def _measure(self, measure: str | None) -> str:
        names = self.measures
        if not names:
            raise OptionError("measure: expected effects with a measure, got none: no prompt was left; see about['left_out']")
        return names[0] if measure is None else one_of("measure", text("measure", measure), names)

    def _levels(self, measure: str, grid: Grid) -> Levels:
        """The measure itself, of the sites of the grid."""
        found = []
        for column in ("unchanged", "changed"):
            one = self._grid(measure, column)
            at = dict(zip(one.sites, _means(one.values).tolist(), strict=True))
            found.append(np.array([at.get(site, np.nan) for site in grid.sites]))
        return Levels(*found)

    def _by_head(self, column: str) -> Tensor:
        grid = self._grid(self._measure(None), column)
        heads = [
            (site.layer, site.head, mean)
            for site, mean in zip(grid.sites, _means(grid.values).tolist(), strict=True)
            if site.is_head
        ]
        if not heads or len({(layer, head) for layer, head, _ in heads}) < len(heads):
            raise OptionError(
                f"expected one effect for each (layer, head), got {len(heads)} of heads among {len(grid.sites)} sites; "
                "summary() has all of them"
            )
        found = torch.full((1 + max(one[0] for one in heads), 1 + max(one[1] for one in heads)), torch.nan, dtype=torch.float64)
        for layer, head, mean in heads:
            found[layer, head] = mean
        return found


def _means(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Of each site over prompts; NaN of none."""
    counts = (~np.isnan(values)).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: np.ndarray[Any, np.dtype[np.float64]] = np.nansum(values, axis=0) / np.where(counts, counts, np.nan)
    return means
