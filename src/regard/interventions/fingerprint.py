"""Which model it was: a number that another training run, or another layer, changes."""

import hashlib

import torch
from torch import nn

SOME = 4096
"""Weights of each tensor that are looked at."""


@torch.no_grad()
def fingerprint(model: nn.Module) -> str:
    """A digest of the names, the sizes and some of the weights of a model: the same on every machine.

    Example:
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> before = fingerprint(layer)
        >>> _ = layer.weight.data.add_(1)
        >>> len(before), before == fingerprint(layer)
        (16, False)
    """
    digest = hashlib.blake2b(digest_size=8)
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
        if not weight.is_meta and weight.layout == torch.strided and weight.numel():
            flat = weight.detach().reshape(-1)
            some = flat[:: max(1, len(flat) // SOME)].cpu().contiguous()
            digest.update(some.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
