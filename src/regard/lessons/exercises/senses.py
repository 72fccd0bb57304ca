"""Attention of models that see and hear: which patch, and when."""

import random

import torch
from torch import Tensor

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn


def patch_map(weights: torch.Tensor, registers: int, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (heads, tokens, tokens) to what [CLS] sees of a picture (heads, rows, columns), and elsewhere (heads,).

    Token 0 is [CLS]; so many registers follow, and then the patches, row by row from the top, each from left to right.
    """
    seen = weights[:, 0]
    patches = seen[:, 1 + registers :]
    picture = patches.unflatten(1, (rows, -1))
    return picture, seen[:, : 1 + registers].sum(dim=1)


_SEEN, _PATCHES, _PICTURE = "weights[:, 0]", "seen[:, 1 + registers :]", "patches.unflatten(1, (rows, -1))"
_ELSEWHERE = "seen[:, : 1 + registers].sum(dim=1)"


def _looked_at(heads: int, registers: int, rows: int, columns: int, seed: int) -> tuple[Tensor | int, ...]:
    tokens = 1 + registers + rows * columns
    return torch.softmax(drawn(heads, tokens, tokens, seed=seed), dim=-1), registers, rows


def _any_looked_at(rng: random.Random) -> tuple[Tensor | int, ...]:
    sizes = rng.randint(1, 3), rng.choice((0, 1, 2, 4)), rng.randint(1, 4), rng.randint(1, 4)
    return _looked_at(*sizes, rng.randrange(2**31))


PATCHES = Exercise(
    name="patch map",
    text=(
        "Where in the picture does [CLS] look? A map over a picture is one row of weights, cut into rows of patches. Before "
        "the patches stand tokens that are no place of the picture: [CLS] itself, and in some models registers (Darcet et "
        "al. 2023), in which a model keeps notes. Return the map, and how much of the row is on those tokens: without it "
        "nobody knows what the map is a map of. It must survive pictures that are wider than high, and models without "
        "registers."
    ),
    formula=(
        "picture_h,r,c = weights_h,0,j,  j = 1 + registers + r · columns + c\n"
        "elsewhere_h = Σ of weights_h,0,j over j ≤ registers"
    ),
    returns=(Result("picture", ("heads", "rows", "columns")), Result("elsewhere", ("heads",))),
    answer=patch_map,
    cases=(
        Case("[CLS], a register, two patches side by side", _looked_at(2, 1, 1, 2, 540)),
        Case("two rows of three patches, no register", _looked_at(2, 0, 2, 3, 541)),
        Case("three rows of two patches, two registers", _looked_at(3, 2, 3, 2, 542)),
        Case("as many rows as columns, four registers", _looked_at(1, 4, 2, 2, 543)),
    ),
    draw=_any_looked_at,
    mistakes=(
        Mistake(
            "registers at the end",
            "Registers were taken for the last tokens: they stand before the patches, so every patch is shown too far to the "
            "right.",
            {_PATCHES: "seen[:, 1 : seen.shape[1] - registers]"},
            {
                _PATCHES: "seen[:, 1 : seen.shape[1] - registers]",
                _ELSEWHERE: "seen[:, 0] + seen[:, seen.shape[1] - registers :].sum(dim=1)",
            },
        ),
        Mistake(
            "[CLS] for a patch",
            "[CLS] stands where the first patch or register should, and the last patch is gone: the patches begin after it.",
            {_PATCHES: "seen[:, registers : seen.shape[1] - 1]"},
        ),
        Mistake(
            "column by column",
            "The patches are laid out column by column: they come row by row, so the column counts up fastest.",
            {_PICTURE: "patches.unflatten(1, (-1, rows)).mT"},
        ),
        Mistake(
            "rows and columns swapped",
            "The picture has as many columns as it should have rows: rows come first.",
            {_PICTURE: "patches.unflatten(1, (-1, rows))"},
        ),
        Mistake(
            "on its side",
            "The picture lies on its side: rows come first, columns last.",
            {_PICTURE: "patches.unflatten(1, (rows, patches.shape[1] // rows)).mT"},
        ),
        Mistake(
            "upside down",
            "The first row is at the bottom: it is the top of the picture.",
            {_PICTURE: "patches.unflatten(1, (rows, -1)).flip(1)"},
        ),
        Mistake(
            "who looks at [CLS]",
            "This is a column: how much each token looks at [CLS]. What [CLS] looks at is its row.",
            {_SEEN: "weights[:, :, 0]"},
        ),
        Mistake(
            "last token's row",
            "This is the row of the last patch: [CLS] is token 0.",
            {_SEEN: "weights[:, -1]"},
        ),
        Mistake(
            "mean of all rows",
            "This is the mean over all queries: one row is asked for, that of [CLS].",
            {_SEEN: "weights.mean(dim=1)"},
        ),
        Mistake(
            "made to sum to 1",
            "The picture is made to sum to 1: how little of the row may be on it is then no longer seen. Leave it as it is.",
            {_PATCHES: "seen[:, 1 + registers :]\n    patches = patches / patches.sum(dim=1, keepdim=True)"},
        ),
        Mistake(
            "scaled to the largest",
            "The picture is divided by its largest weight, which is for drawing: heads cannot be compared then.",
            {_PATCHES: "seen[:, 1 + registers :]\n    patches = patches / patches.amax(dim=1, keepdim=True)"},
        ),
        Mistake(
            "registers not counted",
            "Elsewhere is [CLS] alone: what is on registers is not on the picture either.",
            {_ELSEWHERE: "seen[:, 0]"},
        ),
        Mistake(
            "[CLS] not counted",
            "Elsewhere is the registers alone: [CLS] looks at itself as well.",
            {_ELSEWHERE: "seen[:, 1 : 1 + registers].sum(dim=1)"},
        ),
        Mistake(
            "mean of heads",
            "The heads are averaged: each has a picture of its own.",
            {_SEEN: "weights[:, 0].mean(dim=0, keepdim=True)"},
        ),
    ),
    hints=(
        "Take the row of one token first. How many of its keys are no patch?",
        "How many columns there are follows from how many patches are left, and how many rows they fill.",
        "A row sums to 1: check that the picture and elsewhere do, together.",
    ),
)


def word_starts(weights: torch.Tensor, seconds: float) -> torch.Tensor:
    """Weights (tokens, frames), of either sign, to when each token begins (tokens,), in seconds; so long is a frame."""
    tokens, frames = weights.shape
    ways: dict[tuple[int, int], tuple[float, list[int]]] = {(-1, -1): (0.0, [])}
    for i in range(tokens):
        for j in range(frames):
            steps = [ways[at] for at in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if at in ways]
            total, begins = max(steps)
            ways[i, j] = total + float(weights[i, j]), begins + [j] * (len(begins) == i)
    found = ways[tokens - 1, frames - 1][1]
    return torch.tensor(found, dtype=weights.dtype) * seconds


_STEPS, _CHOSEN, _START = "((i - 1, j - 1), (i - 1, j), (i, j - 1))", "max(steps)", "{(-1, -1): (0.0, [])}"
_FOUND, _TIMES = "ways[tokens - 1, frames - 1][1]", "torch.tensor(found, dtype=weights.dtype) * seconds"


def _greedy(weights: torch.Tensor, seconds: float) -> torch.Tensor:
    tokens, frames = weights.shape
    i, j, begins = 0, 0, [0]
    while (i, j) != (tokens - 1, frames - 1):
        steps = [(i + down, j + right) for down, right in ((1, 1), (1, 0), (0, 1))]
        reached = max((at for at in steps if at[0] < tokens and at[1] < frames), key=lambda at: float(weights[at]))
        begins += [reached[1]] * (reached[0] - i)
        i, j = reached
    return torch.tensor(begins, dtype=weights.dtype) * seconds


def _ways(tokens: int, frames: int, i: int = 0, j: int = 0) -> list[list[tuple[int, int]]]:
    """All ways from a cell to the last."""
    if (i, j) == (tokens - 1, frames - 1):
        return [[(i, j)]]
    steps = [(i + down, j + right) for down, right in ((1, 1), (1, 0), (0, 1)) if i + down < tokens and j + right < frames]
    return [[(i, j), *rest] for step in steps for rest in _ways(tokens, frames, *step)]


def _heard(tokens: int, frames: int, rng: random.Random) -> Tensor:
    """Weights through which one way is surely the best; their sums are exact, and fine enough that no two of them are equal."""
    while True:
        generator = torch.Generator().manual_seed(rng.randrange(2**31))
        weights: Tensor = torch.randn(tokens, frames, generator=generator).mul(2**14).round().div(2**14)
        sums = sorted(sum(float(weights[at]) for at in way) for way in _ways(tokens, frames))
        if len(sums) == 1 or sums[-1] > sums[-2] + 0.01:
            return weights


def _any_heard(rng: random.Random) -> tuple[Tensor, float]:
    return _heard(rng.randint(1, 4), rng.randint(1, 6), rng), rng.choice((0.02, 0.08, 0.5))


TIMES = Exercise(
    name="word starts",
    text=(
        "When was each token said? The largest weight of each row may stand anywhere; but words are said one after the "
        "other. So seek the way through the map with the largest sum, from the first token at the first frame to the last at "
        "the last: each step goes one frame on, one token on, or both (dynamic time warping; Sakoe and Chiba 1978). A token "
        "begins where the way enters its row. It must survive weights below 0, as standardised maps have them, and more "
        "tokens than frames."
    ),
    formula=(
        "D_ij = weights_ij + max(D_i−1,j−1, D_i−1,j, D_i,j−1),  D_00 = weights_00\n"
        "start_i = seconds · the first frame j of row i on the way that D of the last cell came by"
    ),
    returns=(Result("starts", ("tokens",)),),
    answer=word_starts,
    cases=(
        Case(
            "three tokens, four frames",
            (torch.tensor([[4.0, 1.0, -0.5, -1.0], [-0.25, 1.5, 3.0, -0.75], [-1.5, -2.0, 1.0, 3.5]]), 0.5),
        ),
        Case(
            "the largest of a row stands too early",
            (
                torch.tensor([[2.0, 1.0, -1.0, -1.125, -1.5], [2.5, -3.0, 2.25, 1.0, -1.25], [-0.75, -2.0, -1.75, 0.5, 2.0]]),
                0.02,
            ),
        ),
        Case("below 0", (_heard(3, 5, random.Random(1)) - 4, 0.02)),  # noqa: S311 - no secrets
        Case("four tokens, six frames", (_heard(4, 6, random.Random(3)), 0.02)),  # noqa: S311
    ),
    draw=_any_heard,
    mistakes=(
        Mistake(
            "largest of each row",
            "Each token is put where its own row is largest: such times can go back. One way through all rows is asked for.",
            {_FOUND: "weights.argmax(dim=1).tolist()"},
        ),
        Mistake(
            "best step, not best way",
            "The way takes the largest weight that is one step ahead, and cannot know what it misses: keep for every cell "
            "the best way to it, and decide at the end.",
            _greedy,
        ),
        Mistake(
            "smallest sum",
            "The way has the smallest sum, as if weights were costs: take the largest, or make costs of them with a minus.",
            {_CHOSEN: "min(steps)"},
        ),
        Mistake(
            "two tokens never share a frame",
            "The way never goes a token on within a frame: where there are more tokens than frames it has to.",
            {f"{_STEPS} if at in ways]": "((i - 1, j - 1), (i, j - 1)) if at in ways] or [(-1e9, [torch.nan] * i)]"},
        ),
        Mistake(
            "never both",
            "The way never goes a frame and a token on in one step: the step to both is one of three.",
            {_STEPS: "((i - 1, j), (i, j - 1), (-1, -1) if i == j == 0 else (-2, -2))"},
        ),
        Mistake(
            "begins anywhere",
            "The way begins at any frame of the first token: the first token begins with the sound.",
            {_START: "{(-1, j): (0.0, []) for j in range(-1, frames)}"},
        ),
        Mistake(
            "ends anywhere",
            "The way ends at any frame of the last token, where the sum is largest: it goes on to the last frame.",
            {_FOUND: "max(ways[tokens - 1, j] for j in range(frames))[1]"},
        ),
        Mistake(
            "in frames",
            "These are numbers of frames: a frame takes so many seconds.",
            {_TIMES: "torch.tensor(found, dtype=weights.dtype)"},
        ),
        Mistake(
            "middle of the frame",
            "The middle of the frame is given: a token begins with its first frame.",
            {_TIMES: "(torch.tensor(found, dtype=weights.dtype) + 0.5) * seconds"},
        ),
        Mistake(
            "one frame late",
            "The end of the first frame is given, as if frames were counted from 1: a token begins with its first frame.",
            {_TIMES: "(torch.tensor(found, dtype=weights.dtype) + 1) * seconds"},
        ),
        Mistake(
            "ends, not starts",
            "The last frame of each token is given: the first one is asked for.",
            {"begins + [j] * (len(begins) == i)": "begins[:i] + [j]"},
        ),
    ),
    hints=(
        "Fill a table from the top left: the best sum of a way to each cell, from the three cells that a step can come from.",
        "Where does the table begin? A way that comes from outside of the map is none, also where all weights are below 0.",
        "Remember in each cell where its best way came from, and walk back from the last cell; or keep the frames at which the "
        "rows were entered.",
    ),
)

EXERCISES = (PATCHES, TIMES)
