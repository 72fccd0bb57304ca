"""Attention between sets, to latents, and as an answer."""
