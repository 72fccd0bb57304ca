"""``regard.save``: pictures and pages of anything that can be drawn or looked at, by what the file is called."""

import os
from pathlib import Path
from typing import Any

from regard.arguments import number
from regard.errors import OptionError
from regard.figures.formats import FORMATS, checked_paths
from regard.mechanisms.card import Card

PAGES = (".html", ".htm")
ENDINGS = (*PAGES, *FORMATS)


def save(thing: Any, *paths: str | os.PathLike[str], dpi: float = 200, **options: Any) -> list[Path]:
    """Writes what is shown to files, their format by their suffix: pictures as .png, .svg or .pdf, the viewer as .html.

    A file appears whole or not at all, and the same thing gives the same bytes. Text in SVG stays text, and borders are trimmed
    to what is drawn.

    Args:
        thing: for pictures a figure; axes, with all of the figure that they are in; anything with a method
            ``figure(**options)``, such as a translation, an alignment, a survey or a sweep; a mechanism, as its card;
            or a map or weights, as ``regard.heatmap`` takes them. For pages what ``regard.page`` takes: a translation, a
            recording, a mechanism, a map, weights, or a list of these.
        paths: where to; files that exist are replaced.
        dpi: pixels an inch, of pictures.
        options: for pictures, arguments of ``thing.figure`` or of ``regard.heatmap``; for pages, of ``regard.page``.

    Returns:
        The paths.

    Raises:
        FileFormatError: another suffix; before anything is drawn.
        DtypeError: a thing that cannot be drawn, or not be looked at in the viewer.
        OSError: a path that cannot be written, as FileNotFoundError, PermissionError or what fits.
        OptionError: no path; a ``dpi`` that is not a positive number; options for a figure that is drawn already, or for
            pictures and pages at once: save them one after the other.
        TooLargeError: a page that would be larger than 64 MiB.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     [path.name for path in save([[0.9, 0.1], [0.2, 0.8]], f"{folder}/map.png", f"{folder}/map.pdf")]
        ['map.png', 'map.pdf']
    """
    places = checked_paths(paths, ENDINGS)
    number("dpi", dpi, above=0, advice="it counts the pixels an inch")
    pages = [place for place in places if place.suffix.lower() in PAGES]
    pictures = [place for place in places if place not in pages]
    if pages and pictures and options:
        raise OptionError(
            f"expected no options for pictures and pages at once, got {', '.join(options)}; they take different ones: save "
            f"{pages[0].name!r} by itself"
        )
    if pictures:
        from regard.figures.figure_files import write_figure
        from regard.figures.pictures import picture_of
        from regard.viewer.document.figure import mechanism_figure

        draw = mechanism_figure if isinstance(thing, Card) else picture_of
        write_figure(draw(thing, **options), pictures, dpi)
    if pages:
        from regard.viewer.page.page import page

        for place in pages:
            page(thing, place, **options)
    return places
