"""What shows itself as the last line of a notebook's cell: as a picture, as HTML and as text. Who draws it stands above."""

from collections.abc import Callable
from typing import Any

Bundle = dict[str, str]

drawers: list[Callable[[Any], Bundle]] = []
"""Whoever draws, at most one; ``regard`` itself puts it here, so that what is drawn need not know the rooms above it."""


def bundle_of(thing: Any) -> Bundle:
    """The thing by type of content; as text alone where nothing draws it."""
    return drawers[0](thing) if drawers else {"text/plain": repr(thing)}


class Pictured:
    """A thing with a picture. Notebooks ask for it; nothing is drawn, and no library for drawing loaded, before."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Bundle:  # noqa: ARG002 - IPython's arguments
        """The thing by type of content; as text alone where nothing draws it."""
        return bundle_of(self)
