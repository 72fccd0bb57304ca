"""Caches: what decoding keeps of the keys and values so far, and what it lets go.

Every cache is used alike: ``attend(query, key, value)`` takes what new tokens bring, attends, and lets go of what its policy
drops; ``positions`` says which tokens it still holds, ``nbytes`` what that costs. `decode` runs a text through one.
Tokens that come at once, as a prompt does, see each other whatever the policy: it lets go after them.

    keeps all, exactly       `FullCache`, `PagedCache` (in pages that texts share), `SharedLayers` (one for several layers)
    keeps all, roughly       `QuantizedCache`
    keeps some               `StreamingCache`, `HeavyHitterCache` (H2O), `LastWeightsCache` (TOVA), `PromptCache` (SnapKV)

The tokens that are given are the next of the text, in order:

    query    (batch, heads, new, dim), one for each key
    key      (batch, heads, new, dim): caches hold a key for each query head
    value    (batch, heads, new, value_dim)
"""
