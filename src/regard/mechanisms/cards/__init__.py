"""The cards, a family a file."""
