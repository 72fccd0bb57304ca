"""Looking: the pictures."""
