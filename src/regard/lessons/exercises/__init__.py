"""The exercises, one file a subject."""
