"""Heads in numbers: one row a head, what each number means, names for what heads do. ``__all__`` is public."""

from regard.analysis.heads.registry import HeadStatistics
from regard.analysis.heads.roles import THRESHOLDS, roles_of
from regard.analysis.heads.statistics import head_statistics
from regard.analysis.heads.table import heads_text

__all__ = ["THRESHOLDS", "HeadStatistics", "head_statistics", "heads_text", "roles_of"]
