"""``regard.save``: pictures and pages, by what the file is called."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.errors import FileFormatError, OptionError
from regard.files import as_path, checked_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from regard.figures.heatmap import DrawsItself
    from regard.figures.matrices import Weights
    from regard.viewer.document.subjects import Viewable

PAGES = (".html", ".htm")
PICTURES = (".png", ".svg", ".pdf")


def save(
    thing: "Viewable | Weights | Axes | Figure | DrawsItself", *paths: str | os.PathLike[str], dpi: float = 200, **options: Any
) -> list[Path]:
    """Writes what is shown to files, their format by their suffix: pictures as .png, .svg or .pdf, the viewer as .html.

    A file appears whole or not at all, and the same thing gives the same bytes.

    Args:
        thing: a translation, a map or weights; for pictures also a figure, axes, and anything with a method
            ``figure(**options)``; for pages also a recording, or a list of maps.
        paths: where to; files that exist are replaced.
        dpi: pixels an inch, of pictures.
        options: for pictures, arguments of ``thing.figure`` or of ``regard.heatmap``; for pages, of ``regard.page``.

    Returns:
        The paths.

    Raises:
        FileFormatError: a suffix nobody knows; before anything is drawn.
        OSError: a path that cannot be written, as FileNotFoundError, PermissionError or what fits.
        OptionError: no path, or options for pictures and pages at once: save them one after the other.
        TooLargeError: a page that would be larger than 64 MiB.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     [path.name for path in save([[0.9, 0.1], [0.2, 0.8]], f"{folder}/map.png", f"{folder}/map.pdf")]
        ['map.png', 'map.pdf']
    """
    places = [as_path(path) for path in paths]
    for path in places:
        if path.suffix.lower() not in (*PICTURES, *PAGES):
            endings = ", ".join((PAGES[0], *PICTURES))
            raise FileFormatError(f"expected a name ending in {endings}, got {str(path)!r}; rename the file")
    pages = [path for path in places if path.suffix.lower() in PAGES]
    if not pages:
        from regard.figures.heatmap import save as save_pictures

        return save_pictures(thing, *paths, dpi=dpi, **options)  # type: ignore[arg-type]
    if len(pages) < len(places) and options:
        raise OptionError(
            f"expected no options for pictures and pages at once, got {', '.join(options)}; they take different ones: save "
            f"{pages[0].name!r} by itself"
        )
    for path in places:
        checked_path(path)
    if len(pages) < len(places):
        from regard.figures.heatmap import save as save_pictures

        save_pictures(thing, *(path for path in places if path not in pages), dpi=dpi)  # type: ignore[arg-type]
    from regard.viewer.page.page import page

    for path in pages:
        page(thing, path, **options)  # type: ignore[arg-type]
    return places
