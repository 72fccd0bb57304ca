"""Maps and masks in files."""
