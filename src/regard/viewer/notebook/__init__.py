"""The viewer in a notebook."""
