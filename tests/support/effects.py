"""Effects that are drawn at random, as columns: what a sweep yields, without a model."""

import itertools

import numpy as np

from regard.interventions.records import COLUMNS


def columns_of(
    prompts=11, layers=2, heads=3, *, measures=("loss", "margin"), draws=1, groups=0, file="", other=False, seed=0, mean=None
):
    """A block of columns; ``mean`` has the true effect of each (layer, head), normal with standard deviation 1."""
    chance = np.random.default_rng(seed)
    true = np.zeros((layers, heads)) if mean is None else np.asarray(mean)
    rows = {name: [] for name in COLUMNS}
    for line in range(prompts):
        levels = {measure: chance.normal(3, 1) for measure in measures}
        partner = {measure: chance.normal(-3, 1) if other else np.nan for measure in measures}
        for layer, head, draw in np.ndindex(layers, heads, draws):
            for measure in measures:
                row = {
                    "site": f"{layer}.{head}",
                    "kind": "self",
                    "layer": layer,
                    "head": head,
                    "measure": measure,
                    "file": file,
                    "line": line,
                    "group": f"g{line % groups}" if groups else "",
                    "draw": draw,
                    "unchanged": levels[measure],
                    "other": partner[measure],
                    "changed": levels[measure] + true[layer, head] + chance.normal(),
                    "tokens": 5 + line % 3,
                }
                for name, value in row.items():
                    rows[name].append(value)
    return rows


def shuffled(columns, seed=0):
    """The same rows in another order."""
    order = np.random.default_rng(seed).permutation(len(columns["site"]))
    return {name: [values[at] for at in order] for name, values in columns.items()}


def cut(columns, *ends):
    """The rows as blocks."""
    edges = [0, *ends, len(columns["site"])]
    return [{name: values[start:stop] for name, values in columns.items()} for start, stop in itertools.pairwise(edges)]
