"""How sure a mean effect is: paired intervals, families of tests, equivalence, shares, and chance that can be repeated.

Everywhere values are (units, sites): a unit is a prompt, its draws averaged; NaN where a unit has none of a site.
"""
