"""Attention functions of Transformers' interface: for each, how what it was given becomes a map."""
