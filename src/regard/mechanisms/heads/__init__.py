"""How heads share queries, keys and values, and how little of them decoding has to keep."""
