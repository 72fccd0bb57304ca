"""From factors to weights: scores of rows, denominators, whole rows, pooled rows."""
