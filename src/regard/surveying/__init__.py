"""Statistics of heads over a corpus, on one machine or a cluster."""
