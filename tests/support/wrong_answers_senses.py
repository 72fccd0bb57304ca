"""Wrong answers about effects, pictures and sounds, each with the name of its mistake."""

# ruff: noqa: ARG005 - switches take what some of them need

import math

import torch

from support.wrong_answers import wrong
from support.wrong_answers_layers import seeded


def cut(scores, hidden, head, *, which=lambda x: x, heads=None, fill=-math.inf, late=None, empty=0.0):
    """Head by head and row by row."""
    hidden, count = which(hidden), len(scores)
    chosen = [head] if heads is None else heads(head, count)
    weights = []
    for h in range(count):
        rows = []
        for scored, lost in zip(scores[h], hidden.expand(scores.shape[1:]), strict=True):
            lost = lost & (h in chosen)
            if late is not None:
                rows.append(late(scored.softmax(0), lost, scored > -math.inf))
                continue
            row = torch.where(lost, fill, scored)
            rows.append(row.softmax(0) if row.max() > -math.inf else torch.full_like(row, empty))
        weights.append(torch.stack(rows))
    return torch.stack(weights)


def even(row, lost, seen):
    kept = seen & ~lost
    return (row + (row * lost).sum() / max(1, int(kept.sum()))) * kept


seeded(
    "hidden edges",
    cut,
    weight_lost={"late": lambda row, lost, seen: row * ~lost},
    renormalised_too_late={"late": lambda row, lost, seen: row * ~lost / (row * ~lost).sum()},
    shared_evenly={"late": even},
    NaN_where_nothing_is_left={"empty": math.nan},
    not_minus_infinity={"fill": -1e6},
    score_0={"fill": 0.0},
    all_heads={"heads": lambda head, count: range(count)},
    another_head={"heads": lambda head, count: [(head - 1) % count]},
    inverted={"which": torch.logical_not},
    whole_keys={"which": lambda hidden: hidden.sum(0) > 0},
    whole_queries={"which": lambda hidden: (hidden.sum(1) > 0)[:, None]},
)


@wrong("hidden edges", "renormalised too late")
def _(scores, hidden, head):
    weights = scores.softmax(-1)
    weights[head] *= ~hidden
    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-12)


def measured(
    unchanged, changed, *, pairs=lambda a, b: b - a, mean=lambda x: x.sum(1) / x.shape[1], off=1, root=0.5, spread=None, side=0
):
    x = pairs(unchanged, changed)
    x = x.mT if side else x
    of = x if spread is None else spread(unchanged, changed)
    n = x.shape[1]
    variance = (of - of.mean(1, True)).square().sum(1) / (n - off)
    return mean(x), root(variance, n) if callable(root) else variance**root / n**0.5


