"""The table of heads as a DataFrame that draws itself. It needs pandas, and is imported when a table is made."""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure


class HeadTable(pd.DataFrame):  # type: ignore[misc]  # pandas says nothing of its types
    """The table of ``regard.heads``: a DataFrame whose parts, sorted or chosen, are such tables too.

    Example:
        >>> table = HeadTable([{"layer": layer, "head": head, "previous": 0.5} for layer in (0, 1) for head in (0, 1, 2)])
        >>> [axes.get_title(loc="left") for axes in table[table.layer == 1].figure().axes]
        ['previous']
    """

    @property
    def _constructor(self) -> "Callable[..., HeadTable]":
        return HeadTable

    def _repr_html_(self) -> str | None:
        """The table as notebooks show it: what a column is over its head, what the roles in it are below."""
        table: str | None = super()._repr_html_()
        known: dict[str, str] = self.attrs.get("definitions", {})
        if table is None or not known:
            return table

        def titled(head: "re.Match[str]") -> str:
            name = html.unescape(head[1])
            return f'<th title="{html.escape(known[name])}">{head[1]}</th>' if name in known else head[0]

        table = re.sub(r"<th>([^<]*)</th>", titled, table)
        there = {role for roles in self.get("roles", ()) for role in str(roles).split(", ")}
        roles = "; ".join(f"{role}: {known[role]}" for role in known if role in there)
        return f"{table}<small>{html.escape(roles)}</small>" if roles else table

    def table(self) -> Iterator[Sequence[object]]:
        """The columns and the heads, for ``regard.save(table, "x.csv")``."""
        yield list(self.columns)
        yield from self.itertuples(index=False, name=None)

    def figure(
        self,
        statistic: str | Sequence[str] | None = None,
        *,
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """Each statistic as a matrix: a row for each layer, a column for each head.

        Args:
            statistic: a column, or several; the usual ones where not given.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Raises:
            OptionError: no heads, a column that is not there or has no number, another theme.
        """
        from regard.analysis.heads.figure import heads_table

        names = [statistic] if isinstance(statistic, str) else statistic
        return heads_table(self, names, width=width, font=font, theme=theme, ax=ax)
