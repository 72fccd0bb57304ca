"""The surest check of a recording: each map times the values of its call is what that very call returned."""

import torch
from torch.testing import assert_close

import regard


def assert_each_map_gives_its_output(recording, atol=1e-6):
    """Of a recording with values. Returns how many maps there were."""
    assert len(recording.maps) == len(recording.values) > 0
    for amap, call in zip(recording.maps, recording.values, strict=True):
        output = call.heads_first(call.output.detach())
        group = amap.shape[1] // call.value.shape[1]
        assert_close(
            amap @ call.value.repeat_interleave(group, dim=1),
            output.float(),
            atol=atol * max(1, float(output.abs().max())),
            rtol=0,
        )
        assert torch.equal(amap.dense().isfinite().all(), torch.tensor(True))
    return len(recording.maps)


@torch.no_grad()
def recorded_like_plain(model, **inputs):
    """A recording with values of one pass, whose output is to the bit that without recording."""
    plain = model(**inputs)[0]
    with regard.record(model, values=True) as recording:
        output = model(**inputs)[0]
    assert torch.equal(plain, output)
    assert_each_map_gives_its_output(recording)
    return recording


def masks(recording):
    """What each map says of its mask."""
    return [str(amap.factors.mask) for amap in recording.maps]
