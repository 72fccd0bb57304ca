"""What becomes of scores."""
