"""The figure of anything: of a finding its own, of a map or weights a heat map."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regard.errors import DtypeError, OptionError
from regard.figures.figure_files import figure_of
from regard.figures.heatmap import heatmap
from regard.figures.matrices import is_weights


def picture_of(thing: Any, **options: Any) -> Figure:
    """The figure of a thing; options are its method's or the heat map's.

    Raises:
        DtypeError: a thing that cannot be drawn; OptionError: options for a figure that is drawn already.
    """
    if isinstance(thing, Axes | Figure):
        if options:
            raise OptionError(
                f"expected no options for a figure that is drawn already, got {', '.join(options)}; give them to what drew it"
            )
        return figure_of(thing) if isinstance(thing, Axes) else thing
    if not isinstance(thing, type) and callable(draw := getattr(thing, "figure", None)):
        figure = draw(**options)
        if not isinstance(figure, Figure):
            raise DtypeError(f"expected a matplotlib figure of {type(thing).__name__}.figure(), got {type(figure).__name__}")
        return figure
    if not is_weights(thing):
        raise DtypeError(
            "expected what can be drawn: a figure, axes, something with a method figure(), a map or weights, got "
            f"{type(thing).__name__}; draw one of its maps, or save what regard.page takes as .html"
        )
    return figure_of(heatmap(thing, **options))
