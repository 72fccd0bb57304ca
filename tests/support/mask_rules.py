# ruff: noqa: ARG005 - every rule takes (b, h, q, k), whichever of them it reads
"""Masks, each with the same rule written as a function of Python numbers."""

import torch

from regard.masks import causal, centred_window, documents, everything, from_tensor, padding, prefix, spans, window

BATCH, HEADS, QUERIES, KEYS = 2, 3, 5, 7
OFFSET = KEYS - QUERIES


def by_hand(rule):
    rows = [[[[rule(b, h, q, k) for k in range(KEYS)] for q in range(QUERIES)] for h in range(HEADS)] for b in range(BATCH)]
    return torch.tensor(rows)


IDS = torch.tensor([[4, 4, 9, 9, 9, 1, 1], [0, 0, 0, 0, 5, 5, 5]])
KEEP = torch.tensor([[1, 1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1, 1]])
TABLE = torch.rand(HEADS, 1, KEYS, generator=torch.Generator().manual_seed(0)) > 0.5

STARTS = torch.tensor([[[0, 0, 1, 3, 7]], [[2, 2, 2, 5, 0]]])
STOPS = torch.tensor([[[1, 7, 3, 3, 7]], [[3, 4, 5, 6, 0]]])

RULES = [
    (everything(), lambda b, h, q, k: True),
    (causal(), lambda b, h, q, k: k <= q),
    (causal(OFFSET), lambda b, h, q, k: k - OFFSET <= q),
    (causal(-1), lambda b, h, q, k: k < q),
    (window(3), lambda b, h, q, k: 0 <= q - k < 3),
    (window(3, OFFSET), lambda b, h, q, k: k in (q + 2, q + 1, q)),
    (window(1), lambda b, h, q, k: k == q),
    (centred_window(3), lambda b, h, q, k: k in (q - 1, q, q + 1)),
    (centred_window(5, OFFSET), lambda b, h, q, k: q <= k <= q + 4),
    (prefix(2), lambda b, h, q, k: k in (0, 1)),
    (prefix(0), lambda b, h, q, k: False),
    (documents(IDS), lambda b, h, q, k: bool(IDS[b, q] == IDS[b, k])),
    (documents(IDS[1:]), lambda b, h, q, k: (q < 4) == (k < 4)),
    (padding(KEEP), lambda b, h, q, k: bool(KEEP[b, k])),
    (padding(KEEP.bool()), lambda b, h, q, k: bool(KEEP[b, k])),
    (padding(KEEP[1:].float()), lambda b, h, q, k: k >= 2),
    (spans(STARTS, STOPS, KEYS), lambda b, h, q, k: STARTS[b, 0, q] <= k < STOPS[b, 0, q]),
    (from_tensor(TABLE), lambda b, h, q, k: bool(TABLE[h, 0, k])),
    (from_tensor(TABLE[0, 0]), lambda b, h, q, k: bool(TABLE[0, 0, k])),
    (causal() & padding(KEEP), lambda b, h, q, k: k <= q and bool(KEEP[b, k])),
    (prefix(2) | documents(IDS), lambda b, h, q, k: k < 2 or bool(IDS[b, q] == IDS[b, k])),
    (~causal(), lambda b, h, q, k: k > q),
    (~(causal() & prefix(3)) | window(1), lambda b, h, q, k: k > q or k >= 3 or k == q),
]
