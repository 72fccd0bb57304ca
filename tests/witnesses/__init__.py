"""Somebody else's numbers: loops written without looking at the package, and other libraries' code."""
