"""What tokens are to a model, by the kind of attention, and what a reader is told of it."""

ROLES = {"source": "source tokens", "consumed": "tokens consumed", "produced": "tokens produced"}
"""The source is what an encoder reads, or a model with one stack; at each of its rows, a decoder consumes one token and
produces the next."""

ROW_ROLES = {
    "encoder": ("source",),
    "decoder": ("produced", "consumed"),
    "cross": ("produced", "consumed"),
    "self": ("produced", "consumed", "source"),
}
"""The roles of the tokens that may name the rows of a map, by its kind; the first that are known do."""

COLUMN_ROLES = {"encoder": ("source",), "decoder": ("consumed",), "cross": ("source",), "self": ("consumed", "source")}
"""The same for its columns."""


def titles(kind: str | None) -> tuple[str, str]:
    """What the rows and the columns of a map of this kind are, where nothing says more.

    Example:
        >>> titles("cross"), titles(None)
        (('tokens produced', 'source tokens'), ('queries', 'keys'))
    """
    if kind not in ROW_ROLES:
        return "queries", "keys"
    return ("tokens", "tokens") if kind == "self" else (ROLES[ROW_ROLES[kind][0]], ROLES[COLUMN_ROLES[kind][0]])
