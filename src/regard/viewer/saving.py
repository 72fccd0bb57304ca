"""``regard.save``: pictures, pages and tables of anything that has them, by what the file is called."""

import os
from pathlib import Path
from typing import Any

from regard.arguments import number
from regard.errors import OptionError
from regard.figures.formats import FORMATS, checked_paths
from regard.figures.tables import TABLES, write_table
from regard.mechanisms.card import Card

PAGES = (".html", ".htm")
ENDINGS = (*PAGES, *FORMATS, *TABLES)
SHARED = ("tokens", "queries", "keys", "title")
"""Options of pictures and of pages."""


def save(thing: Any, *paths: str | os.PathLike[str], dpi: float = 200, **options: Any) -> list[Path]:
    """Writes what is shown to files, by their suffix: pictures as .png, .svg or .pdf, the viewer as .html, numbers as .csv.

    A file appears whole or not at all, and the same thing gives the same bytes. Text in SVG stays text, and borders are trimmed
    to what is drawn, but of pictures of a given ``width``. A label that was cut stands whole in the title of its text in SVG.

    A table of one head is a matrix: the keys are its header, and a line is the label of a query and its weights. A table of
    several heads or sequences has a line for each weight, with batch, head, query and key. Numbers are exact.

    Args:
        thing: for pictures a figure; axes, with all of the figure that they are in; anything with a method
            ``figure(**options)``, such as a translation, an alignment, a survey or a sweep; a mechanism, as its card;
            or a map or weights, as ``regard.heatmap`` takes them. For pages what ``regard.page`` takes: a translation, a
            recording, a mechanism, a map, weights, a list of these, or several recordings by name. For tables a map or
            weights, or anything with a method ``table(**options)``: a translation, an alignment, a ranking, a sweep, relevance,
            edges of a flow, ``regard.heads``, a survey.
        paths: where to; files that exist are replaced.
        dpi: pixels an inch, of pictures.
        options: for pictures, arguments of ``thing.figure`` or of ``regard.heatmap``; for pages, of ``regard.page``; for
            tables, of ``thing.table``, or ``batch``, ``head``, ``queries`` and ``keys``.

    Returns:
        The paths.

    Raises:
        FileFormatError: another suffix; before anything is drawn.
        DtypeError: a thing that cannot be drawn, or not be looked at in the viewer, or has no numbers.
        OSError: a path that cannot be written, as FileNotFoundError, PermissionError or what fits.
        OptionError: no path; a ``dpi`` that is not a positive number, or gives a picture of more than 268 million pixels;
            options for a figure that is drawn already, or for files of several sorts at once: save them one after the other.
        TooLargeError: a page that would be larger than 64 MiB, or a table of more than 67 million numbers.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     [path.name for path in save([[0.9, 0.1], [0.2, 0.8]], f"{folder}/map.png", f"{folder}/map.pdf")]
        ['map.png', 'map.pdf']
    """
    places = checked_paths(paths, ENDINGS)
    number("dpi", dpi, above=0, advice="it counts the pixels an inch")
    pages, pictures, tables = (
        [place for place in places if place.suffix.lower() in endings] for endings in (PAGES, FORMATS, TABLES)
    )
    sorts = [name for name, found in (("pictures", pictures), ("pages", pages), ("tables", tables)) if found]
    shared = "" if tables else f"{', '.join(SHARED)} alone"
    if len(sorts) > 1 and options.keys() - (() if tables else SHARED):
        raise OptionError(
            f"expected {shared or 'no options'} for {' and '.join(sorts)} at once, got {', '.join(options)}; they take "
            f"different ones: save {(tables or pages)[0].name!r} by itself"
        )
    if pictures:
        from regard.figures.figure_files import write_figure
        from regard.figures.notebook import unseen
        from regard.figures.pictures import picture_of
        from regard.viewer.document.figure import mechanism_figure

        draw = mechanism_figure if isinstance(thing, Card) else picture_of
        with unseen():
            write_figure(draw(thing, **options), pictures, dpi)
    if tables:
        from regard.figures.numbers import lines_of

        write_table(lines_of(thing, **options), tables)
    if pages:
        from regard.viewer.page.page import page

        for place in pages:
            page(thing, place, **options)
    return places
