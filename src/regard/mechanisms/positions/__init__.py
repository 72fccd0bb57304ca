"""How positions enter."""
