"""Word alignment: which source word each target word came from."""
