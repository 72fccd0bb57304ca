"""The patterns that there are, by the names that files call them: what is not here, no file can hold."""

from regard.masks.combined import And, Not, Or
from regard.masks.pattern import Pattern
from regard.masks.patterns import Blocks, Causal, CentredWindow, Everything, Prefix, Window
from regard.masks.sparse import BlockPairs, Dilated, GlobalPositions
from regard.masks.tensors import Documents, FromTensor, Padding, Spans

PATTERNS: dict[str, type[Pattern]] = {
    pattern.name: pattern
    for pattern in (
        And,
        Or,
        Not,
        Everything,
        Causal,
        Window,
        CentredWindow,
        Prefix,
        Dilated,
        Blocks,
        BlockPairs,
        GlobalPositions,
        Padding,
        Documents,
        Spans,
        FromTensor,
    )
}
