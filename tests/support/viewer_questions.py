"""Questions to a document as the front end asks them, and a map whose rows are long."""

import torch

from regard import AttentionMap
from regard.viewer.answers.packing import unpack


def span(start, stop, count):
    return {"start": start, "stop": stop, "count": count}


def region(info, **change):
    """The question for every weight of head 0."""
    whole = {"rows": span(0, info["queries"], info["queries"]), "columns": span(0, info["keys"], info["keys"])}
    return {"map": 0, "heads": [0], "how": "mean", "hideSpecial": False, "renormalise": False, "sample": 0} | whole | change


def values(shown, **change):
    """What a document answers to it: the meta, and the arrays."""
    return unpack(shown.answer("region", region(shown.manifest["maps"][change.get("map", 0)], **change)))


def long_map(heads=2, queries=1301, keys=1409, **options):
    generator = torch.Generator().manual_seed(5)
    query, key = (torch.randn(1, heads, size, 11, generator=generator) for size in (queries, keys))
    return AttentionMap(query, key, **options)
