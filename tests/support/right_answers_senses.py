"""Right answers about effects, pictures and sounds, in other styles."""

import math
import statistics

import torch
import torch.nn.functional as F

from regard.analysis.mixtures.warping import warping_path
from support.right_answers import right


@right("hidden edges")
def edges_in_loops(scores, hidden, head):
    weights = torch.zeros(scores.shape, dtype=scores.dtype)
    for h, rows in enumerate(scores.tolist()):
        for i, row in enumerate(rows):
            seen = [j for j, score in enumerate(row) if score > -math.inf and not (h == head and hidden[i, j])]
            powers = {j: math.exp(row[j] - max(row[k] for k in seen)) for j in seen}
            for j, power in powers.items():
                weights[h, i, j] = power / sum(powers.values())
    return weights


@right("hidden edges")
def edges_of_one_head(scores, hidden, head):
    weights = scores.softmax(2)
    alone = torch.where(hidden, -math.inf, scores[head])
    return torch.cat([weights[:head], alone.softmax(1).nan_to_num(0.0)[None], weights[head + 1 :]])


@right("hidden edges")
def edges_added(scores, hidden, head):
    mine = F.one_hot(torch.tensor(head), len(scores)).bool()[:, None, None] & hidden
    left = scores + torch.zeros_like(scores).masked_fill(mine, -torch.inf)
    top = left.amax(-1, True)
    powers = (left - torch.where(top > -torch.inf, top, 0)).exp()
    return powers / powers.sum(-1, True).clamp(min=1e-30)


@right("paired effect")
def effect_by_statistics(unchanged, changed):
    rows = [[float(b - a) for a, b in zip(unchanged, row, strict=True)] for row in changed]
    errors = [statistics.stdev(row) / math.sqrt(len(row)) for row in rows]
    return torch.tensor([statistics.mean(row) for row in rows]), torch.tensor(errors)


@right("paired effect")
def effect_by_covariance(unchanged, changed):
    """Var(changed − unchanged) of the two variances and what they share, in double precision."""
    a, b = unchanged.double().expand_as(changed), changed.double()
    a, b = a - a.mean(1, True), b - b.mean(1, True)
    n = len(unchanged)
    spread = (a.square() + b.square() - 2 * a * b).sum(1) / (n - 1)
    return (changed.mean(1) - unchanged.mean()).float(), torch.sqrt(spread / n)


@right("paired effect")
def effect_by_numpy(unchanged, changed):
    differences = changed.numpy() - unchanged.numpy()[None]
    error = differences.std(axis=1, ddof=1) / math.sqrt(differences.shape[1])
    return torch.from_numpy(differences.mean(axis=1)), torch.from_numpy(error)


@right("patch map")
def patches_in_loops(weights, registers, rows):
    first = 1 + registers
    columns = (weights.shape[2] - first) // rows
    picture = torch.zeros(len(weights), rows, columns)
    for j in range(rows * columns):
        picture[:, j // columns, j % columns] = weights[:, 0, first + j]
    return picture, weights[:, 0, :first].sum(1)


@right("patch map")
def patches_from_the_end(weights, registers, rows):
    count = weights.shape[1] - registers - 1
    seen = weights.select(1, 0)[:, -count:]
    return seen.reshape(len(weights), rows, count // rows), 1 - seen.sum(1)


@right("patch map")
def patches_by_split(weights, registers, rows):
    other, patches = weights[:, 0].split([1 + registers, weights.shape[2] - 1 - registers], dim=1)
    return torch.stack(patches.chunk(rows, dim=1), dim=1), other.sum(1)


@right("word starts")
def starts_of_costs(weights, seconds):
    rows, columns = warping_path(-weights.double().numpy())
    return torch.tensor([seconds * columns[rows == row][0] for row in range(len(weights))])


@right("word starts")
def starts_walking_back(weights, seconds):
    tokens, frames = weights.shape
    total = torch.full((tokens + 1, frames + 1), -torch.inf)
    total[0, 0] = 0
    for i in range(1, tokens + 1):
        for j in range(1, frames + 1):
            total[i, j] = weights[i - 1, j - 1] + torch.stack([total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]]).max()
    i, j, starts = tokens, frames, [0.0] * tokens
    while i:
        starts[i - 1] = (j - 1) * seconds
        i, j = max(((i - 1, j - 1), (i - 1, j), (i, j - 1)), key=lambda at: float(total[at]))
    return torch.tensor(starts)


@right("word starts")
def starts_by_recursion(weights, seconds):
    def best(i, j):
        if i < 0 or j < 0:
            return (0.0, ()) if (i, j) == (-1, -1) else None
        total, begins = max(found for found in (best(i - 1, j - 1), best(i - 1, j), best(i, j - 1)) if found)
        return total + weights[i, j].item(), begins if len(begins) > i else (*begins, j)

    return torch.tensor(best(len(weights) - 1, weights.shape[1] - 1)[1]).mul(seconds)
