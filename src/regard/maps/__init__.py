"""The lazy matrix: an attention map kept as its factors and read where it is looked at."""
