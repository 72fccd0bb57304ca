"""One of everything that Regard gives a user, by name, and what each of them says: for copies, pickles and other processes."""

import torch

import regard
from regard import masks
from regard.analysis.alignment import Pair, rank_heads
from regard.analysis.flow import attention_flow_edges, rollout_edges
from regard.analysis.heads import head_statistics
from regard.measures import logit_difference
from regard.surveying.comparison import survey_diff
from support.surveys import drawn, survey_of
from support.tiny_models import recorded, tiny


def things():
    """Small ones of each kind."""
    recording = recorded("gpt2", values=True)
    one = recording.sample(0)
    translation = regard.translate("The cat sat on the mat.", target="Le chat s'assit sur le tapis.")
    survey = survey_of(drawn(11), keys=list(range(11)))
    dense = regard.AttentionMap.from_dense(torch.arange(1, 26).view(5, 5).float().softmax(-1))
    return {
        "map": recording.self[1],
        "part of a map": recording.self[1].select(heads=[1], queries=slice(2, 5)),
        "dense map": dense,
        "merged map": dense.by([range(3), [3, 4]], [range(2), range(2, 5)]),
        "weighted map": regard.norm_weighted(recording)[0],
        "recording": recording,
        "sample": one,
        "mask": masks.causal() & ~masks.window(2) | masks.dilated(3, 2),
        "axis": recording.self[0].queries,
        "translation": translation,
        "alignment": translation.alignment,
        "heads": regard.heads(recording),
        "statistics": head_statistics(recording),
        "sweep": regard.sweep(tiny("gpt2"), torch.tensor([[3, 4, 5]]), logit_difference(5, 6)),
        "ranking": rank_heads([Pair(translation.recording.cross, {(0, 0)}, {(1, 1)})]),
        "edges": rollout_edges(one),
        "flow": attention_flow_edges(one, 3, 0),
        "survey": survey,
        "comparison": survey_diff(survey, survey_of(drawn(11, 0.1), keys=list(range(11)))),
        "trace": regard.trace(*torch.linspace(-1, 1, 2 * 15).view(2, 1, 1, 5, 3), torch.ones(1, 1, 5, 2)),
        "error": regard.errors.ShapeError("expected 5, got 7"),
        "layer": regard.MultiHeadAttention(4, 2),
        **{f"card of {card.name}": card for card in regard.catalogue()},
    }


def said(thing):
    """What it says of itself, to the last number."""
    if isinstance(thing, regard.AttentionMap):
        return repr((thing.dense().tolist(), thing.queries, thing.keys, thing.name))
    if isinstance(thing, regard.Recording):
        return repr(([said(amap) for amap in thing.maps], thing.calls, thing.passes))
    if isinstance(thing, masks.Mask):
        return repr(thing.dense(1, 2, 7, 7).tolist())
    if isinstance(thing, regard.Translation):
        return repr((str(thing), thing.source_tokens, said(thing.recording), said(thing.alignment)))
    if isinstance(thing, regard.Alignment):
        return repr((sorted(thing.links), thing.weights.tolist(), thing.reading))
    if isinstance(thing, regard.Survey):
        return repr([repr(row) for row in thing.rows()])
    if hasattr(thing, "to_csv"):
        return thing.to_csv()
    if isinstance(thing, torch.nn.Module):
        return repr({name: one.tolist() for name, one in thing.state_dict().items()})
    if hasattr(thing, "formula"):
        return repr((thing.name, thing.formula, thing.paper, thing.code))
    return f"{type(thing).__name__} {thing!s}" if not hasattr(thing, "table") else repr([list(line) for line in thing.table()])
