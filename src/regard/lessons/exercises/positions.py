"""Where a token stands: turned into its query and key, or added to its scores."""

import random
import re

import torch
from torch import Tensor

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn, drawn_by
from regard.lessons.exercises.weights import NO_SCALE, WEIGHTS_BY_HEAD


def rotate(x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Features x (tokens, dim) and positions (tokens,), whole numbers, to x with each pair turned by its angle."""
    half = x.shape[-1] // 2
    frequencies = 10000.0 ** (-torch.arange(half) / half)
    angles = positions[:, None] * frequencies
    first, second = x[:, :half], x[:, half:]
    turned = (first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin())
    return torch.cat(turned, dim=-1)


_TURNED = "(first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin())"
_HALVES, _CAT = "x[:, :half], x[:, half:]", "torch.cat(turned, dim=-1)"


def _anywhere(rng: random.Random) -> tuple[Tensor, Tensor]:
    """Positions far enough out for slow pairs to turn, and near enough for single precision."""
    tokens = rng.randint(1, 4)
    positions = torch.tensor([rng.randint(0, rng.choice((9, 300))) for _ in range(tokens)])
    return drawn_by(rng, tokens, 2 * rng.randint(1, 5)), positions


ROTARY = Exercise(
    name="rotary positions",
    text=(
        "Turn a query or key by its position, so that their dot product depends on the distance alone (Su et al. 2021). Entry "
        "i makes a pair with entry i + dim/2, as in GPT-NeoX and in the Transformers port of Llama; positions need not start "
        "at 0."
    ),
    formula=(
        "a = p · 10000^(−2i / dim), for i = 0 … dim/2 − 1 and position p\n"
        "y_i         = x_i cos a − x_{i+dim/2} sin a\n"
        "y_{i+dim/2} = x_{i+dim/2} cos a + x_i sin a"
    ),
    returns=(Result("rotated", ("tokens", "dim")),),
    answer=rotate,
    cases=(
        Case(
            "three tokens, a dim of 4",
            (torch.tensor([[1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 2.0, 0.0]]), torch.tensor([0, 1, 2])),
        ),
        Case("positions that start at 5", (drawn(2, 4, seed=1), torch.tensor([5, 6]))),
        Case("a dim of 6", (drawn(4, 6, seed=2), torch.tensor([3, 1, 0, 5]))),
    ),
    draw=_anywhere,
    mistakes=(
        Mistake(
            "neighbours paired",
            "Neighbours 2i and 2i + 1 are paired: that is the layout of the paper and of Meta's own Llama code. Here entry i "
            "is paired with i + dim/2: cut the vector into two halves.",
            {_HALVES: "x[:, 0::2], x[:, 1::2]", _CAT: "torch.stack(turned, dim=-1).flatten(-2)"},
            {_HALVES: "x[:, 0::2], x[:, 1::2]"},
        ),
        Mistake(
            "angles interleaved",
            "Halves are paired, but the angles are laid out for neighbours: the two entries of a pair must have the same "
            "angle. Repeat the angles with cat((angles, angles)), not with repeat_interleave.",
            {
                _TURNED: "(first * angles.repeat_interleave(2, dim=-1)[:, :half].cos() "
                "- second * angles.repeat_interleave(2, dim=-1)[:, :half].sin(), "
                "second * angles.repeat_interleave(2, dim=-1)[:, half:].cos() "
                "+ first * angles.repeat_interleave(2, dim=-1)[:, half:].sin())"
            },
        ),
        Mistake(
            "other direction",
            "The pairs are turned the other way: the minus belongs to the first half, y_i = x_i cos a − x_{i+dim/2} sin a.",
            {"angles = positions": "angles = -positions"},
        ),
        Mistake(
            "sign missing",
            "Both halves have the same sign before the sine, so lengths are not kept: it is minus in the first half and plus "
            "in the second.",
            {"+ first * angles.sin()": "- first * angles.sin()"},
            {"- second * angles.sin()": "+ second * angles.sin()"},
        ),
        Mistake(
            "cos and sin swapped",
            "Cosine and sine have changed places: position 0 must leave the vector as it is.",
            {_TURNED: "(first * angles.sin() - second * angles.cos(), second * angles.sin() + first * angles.cos())"},
        ),
        Mistake(
            "first half overwritten",
            "The second half is made of the first half as it is after turning: keep what was there, as in first.clone(), "
            "before you write.",
            {_TURNED: _TURNED.replace("+ first *", "+ (first * angles.cos() - second * angles.sin()) *")},
        ),
        Mistake(
            "integer division",
            "The exponent is divided by //, which leaves whole numbers: the frequencies are 1, 1/10000 or 0, with nothing "
            "between. Divide by /.",
            {"-torch.arange(half) / half": "-torch.arange(half) // half"},
            {"-torch.arange(half) / half": "-(torch.arange(half) // half)"},
            {"10000.0 ** (-torch.arange(half) / half)": "(torch.arange(half) == 0).float()"},  # a whole number's power
            source=lambda source: re.search(r"//\s*(?!2\b)", source) is not None,
        ),
        Mistake(
            "one angle for all",
            "All pairs are turned by the same angle: each pair i has a frequency of its own, 10000^(−2i / dim).",
            {"10000.0 ** (-torch.arange(half) / half)": "torch.ones(half)"},
        ),
        Mistake(
            "half the exponent",
            "The exponent is i / dim: it is 2i / dim, which is i / (dim/2).",
            {"torch.arange(half) / half": "torch.arange(half) / (2 * half)"},
        ),
        Mistake(
            "twice the exponent",
            "The exponent is twice too large: it is 2i / dim with i counting pairs, from 0 to dim/2 − 1.",
            {"torch.arange(half) / half": "2 * torch.arange(half) / half"},
        ),
        Mistake(
            "exponent's sign",
            "The frequencies grow with i: the exponent is negative, 10000^(−2i / dim), so that later pairs turn slower.",
            {"(-torch.arange(half)": "(torch.arange(half)"},
            {"(-torch.arange(half)": "(torch.arange(half, dtype=torch.float64)"},
        ),
        Mistake(
            "frequencies reversed",
            "The slowest pair comes first: pair 0 has frequency 1, and later pairs turn slower.",
            {"(-torch.arange(half) / half)": "(-torch.arange(half).flip(0) / half)"},
        ),
        Mistake(
            "frequency from 1",
            "The first frequency is not 1: i counts from 0, so that the first pair turns by the position itself.",
            {"-torch.arange(half)": "-torch.arange(1, half + 1)"},
        ),
        Mistake(
            "another base",
            "The base is not 10000: models differ in it (Llama 3 has 500000), and one trained with another is lost.",
            *({"10000.0": base} for base in ("1000.0", "100000.0", "500000.0", "1000000.0")),
        ),
        Mistake(
            "positions not read",
            "Positions are counted from 0, whatever they are: use those that are handed over; with a cache they go on.",
            {"positions[:, None]": "torch.arange(len(x))[:, None]"},
        ),
        Mistake(
            "positions from 1",
            "The positions are one too large: position 0 must leave the vector as it is.",
            {"positions[:, None]": "(positions + 1)[:, None]"},
        ),
    ),
    hints=(
        "Cut x into two halves: entry i of the one is turned with entry i of the other, by one angle.",
        "Angles have the shape (tokens, dim/2): a position for each row, a frequency for each column. What is the "
        "first frequency?",
        "Turning (a, b) by an angle gives (a cos − b sin, b cos + a sin); (1, 0) turned by 1 is (0.540, 0.841).",
    ),
)


def alibi_weights(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """Query (heads, queries, dim) and key (heads, keys, dim) to causal weights (heads, queries, keys)."""
    heads, queries, dim = query.shape
    keys = key.shape[1]
    slopes = 2.0 ** (-8 * torch.arange(1, heads + 1) / heads)
    distance = torch.arange(queries)[:, None] + keys - queries - torch.arange(keys)
    scores = query @ key.mT / dim**0.5
    biased = scores - slopes[:, None, None] * distance
    return torch.softmax(biased.masked_fill(distance < 0, -torch.inf), dim=-1)


_SLOPES = "-8 * torch.arange(1, heads + 1) / heads"


def _causal(rng: random.Random) -> tuple[Tensor, Tensor]:
    heads, queries, dim = rng.choice((1, 2, 4, 8)), rng.randint(1, 4), rng.choice((1, 2, 3, 5))
    return drawn_by(rng, heads, queries, dim), drawn_by(rng, heads, queries + rng.randint(0, 3), dim)


ALIBI = Exercise(
    name="alibi",
    text=(
        "Take from each scaled score a penalty that grows with the distance, by a slope of the head's own (Press et al. 2021, "
        "for heads a power of 2). The mask is causal, and the queries are the last ones of the keys."
    ),
    formula=(
        "weights_hij = softmax_j(q_hi · k_hj / √dim − m_h (p − j)) for j ≤ p, with p = i + keys − queries\n"
        "m_h = 2^(−8h / heads), for h = 1 … heads"
    ),
    returns=(WEIGHTS_BY_HEAD,),
    answer=alibi_weights,
    cases=(
        Case("two heads, three tokens", (drawn(2, 3, 4, seed=3), drawn(2, 3, 4, seed=4))),
        Case("four heads, two queries, five keys", (drawn(4, 2, 3, seed=5), drawn(4, 5, 3, seed=6))),
        Case("one head", (drawn(1, 4, 2, seed=7), drawn(1, 4, 2, seed=8))),
    ),
    draw=_causal,
    mistakes=(
        Mistake(
            "slopes reversed",
            "The slopes are in reverse order: the first head has the steepest, 2^(−8 / heads), the last 2^−8.",
            {_SLOPES: "-8 * torch.arange(heads, 0, -1) / heads"},
        ),
        Mistake(
            "sign flipped",
            "The bias has the wrong sign: far keys are rewarded. Subtract the slope times the distance back.",
            {"scores - slopes": "scores + slopes"},
        ),
        Mistake(
            "slopes from 0",
            "The slopes start at h = 0, so the first is 1: heads are counted from 1 here, and the first is 2^(−8 / heads).",
            {_SLOPES: "-8 * torch.arange(heads) / heads"},
        ),
        Mistake(
            "slopes for eight heads",
            "The slopes are 2^−h whatever the number of heads: the exponent is 8h / heads, so that they always end at 2^−8.",
            {_SLOPES: "-torch.arange(1, heads + 1)"},
        ),
        Mistake(
            "one slope for all",
            "All heads have the same slope: each has its own, m_h = 2^(−8h / heads).",
            {_SLOPES: "-8 * torch.ones(heads) / heads"},
        ),
        Mistake(
            "bias before scale",
            "The bias is scaled along with the scores: divide q · k by √dim first, then subtract.",
            {
                " / dim**0.5": "",
                "slopes[:, None, None] * distance": "slopes[:, None, None] * distance) / dim**0.5",
                "scores -": "(scores -",
            },
        ),
        Mistake("no bias", "There is no bias: subtract m_h times the distance.", {" - slopes[:, None, None] * distance": ""}),
        Mistake("no scale", NO_SCALE, {" / dim**0.5": ""}),
        Mistake(
            "future seen",
            "The future is not hidden, and its distance is negative: a reward. Fill it with −inf.",
            {"biased.masked_fill(distance < 0, -torch.inf)": "biased"},
            {
                "biased.masked_fill(distance < 0, -torch.inf)": "biased",
                "slopes[:, None, None] * distance": "slopes[:, None, None] * distance.abs()",
            },
        ),
        Mistake(
            "top left",
            "Positions are counted from the top left: query i stands at i + keys − queries.",
            {" + keys - queries": ""},
        ),
        Mistake(
            "squared distance",
            "The penalty grows with the square of the distance: ALiBi's is linear.",
            {"None] * distance": "None] * (distance**2)"},
        ),
    ),
    hints=(
        "Write the distance from query to key as a matrix; it is 0 on the shifted diagonal, and negative in the future.",
        "The slopes of two heads are 1/16 and 1/256, of four 1/4, 1/16, 1/64, 1/256. They need two more axes to fit "
        "the scores.",
        "Three steps in this order: scale, subtract, hide.",
    ),
)


def stretched_angles(positions: torch.Tensor, dim: int, trained: int, length: int) -> torch.Tensor:
    """Positions (tokens,) of a text of this length to the angles (tokens, dim // 2) by which rotary positions turn.

    trained is how many positions the model was trained on.
    """
    stretch = max(1.0, length / trained)
    frequencies = 10000.0 ** (-2.0 * torch.arange(dim // 2, dtype=positions.dtype) / dim)
    return (positions / stretch)[:, None] * frequencies


_STRETCHED, _STRETCH = "(positions / stretch)[:, None]", "max(1.0, length / trained)"


def _long(rng: random.Random) -> tuple[Tensor, int, int, int]:
    trained, length = rng.choice((4, 8, 10)), rng.choice((3, 4, 8, 10, 15, 40))
    positions = torch.tensor([float(rng.randrange(length)) for _ in range(rng.randint(1, 20))])
    return positions, 2 * rng.randint(1, 4), trained, length


STRETCHED = Exercise(
    name="position interpolation",
    text=(
        "A model that was trained on 4 positions has never seen the angles of the fifth. Press the positions of a longer text "
        "together, so that they all fall within those it knows (Chen et al. 2023); a text that is short enough keeps its "
        "positions. They are numbers with a fraction then, and angles do not mind."
    ),
    formula="a_ti = (p_t / s) · 10000^(−2i / dim),  s = max(1, length / trained)",
    returns=(Result("angles", ("tokens", "pairs")),),
    answer=stretched_angles,
    cases=(
        Case("four of six tokens, trained on four", (torch.tensor([0.0, 1.0, 4.0, 5.0]), 4, 4, 6)),
        Case("a text that is short enough", (torch.tensor([0.0, 2.0, 3.0]), 6, 8, 5)),
        Case("four times as long", (torch.tensor([5.0, 21.0, 31.0]), 4, 8, 32)),
    ),
    draw=_long,
    mistakes=(
        Mistake("not stretched", "The positions are what they were: divide them by s.", {_STRETCHED: "positions[:, None]"}),
        Mistake(
            "stretched the other way",
            "The positions are multiplied by s, which takes them further out: divide.",
            {"positions / stretch": "positions * stretch"},
        ),
        Mistake(
            "short texts stretched",
            "A text that is shorter than those trained on is pulled apart: s is at least 1.",
            {_STRETCH: "length / trained"},
        ),
        Mistake(
            "whole positions",
            "The positions are rounded, so that several tokens share one: they need not be whole.",
            {_STRETCHED: "(positions / stretch).floor()[:, None]"},
            {_STRETCHED: "(positions / stretch).round()[:, None]"},
        ),
        Mistake(
            "whole stretch",
            "s was made a whole number: length / trained has a fraction.",
            {"length / trained": "length // trained"},
            {_STRETCH: "-(-length // trained)"},
        ),
        Mistake(
            "cut off",
            "Positions beyond those trained on are all the last one: press all of them together instead.",
            {_STRETCHED: "positions.clamp(max=trained - 1)[:, None]"},
        ),
        Mistake(
            "begins again",
            "Positions begin again at 0 after those trained on: tokens far apart would stand at one place.",
            {_STRETCHED: "(positions % trained)[:, None]"},
        ),
        Mistake(
            "base stretched",
            "The base is multiplied by s: that is another method, which leaves the fast pairs as they are (NTK-aware). Here "
            "all pairs are pressed together alike.",
            {"10000.0 **": "(10000.0 * stretch) **", _STRETCHED: "positions[:, None]"},
        ),
        Mistake(
            "exponent halved",
            "The exponent lacks its factor of 2: pair i turns by 10000^(−2i / dim).",
            {"-2.0 * torch": "-1.0 * torch"},
        ),
    ),
    hints=(
        "The last position of a text twice as long as those trained on should become one of the last that were.",
        "Which s leaves positions as they are, and for which lengths should it?",
        "By hand: trained on 4, a length of 6: position 3 becomes 2, position 5 becomes 3.33.",
    ),
)

EXERCISES = (ROTARY, ALIBI, STRETCHED)
