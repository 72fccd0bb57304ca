"""What the rows and columns of a map are. ``__all__`` is public, as ``amap.queries`` is."""

from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.axes.pictures import Picture, View
from regard.axes.places import Patch, Place, Residue, Seconds

__all__ = ["Axis", "Line", "Patch", "Picture", "Place", "Residue", "Seconds", "View"]
