"""Which passage of a prompt an answer came from, and which heads copy. ``__all__`` is public."""

from regard.analysis.passages.passages import STATISTICS, Passages, Ranked, passages
from regard.analysis.passages.retrieval import retrieval_heads

__all__ = ["STATISTICS", "Passages", "Ranked", "passages", "retrieval_heads"]
