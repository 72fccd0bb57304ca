"""Where in its pictures a model looked: words of an answer to patches, any query over a picture. ``__all__`` is public."""

from regard.analysis.pictures.denoisers import halves, joint_spans, step_means
from regard.analysis.pictures.overlay import overlay
from regard.analysis.pictures.patches import Patches, Share, Sink, patches
from regard.analysis.pictures.pixels import Pixels, pixels

__all__ = ["Patches", "Pixels", "Share", "Sink", "halves", "joint_spans", "overlay", "patches", "pixels", "step_means"]
