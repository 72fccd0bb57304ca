"""Word alignment: which source word each target word came from. ``__all__`` is public, as ``regard.align`` is."""

from regard.analysis.alignment.align import Reading, guess_reading
from regard.analysis.alignment.error_rates import Scores, scores, symmetrised
from regard.analysis.alignment.methods import METHODS, SINKS, Rule
from regard.analysis.alignment.pharaoh import Gold, from_pharaoh, to_pharaoh
from regard.analysis.alignment.ranking.rank_heads import Pair, Ranked, Ranking, rank_heads
from regard.analysis.alignment.word_maps import merge

__all__ = [
    "METHODS",
    "SINKS",
    "Gold",
    "Pair",
    "Ranked",
    "Ranking",
    "Reading",
    "Rule",
    "Scores",
    "from_pharaoh",
    "guess_reading",
    "merge",
    "rank_heads",
    "scores",
    "symmetrised",
    "to_pharaoh",
]
