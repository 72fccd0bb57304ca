"""Sums in place of softmax: keys and values are written into a state of fixed size, and queries read it.

A mechanism has three forms, which give the same output:

    parallel    (output, weights)   the matrix that takes values to outputs, to be looked at
    recurrent   (output, state)     one position after the other, as it decodes
    chunked     (output, state)     matrices inside of chunks, the state between them, as it is trained

The future is hidden, but where a function has ``causal``. Beside what is the same everywhere:

    query    (batch, heads, positions, dim), as many as keys: a step reads one of each
    state    what earlier positions left, as it was returned, (batch, heads, dim, value_dim) in float32, or float64 where the
             input is; nothing if None
    chunk    how many positions meet in a matrix, 1 or more; the last chunk may be shorter
    weights  (batch, heads, positions, positions), which need not be shares: output = weights · values is what holds

and where there are gates:

    beta       β (batch, heads, positions), from 0 to 2: how much of the difference is written; the keys then have length 1
    log_decay  log α (Mamba-2: log a), finite and at most 0, (batch, heads, positions); in gated linear attention
               (batch, heads, positions, dim)

Gates may be what broadcasts to these sizes.

NaN and infinite numbers are a ScoreError wherever they are: a state keeps what it reads for good.
"""
