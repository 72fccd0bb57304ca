"""Maps of what weights carry: norms of values, gradients, relevance."""
