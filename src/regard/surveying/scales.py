"""How finely the values of a survey are kept, and how large they may be."""

UNIT = 2.0**-20
"""Values are rounded to multiples of this, about a millionth: what float32 weights can tell. As whole numbers, they sum to the
same in any order."""

LARGEST = 2**20
"""The most tokens of a text. No value is larger, so that values of 40 bits are enough."""
