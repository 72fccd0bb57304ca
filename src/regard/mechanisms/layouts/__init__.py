"""Layouts: which layer of a model sees what, what each costs, and what each keeps while it decodes."""
