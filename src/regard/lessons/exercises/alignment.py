"""From cross-attention to words."""

import random

import torch
from torch import Tensor

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn_by


def word_alignment(
    weights: torch.Tensor, source_words: torch.Tensor, target_words: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights by word (target words, source words), and for each target word its source word (target words,).

    weights is (target tokens, source tokens); source_words (source tokens,) and target_words (target tokens,) have the word
    that each token belongs to, counted from 0, and −1 for </s>.
    """
    sources, targets = int(source_words.max()) + 1, int(target_words.max()) + 1
    columns = [weights[:, source_words == word].sum(dim=1) for word in range(sources)]
    to_words = torch.stack(columns, dim=1)
    rows = [to_words[target_words == word].mean(dim=0) for word in range(targets)]
    by_word = torch.stack(rows)
    return by_word, by_word.argmax(dim=1)


_COLUMN, _ROW = "weights[:, source_words == word].sum(dim=1)", "to_words[target_words == word].mean(dim=0)"
_BEST = "by_word.argmax(dim=1)"


def _sentences(rng: random.Random) -> tuple[Tensor, Tensor, Tensor]:
    """Words of one to three tokens, and </s>; no two words with nearly the same weight."""
    while True:
        words = [[word for word in range(rng.randint(1, 4)) for _ in range(rng.randint(1, 3))] for _ in range(2)]
        source, target = (torch.tensor([*side, -1]) for side in words)
        weights = torch.softmax(2 * drawn_by(rng, len(target), len(source)), dim=-1)
        best = word_alignment(weights, source, target)[0].sort(dim=1).values
        if best.shape[1] == 1 or bool((best.diff(dim=1) > 0.01).all()):
            return weights, source, target


ALIGNMENT = Exercise(
    name="word alignment",
    text=(
        "Which source word does each target word look at? A word's weight is the sum over its source tokens, and the mean over "
        "its target tokens. The end token </s> is no word: cross-attention rests there when it has nothing to look for, so it "
        "is left out on both sides. Return the weights by word, and the links: the index of the largest in each row."
    ),
    formula=(
        "by_word_ts = mean over target tokens i of word t of Σ over source tokens j of word s of weights_ij\n"
        "link_t = argmax_s by_word_ts"
    ),
    returns=(Result("weights", ("target words", "source words")), Result("links", ("target words",))),
    answer=word_alignment,
    cases=(
        Case(
            "two words on each side, and </s>",
            (
                torch.tensor([[0.5, 0.125, 0.375], [0.125, 0.25, 0.625], [0.0, 0.25, 0.75]]),
                torch.tensor([0, 1, -1]),
                torch.tensor([0, 1, -1]),
            ),
        ),
        Case(
            "a source word of two tokens",
            (
                torch.tensor([[0.375, 0.25, 0.25, 0.125], [0.125, 0.125, 0.5, 0.25], [0.5, 0.125, 0.25, 0.125]]),
                torch.tensor([0, 1, 1, -1]),
                torch.tensor([0, 1, -1]),
            ),
        ),
        Case(
            "a target word of two tokens, three source words",
            (
                torch.tensor(
                    [
                        [0.25, 0.0, 0.25, 0.375, 0.125],
                        [0.0, 0.125, 0.25, 0.125, 0.5],
                        [0.125, 0.5, 0.125, 0.0, 0.25],
                        [0.125, 0.25, 0.125, 0.0, 0.5],
                        [0.0, 0.125, 0.125, 0.25, 0.5],
                    ]
                ),
                torch.tensor([0, 1, 2, 2, -1]),
                torch.tensor([0, 1, 1, 2, -1]),
            ),
        ),
        Case(
            "three target words, two source words, three tokens",
            (
                torch.tensor(
                    [[0.25, 0.25, 0.125, 0.375], [0.125, 0.25, 0.5, 0.125], [0.0, 0.5, 0.25, 0.25], [0.25, 0.0, 0.25, 0.5]]
                ),
                torch.tensor([0, 0, 1, -1]),
                torch.tensor([0, 1, 2, -1]),
            ),
        ),
    ),
    draw=_sentences,
    mistakes=(
        Mistake(
            "−1 is an index",
            "−1 counts as a word: as an index it is the last one, which so gets the weight of </s>. Leave those tokens out.",
            {"source_words == word": "source_words % sources == word"},
            {
                "source_words == word": "source_words % sources == word",
                "target_words == word": "target_words % targets == word",
            },
            {"target_words == word": "target_words % targets == word"},
        ),
        Mistake(
            "</s> may win",
            "The link is that of the best token, </s> among them: take the largest of the weights by word.",
            {
                _BEST: "source_words[torch.stack([weights[target_words == word].mean(dim=0) for word in range(targets)])"
                ".argmax(dim=1)]"
            },
        ),
        Mistake(
            "best token",
            "The link is that of the best single token: a word's tokens count together.",
            {
                _BEST: "source_words[torch.stack([weights[target_words == word].mean(dim=0) for word in range(targets)])"
                ".masked_fill(source_words < 0, -1.0).argmax(dim=1)]"
            },
        ),
        Mistake(
            "best source token taken",
            "A word gets the weight of its best token: it is the sum over its tokens.",
            {_COLUMN: "weights[:, source_words == word].amax(dim=1)"},
        ),
        Mistake(
            "source tokens averaged",
            "A source word gets the mean over its tokens: long words lose. Sum over the source, average over the target.",
            {_COLUMN: "weights[:, source_words == word].mean(dim=1)"},
        ),
        Mistake(
            "first source token only",
            "Only the first token of a source word counts: sum over all of its tokens.",
            {_COLUMN: "weights[:, source_words == word][:, 0]"},
        ),
        Mistake(
            "target tokens summed",
            "A target word gets the sum over its tokens, more than a row has to give: take their mean.",
            {"mean(dim=0)": "sum(dim=0)"},
        ),
        Mistake(
            "one target token only",
            "Only one token of a target word counts: take the mean over all of them.",
            {_ROW: "to_words[target_words == word][0]"},
            {_ROW: "to_words[target_words == word][-1]"},
        ),
        Mistake(
            "made to sum to 1",
            "The rows are made to sum to 1 again: what a word spends on </s> is then no longer seen. Leave them as they are.",
            {"torch.stack(rows)": "torch.stack(rows)\n    by_word = by_word / by_word.sum(dim=1, keepdim=True)"},
        ),
        Mistake(
            "asked the other way",
            "The links say which target word each source word is looked at by: the largest in each row is asked for, dim=1.",
            {_BEST: "by_word.argmax(dim=0)"},
        ),
        Mistake(
            "transposed",
            "Rows are source words: expected target words first.",
            {"torch.stack(rows)": "torch.stack(rows).mT", _BEST: "by_word.argmax(dim=0)"},
        ),
        Mistake(
            "least weight",
            "The links go to the least weight: argmax, not argmin or the first of an ascending sort.",
            {_BEST: "by_word.argmin(dim=1)"},
        ),
    ),
    hints=(
        "First the columns: one for each source word. Then the rows: one for each target word. Tokens of −1 are in none.",
        "A comparison with a word's number picks its tokens. Over the source one adds up, over the target one takes the mean.",
        "By hand, in the first case: the word weights are (0.5, 0.125) and (0.125, 0.25). The links are where each "
        "row is largest.",
    ),
)

EXERCISES = (ALIGNMENT,)