seeded(
    "paired effect",
    measured,
    error_of_the_changed={"spread": lambda a, b: b},
    spread_for_error={"root": lambda variance, n: variance.sqrt()},
    divided_by_n={"root": lambda variance, n: variance.sqrt() / n},
    root_forgotten={"root": lambda variance, n: variance / n},
    by_n_in_the_spread={"off": 0},
    mean_of_sizes={"mean": lambda x: x.abs().sum(1) / x.shape[1]},
    sign_turned={"mean": lambda x: -x.sum(1) / x.shape[1]},
    as_a_share={"pairs": lambda a, b: (b - a) / a},
    over_sites={"side": 1},
    median={"mean": lambda x: x.sort(1).values[:, (x.shape[1] - 1) // 2]},
)


@wrong("paired effect", "unpaired")
def _(unchanged, changed):
    n = len(unchanged)
    variances = [torch.var(row) / n + torch.var(unchanged) / n for row in changed]
    return changed.mean(1) - unchanged.mean(), torch.stack(variances).sqrt()


def looked(
    weights,
    registers,
    rows,
    *,
    row=lambda w: w[:, 0],
    first=lambda r: 1 + r,
    lay=None,
    share=None,
    other=lambda s, r: s[:, : r + 1],
):
    seen = row(weights)
    count = weights.shape[1] - registers - 1
    patches = seen[:, first(registers) : first(registers) + count]
    patches = patches if share is None else patches / share(patches)
    columns = count // rows
    grid = patches.reshape(-1, rows, columns) if lay is None else lay(patches, rows, columns)
    return grid, other(seen, registers).sum(1)


seeded(
    "patch map",
    looked,
    registers_at_the_end={"first": lambda r: 1},
    column_by_column={"lay": lambda p, rows, columns: p.reshape(-1, columns, rows).transpose(1, 2)},
    rows_and_columns_swapped={"lay": lambda p, rows, columns: p.reshape(-1, columns, rows)},
    on_its_side={"lay": lambda p, rows, columns: p.reshape(-1, rows, columns).permute(0, 2, 1)},
    upside_down={"lay": lambda p, rows, columns: torch.stack(p.split(columns, 1)[::-1], 1)},
    mean_of_all_rows={"row": lambda w: w.sum(1) / w.shape[1]},
    made_to_sum_to_1={"share": lambda p: p.sum(1)[:, None]},
    scaled_to_the_largest={"share": lambda p: p.max(1, True)[0]},
    registers_not_counted={"other": lambda s, r: s[:, :1]},
    mean_of_heads={"row": lambda w: w.mean(0)[None, 0]},
    **{
        "[CLS] for a patch": {"first": lambda r: r},
        "who looks at [CLS]": {"row": lambda w: w.mT[:, 0]},
        "last token's row": {"row": lambda w: w[:, w.shape[1] - 1]},
        "[CLS] not counted": {"other": lambda s, r: s[:, 1 : r + 1]},
    },
)


@wrong("patch map", "registers at the end")
def _(weights, registers, rows):
    row = weights[:, 0]
    cls, patches, last = row.split([1, row.shape[1] - 1 - registers, registers], dim=1)
    return torch.stack(patches.chunk(rows, 1), 1), cls[:, 0] + last.sum(1)


STEPS = ((1, 1), (1, 0), (0, 1))


def through(weights, seconds, *, better=max, steps=STEPS, free=False, loose=False, off=0, pick=min, unit=True):
    """All cells' best ways as lists of cells."""
    tokens, frames = weights.shape
    best = {}
    for i in range(tokens):
        for j in range(frames):
            ways = [best[i - down, j - right] for down, right in steps if (i - down, j - right) in best]
            ways += [(0.0, ())] if i == 0 and (free or j == 0) else []
            if ways:
                total, way = better(ways, key=lambda found: found[0])
                best[i, j] = total + weights[i, j].item(), (*way, (i, j))
    ends = [(tokens - 1, j) for j in range(frames)] if loose else [(tokens - 1, frames - 1)]
    way = max((best[end] for end in ends if end in best), default=(0, [(i, math.nan) for i in range(tokens)]))[1]
    starts = [pick(j for row, j in way if row == i) for i in range(tokens)]
    return (torch.tensor(starts) + off) * (seconds if unit else 1.0)


seeded(
    "word starts",
    through,
    smallest_sum={"better": min},
    two_tokens_never_share_a_frame={"steps": STEPS[::2]},
    never_both={"steps": STEPS[1:]},
    begins_anywhere={"free": True},
    ends_anywhere={"loose": True},
    in_frames={"unit": False},
    middle_of_the_frame={"off": 0.5},
    one_frame_late={"off": 1},
)


@wrong("word starts", "ends, not starts")
def _(weights, seconds):
    return through(weights, seconds, pick=max)


@wrong("word starts", "largest of each row")
def _(weights, seconds):
    return torch.tensor([max(range(len(row)), key=row.__getitem__) * seconds for row in weights.tolist()])


@wrong("word starts", "best step, not best way")
def _(weights, seconds):
    i, j, starts, (tokens, frames) = 0, 0, {0: 0}, weights.shape
    while i < tokens - 1 or j < frames - 1:
        ahead = [
            (weights[i + a, j + b].item(), -n, a, b) for n, (a, b) in enumerate(STEPS) if i + a < tokens and j + b < frames
        ]
        _, _, down, right = max(ahead)
        i, j = i + down, j + right
        starts.setdefault(i, j)
    return torch.tensor([starts[row] * seconds for row in range(tokens)])
