"""A survey, and the Parquet file that holds it: one row for each statistic of each head (docs/survey.md)."""

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from regard.analysis.heads.registry import HeadStatistics, head_row, statistic_named
from regard.arguments import truth, whole_number
from regard.errors import FileFormatError, OptionError, in_short
from regard.files import as_path, checked_path, written_whole
from regard.pictured import Pictured
from regard.surveying.corpus import FILE_BITS, require_pyarrow
from regard.surveying.extremes import NOTHING, Extremes
from regard.surveying.rows import Example, Row
from regard.surveying.scales import UNIT
from regard.surveying.survey_cost import read_table
from regard.surveying.survey_table import METADATA, VERSION, about_of, lengths_of, parts_of, sums_of
from regard.surveying.tally import Done, Tally
from regard.surveying.texts import KeptTexts
from regard.surveying.totals import Totals

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure


@dataclass(frozen=True)
class Survey(Pictured):
    r"""What the heads of a model do over a corpus, with error bars.

    Attributes:
        about: the model, the corpus, the settings and the versions, as they stand in the file.
        tally: counts and totals.
        done: which chunks of the corpus were read; a survey that is not finished knows where to go on.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from regard.surveying.survey import survey
        >>> place = Path(tempfile.mkdtemp())
        >>> _ = (place / "pairs.tsv").write_text("Go!\tVa !\nI tripped.\tJ'ai trébuché.\n", encoding="utf-8")
        >>> _ = survey(text=str(place / "pairs.tsv"), output=place / "heads.parquet")
        >>> row = Survey.load(place / "heads.parquet").row("encoder", 0, 1, "previous")
        >>> row.count, [example.text for example in row.highest]
        (2, ['I tripped.', 'Go!'])
    """

    about: dict[str, Any]
    tally: Tally
    done: Done = field(default_factory=Done)

    def __str__(self) -> str:
        name, corpus = self.about["model"]["name"], ", ".join(source["name"] for source in self.about["corpus"][:3])
        others = len(self.about["corpus"]) - 3
        more = f" and {_counted(others, 'more file')}" if others > 0 else ""
        lines = [
            f"{name} on {corpus}{more}: {_counted(self.tally.texts, 'text')}, {_counted(self.tally.tokens, 'token')}"
            + ("" if self.finished else ", not finished")
        ]
        for reason, found in sorted(self.tally.left_out.items()):
            places = "; ".join(f"{self._name_of(place)} {what}" for place, what in found.first)
            lines.append(f"left out, {reason}: {found.count:,} ({places}{'; …' if found.count > len(found.first) else ''})")
        return "\n".join(lines)

    @property
    def finished(self) -> bool:
        """Whether all of the corpus has been read."""
        return bool(self.about["finished"])

    @property
    def statistics(self) -> tuple[str, ...]:
        """The statistics by name."""
        return self.tally.totals.statistics if self.tally.totals else ()

    def rows(self, *, examples: bool = True) -> Iterator[Row]:
        """Every statistic of every head, in the order of the model.

        Args:
            examples: whether the texts at either end are wanted too.
        """
        truth("examples", examples)
        totals = self.tally.totals
        if totals is None:
            return
        for cell in range(len(totals.count)):
            yield self._row(totals, cell, examples=examples)

    @property
    def texts(self) -> list[tuple[str, int]]:
        """The texts whose values are kept, by file and line from 1, in the order of the corpus.

        Raises:
            OptionError: none are.
        """
        return [self._file_and_line(place) for place in self.kept_texts().places.tolist()]

    def values(self, kind: str | None, layer: int | None, head: int, statistic: str) -> NDArray[np.float32]:
        """One statistic of one head on each of the ``texts``; NaN where it has no meaning.

        Raises:
            OptionError: there is none, or values of texts are not kept.
        """
        return self.kept_texts().values[:, self._cell(kind, layer, head, statistic)]

    def kept_texts(self) -> KeptTexts:
        """All values of all texts.

        Raises:
            OptionError: they are not kept.
        """
        totals = self.tally.totals
        if totals is None or totals.texts is None:
            raise OptionError(
                "expected a survey that kept the values of its texts, got one that did not; survey with per_text=True "
                "(regard survey --per-text)"
            )
        return totals.texts.kept()

    def row(self, kind: str | None, layer: int | None, head: int, statistic: str) -> Row:
        """One statistic of one head.

        Raises:
            OptionError: there is none.
        """
        cell = self._cell(kind, layer, head, statistic)
        return self._row(cast("Totals", self.tally.totals), cell, examples=True)

    def _cell(self, kind: str | None, layer: int | None, head: int, statistic: str) -> int:
        totals = self.tally.totals
        heads = totals.heads if totals else ()
        named = isinstance(kind, str | None) and isinstance(statistic, str) and statistic in self.statistics
        layer = None if layer is None else whole_number("layer", layer, 0)
        head = whole_number("head", head, 0)
        for at, place in enumerate(heads):
            if totals and named and (place.kind, place.layer, place.head) == (kind, layer, head):
                return at * len(totals.statistics) + totals.statistics.index(statistic)
        known = Counter(f"{place.kind} {place.layer}" for place in heads)
        raise OptionError(
            f"expected one of {', '.join(f'{place} ({count} heads)' for place, count in known.items()) or 'no heads'} and of "
            f"{', '.join(self.statistics) or 'no statistics'}, got {in_short(kind)} {layer}, head {head}, {in_short(statistic)}"
        )

    def heads(self) -> list[HeadStatistics]:
        """The table of heads, with the means over texts: for ``roles_of``, ``heads_text`` and ``heads_table``.

        ``offset`` is the one that gets most in most texts. ``regard.heads`` has means over rows, where long texts count more.
        A statistic that this version has and the file lacks is NaN; one that only the file has is in ``rows`` alone.
        """
        totals = self.tally.totals
        if totals is None:
            return []
        names = totals.statistics
        windows = self.about["settings"].get("windows", ())
        found = []
        for at, place in enumerate(totals.heads):
            rows = {name: self._row(totals, at * len(names) + step, examples=False) for step, name in enumerate(names)}
            values = {name: _value(row) for name, row in rows.items()}
            found.append(head_row(place.kind, place.layer, place.head, place.name, values, windows))
        return found

    def table(self) -> Iterator[Sequence[object]]:
        """Means and spreads as a table, for ``regard.save(survey, "x.csv")``: a line for each statistic of each head."""
        names = ("kind", "layer", "head", "module", "statistic", "count", "mean", "variance", "standard_error")
        yield names
        yield from ([getattr(row, name) for name in names] for row in self.rows(examples=False))

    def figure(
        self,
        statistic: str | Sequence[str] | None = None,
        *,
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """Statistics over the corpus: means of all heads as a matrix, and each head with its spread beside it.

        A dot is a mean over texts; the thick bar about it holds the true mean with 95 % confidence (1.96 standard errors on
        either side), which many texts make very short; the thin line spans the middle 80 % of the texts.

        Args:
            statistic: by name, one or several; the usual ones where not given.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Returns:
            The figure; its axes, or the ``child_axes`` of those that were given, are two a statistic, in their order.

        Raises:
            OptionError: a survey of nothing, a statistic that it does not have, another theme.
        """
        from regard.surveying.figure import survey_figure

        rows = list(self.rows(examples=False))
        names = [statistic] if isinstance(statistic, str) else statistic
        return survey_figure(rows, names, width=width, font=font, theme=theme, ax=ax)

    def _row(self, totals: Totals, cell: int, *, examples: bool) -> Row:
        at, step = divmod(cell, len(totals.statistics))
        place, edges = totals.heads[at], totals.edges[step]
        count, mean, variance = totals.all.described(cell)
        return Row(
            *(place.kind, place.layer, place.head, place.name, totals.statistics[step], count),
            mean=mean,
            variance=variance,
            standard_error=math.sqrt(variance / count) if count > 1 else math.nan,
            edges=tuple(edges.tolist()),
            histogram=tuple(totals.histogram[cell, : len(edges) - 1].tolist()),
            highest=self._examples(totals, totals.highest, cell, 1) if examples else (),
            lowest=self._examples(totals, totals.lowest, cell, -1) if examples else (),
        )

    def _examples(self, totals: Totals, extremes: Extremes, cell: int, sign: int) -> tuple[Example, ...]:
        found = []
        for value, place in zip(extremes.values[cell].tolist(), extremes.places[cell].tolist(), strict=True):
            if value > NOTHING:
                found.append(Example(sign * value * UNIT, *self._file_and_line(place), *totals.passages[place]))
        return tuple(found)

    def _name_of(self, place: int) -> str:
        return "{}:{}".format(*self._file_and_line(place))

    def _file_and_line(self, place: int) -> tuple[str, int]:
        return self.about["corpus"][place >> FILE_BITS]["name"], (place & ((1 << FILE_BITS) - 1)) + 1

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the survey as Parquet, whole or not at all.

        Raises:
            OSError: the file cannot be written; what stood there before still does.
            ImportError: pyarrow is not installed.
        """
        require_pyarrow("to write a survey")
        from pyarrow import parquet

        place = checked_path(path)
        with written_whole(place) as file:
            parquet.write_table(self._table(), file, compression="zstd", use_dictionary=True)

    def _table(self) -> Any:
        import pyarrow as pa

        example = pa.struct(
            [
                *(("value", pa.float64()), ("file", pa.string()), ("line", pa.int64())),
                *(("text", pa.string()), ("target", pa.string())),
            ]
        )
        stratum = pa.struct(
            [("length", pa.int64()), ("count", pa.int64()), ("sum", pa.string()), ("sum_of_squares", pa.string())]
        )
        totals = self.tally.totals
        rows = [
            row.plain()
            | {"model": self.about["model"]["name"], **sums_of(totals.all, cell), "lengths": lengths_of(totals, cell)}
            for cell, row in enumerate(self.rows())
            if totals
        ]
        schema = pa.schema(
            [
                *(("model", pa.string()), ("kind", pa.string()), ("layer", pa.int32()), ("head", pa.int32())),
                *(("module", pa.string()), ("statistic", pa.string()), ("count", pa.int64()), ("mean", pa.float64())),
                *(("standard_error", pa.float64()), ("variance", pa.float64())),
                *(("edges", pa.list_(pa.float64())), ("histogram", pa.list_(pa.int64()))),
                *(("highest", pa.list_(example)), ("lowest", pa.list_(example))),
                *(("sum", pa.string()), ("sum_of_squares", pa.string()), ("lengths", pa.list_(stratum))),
            ],
            metadata={METADATA: json.dumps(self._metadata(), ensure_ascii=False).encode()},
        )
        table = pa.Table.from_pylist(rows, schema)
        if totals is None or totals.texts is None:
            return table
        kept = totals.texts.kept()
        ends = np.arange(len(rows) + 1, dtype=np.int64) * len(kept.places)
        values = pa.LargeListArray.from_arrays(ends, pa.array(np.ascontiguousarray(kept.values.T).ravel()))
        files, lines = zip(*self.texts, strict=True) if len(kept.places) else ((), ())
        columns = {"file": pa.array(files, pa.string()), "line": pa.array(lines, pa.int64()), "key": pa.array(kept.keys)}
        texts = pa.StructArray.from_arrays(list(columns.values()), list(columns))
        of_first = pa.LargeListArray.from_arrays(np.where(ends > 0, len(kept.places), 0), texts)  # on the first row only
        return table.append_column("values", values).append_column("texts", of_first)

    def _metadata(self) -> dict[str, Any]:
        left_out = {
            reason: {
                "count": found.count,
                "first": [{"place": self._name_of(at), "at": at, "what": what} for at, what in found.first],
            }
            for reason, found in sorted(self.tally.left_out.items())
        }
        counts = {"lines": self.tally.lines, "texts": self.tally.texts, "tokens": self.tally.tokens, "left_out": left_out}
        return {
            "version": VERSION,
            **self.about,
            "counts": counts,
            "done": {str(at): run for at, run in self.done.runs.items()},
            "digests": {str(at): f"{digest:016x}" for at, digest in sorted(self.tally.digests.items())},
        }

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a survey, or the checkpoint of one.

        Raises:
            FileFormatError: it is no survey, or one of another version, or damaged.
            OSError: it cannot be read.
            ImportError: pyarrow is not installed.
        """
        require_pyarrow("to read a survey")
        place = as_path(path)
        table, cost = read_table(place, METADATA)
        about = about_of(table, place)
        try:
            found = cls(*parts_of(table, about, cost.pay))
            str(found)  # which asks for all that a survey says of itself
            return found
        except FileFormatError:
            raise
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise FileFormatError(f"expected a whole survey, got {str(place)!r}, which is damaged: {error!r}") from error


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _value(row: Row) -> float:
    """What the table of heads has: the mean; of rows, how many there were in all; of places, the one that most texts have."""
    known = statistic_named(row.statistic)
    if known and known.over is None:
        return round(row.mean * row.count) if row.count else 0
    return _mode(row) if known and known.quantity.nominal else row.mean


def _mode(place: Row) -> float:
    """The place that most texts have; the mean, to whole keys, where it lies in a bin of several."""
    if not place.count:
        return math.nan
    at = int(np.argmax(place.histogram))
    if at in (0, len(place.histogram) - 1) or place.edges[at + 1] - place.edges[at] > 1:
        return float(round(place.mean))
    return (place.edges[at] + place.edges[at + 1]) / 2
