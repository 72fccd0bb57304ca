"""What heads count when their attention is fitted to effects: the numbers of docs/analysis/passages.md.

    python recipes/tables/heads_fitted.py

The model and the prompts are those of passages_found.py; half of the prompts are fitted and the others measured.
"""

from __future__ import annotations

import torch
from tqdm import trange

from passages_found import LETTERS, model_that_copies, prompt
from regard.interventions import fit_heads, passage_effects

PROMPTS = 100


def main() -> None:
    """Prints what is found."""
    model, alphabet = model_that_copies()
    generator = torch.Generator().manual_seed(0)
    read = []
    for _ in trange(PROMPTS, desc="hiding passages"):
        ids, spans, _again = prompt(generator)
        read.append(passage_effects(model, ids, spans, answer=LETTERS - 1, tokenizer=alphabet))
    print(read[0])
    fit = fit_heads(read)
    print(fit)
    for (layer, head), weight in sorted(fit.coefficients.items(), key=lambda one: -abs(one[1])):
        print(f"layer {layer} head {head}: {weight:+.1f}")


if __name__ == "__main__":
    main()
