"""Who may look at whom: a mask is a question about positions, answered wherever it is asked.

A `Mask` is a predicate ``(batch, head, query, key) -> bool`` over index tensors, the signature that Transformers'
mask functions and flex_attention's mask_mods share. It costs nothing to keep, and any tile of it can be evaluated
alone. Masks combine with ``&``, ``|`` and ``~``. What each of them is made of, a `Pattern`, stands in `regard.masks.registry`.

Example:
    >>> causal() & window(3)
    causal(0) & window(3)
    >>> print((causal() & (window(2) | prefix(1))).picture(5, 5))
    0 ■ ⬚ ⬚ ⬚ ⬚
    1 ■ ■ ⬚ ⬚ ⬚
    2 ■ ■ ■ ⬚ ⬚
    3 ■ ⬚ ■ ■ ⬚
    4 ■ ⬚ ⬚ ■ ■
"""

from regard.masks.mask import Mask
from regard.masks.patterns import blocks, causal, centred_window, everything, prefix, window
from regard.masks.recognition import recognised
from regard.masks.sparse import block_pairs, dilated, global_positions, random_blocks
from regard.masks.tensors import documents, from_tensor, padding, spans

__all__ = [
    "Mask",
    "block_pairs",
    "blocks",
    "causal",
    "centred_window",
    "dilated",
    "documents",
    "everything",
    "from_tensor",
    "global_positions",
    "padding",
    "prefix",
    "random_blocks",
    "recognised",
    "spans",
    "window",
]
