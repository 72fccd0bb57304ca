"""Which keys a cache can lose, by policy and budget: from recorded maps, in one pass. ``__all__`` is public."""

from regard.analysis.caching.cache import CacheReport, cache
from regard.analysis.caching.policies import POLICIES

__all__ = ["POLICIES", "CacheReport", "cache"]
