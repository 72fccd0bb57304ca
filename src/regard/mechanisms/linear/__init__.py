"""Sums in place of softmax: states that are written, and read."""
