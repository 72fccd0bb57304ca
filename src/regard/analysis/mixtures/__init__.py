"""Maps of several heads as one, and what such mixtures say: contacts of residues, times of words. ``__all__`` is public."""

from regard.analysis.mixtures.contacts import Contacts, contacts
from regard.analysis.mixtures.mixture import mixture
from regard.analysis.mixtures.word_times import TokenTime, WordTimes, word_times

__all__ = ["Contacts", "TokenTime", "WordTimes", "contacts", "mixture", "word_times"]
