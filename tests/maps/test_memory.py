"""No statistic, row, tile or product of a long map holds the matrix: the peak of a process of its own."""

import sys

import pytest

from support.forked import growth

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of one program"),
]
N, HEADS = 4096, 4
DENSE = HEADS * N * N * 4
PROGRAM = f"""
import torch
from regard import AttentionMap

torch.set_num_threads(1)
query, key = (torch.randn(1, {HEADS}, {N}, 16) for _ in range(2))
small = AttentionMap(query[:, :, :1100], key[:, :, :1100], causal=True)  # what code and libraries take is there already
small.summary(pool=(4, 4), how=("mean", "max"), topk=3), small @ key[:, :, :1100], small[0, 0, 5:9]
amap = AttentionMap(query, key, causal=CAUSAL)
before = peak()
READ
print(peak() - before)
"""


@pytest.mark.parametrize("causal", [True, False], ids=["causal", "full"])
@pytest.mark.parametrize(
    "read",
    [
        'amap.summary(pool=(64, 64), how=("mean", "max"), topk=8)',
        "amap.logsumexp()",
        "amap[0, :, -512:, 100:612]",
        "amap[0, 1, 2000:2256]",
        "amap.select(queries=list(range(0, 4096, 2))).logsumexp()",
        "from regard.maps import view; view.POOLED_ROW = 1; amap.pool(64, 32)",
        "amap @ key",
        "amap.T @ query",
        "amap.select(queries=list(range(0, 4096, 2))).entropy()",
        "list(tile.weights.sum() for tile in amap.select(heads=2).tiles(1024, 1024))",
    ],
)
def test_the_matrix_is_never_there(read, causal):
    program = PROGRAM.replace("READ", read).replace("CAUSAL", str(causal))
    assert growth(program) < DENSE / 4


def test_a_tile_of_a_long_map_is_small():
    """Some 30 MiB, or 35, by the processor's kernel. The keys of a head in float32 would be 32 more, its 512 rows 256."""
    read = """
query, key = torch.ones(2, 1, 1, 2**17, 64, dtype=torch.bfloat16)
before = peak()
AttentionMap(query, key)[0, 0, -512:, 100:612]
"""
    assert growth(PROGRAM.replace("READ", read).replace("CAUSAL", "True")) < 48 * 2**20


def test_the_matrix_would_be_seen():
    program = PROGRAM.replace("READ", "amap.dense()").replace("CAUSAL", "True")
    assert growth(program) > DENSE * 0.9
