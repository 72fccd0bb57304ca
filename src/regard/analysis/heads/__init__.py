"""Heads in numbers: one row a head, what each number means, and names for what heads do."""
