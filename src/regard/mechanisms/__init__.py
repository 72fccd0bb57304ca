"""The textbook: attention mechanisms in readable torch, one family a folder. What is the same everywhere is said here.

Arguments, where a function does not say otherwise:

    query    (batch, heads, queries, dim)
    key      (batch, kv_heads, keys, dim); heads is a multiple of kv_heads, each key head serves as many query heads
    value    (batch, kv_heads, keys, value_dim)
    mask     broadcastable to (batch, heads, queries, keys): True = may attend, or numbers added to the scores, or a regard.Mask
    causal   hide the future; the last query sees every key, also when there are fewer queries than keys
    scale    what scores are multiplied with, above 0; 1/√dim if None

The batch axis, or batch and heads, may be left out of all tensors alike. Layers take (batch, positions, dim), or that without
batch, and give the output in the shape of what looks, with weights (batch, heads, queries, keys).

Results, where a function does not say otherwise:

    output   (batch, heads, queries, value_dim), in the dtype of value
    weights  (batch, heads, queries, keys), in float32, or float64 where the input is; all is computed in that dtype

Axes that the inputs lack, the results lack too. A query that may attend to nothing gets weights 0 and output 0.

What the line of an argument says is checked:

    ShapeError    other axes or sizes, or sizes that do not fit each other
    DtypeError    tensors that are not floating-point, or of mixed dtypes; an integer mask
    OptionError   a number out of its bounds, or a choice that is not known
    ScoreError    NaN or +∞ where a query may attend

A function names the errors that these lines do not tell, and the paper with the section or the equation that it follows.
"""
