"""Weights through layers: rollout and attention flow."""
