"""How heads share queries, keys and values."""
