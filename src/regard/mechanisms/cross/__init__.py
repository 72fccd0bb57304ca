"""Attention to something else than the sequence itself: to learned vectors, sets and graphs, and as the answer itself."""
