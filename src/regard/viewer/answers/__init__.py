"""Questions about maps, checked, and their answers as bytes."""
