"""Backends of diffusers, in a registry like its own: layouts (batch, positions, heads, dim), calls by name."""

import sys
from enum import StrEnum
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.testing import assert_close

import regard
from regard.errors import RecordingError
from support.flash_stand_in import flash_attn_func, one_sequence
from support.own_output import assert_each_map_gives_its_output


class Name(StrEnum):
    FLASH, VARLEN, SAGE, XFORMERS, NATIVE, OTHER = "flash", "flash_varlen", "sage", "xformers", "native", "of_tomorrow"


def flash(query, key, value, is_causal=False, scale=None, window_size=(-1, -1), return_lse=False):
    output = flash_attn_func(query, key, value, scale, is_causal, window_size)
    return (output, output[..., 0]) if return_lse else output


def varlen(query, key, value, attn_mask, is_causal=False, scale=None):
    lengths = attn_mask.sum(1).tolist()
    each = zip(query, key, value, lengths, strict=True)
    return torch.stack([one_sequence(q, k[:n], v[:n], scale, is_causal, (-1, -1), 0, None) for q, k, v, n in each])


def sage(query, key, value, is_causal=False, scale=None):
    query, key = ((each * 16).round() / 16 for each in (query, key))
    return flash_attn_func(query, key, value, scale, is_causal)


def torch_attention(query, key, value, attn_mask=None, is_causal=False, scale=None):
    order = (each.transpose(1, 2) for each in (query, key, value))
    return scaled_dot_product_attention(*order, attn_mask=attn_mask, is_causal=is_causal, scale=scale).transpose(1, 2)


def of_tomorrow(query, key, value):
    return flash_attn_func(query, key, value)


@pytest.fixture
def registry(monkeypatch):
    functions = flash, varlen, sage, torch_attention, torch_attention, of_tomorrow
    backends = dict(zip(Name, functions, strict=True))
    made = SimpleNamespace(_backends=backends)
    monkeypatch.setitem(sys.modules, "diffusers.models.attention_dispatch", SimpleNamespace(_AttentionBackendRegistry=made))
    yield backends
    assert list(backends.values()) == list(functions)


class Attention(nn.Module):
    def __init__(self, backends, name, options):
        super().__init__()
        self.backends, self.name, self.options = backends, name, options

    def forward(self, query, key, value):
        return self.backends[self.name](query=query, key=key, value=value, **self.options)


def factors():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, positions, 3, 8, generator=generator) for positions in (5, 7, 7)]


def recorded(registry, name, **options):
    model, given = Attention(registry, name, options), factors()
    plain = model(*given)
    with regard.record(model, values=True) as recording:
        output = model(*given)
    assert_close(output, plain, atol=0, rtol=0)
    return recording


LENGTHS = torch.tensor([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]]).bool()
HOLES = torch.tensor([[1, 1, 1, 1, 1, 1, 1], [1, 0, 1, 0, 1, 1, 0]]).bool()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (Name.FLASH, {}),
        (Name.FLASH, {"is_causal": True, "scale": 0.7}),
        (Name.FLASH, {"window_size": (2, 1)}),
        (Name.FLASH, {"window_size": (2, 0), "is_causal": True}),
        (Name.FLASH, {"window_size": (2, -1)}),
        (Name.FLASH, {"return_lse": True}),
        (Name.VARLEN, {"attn_mask": LENGTHS}),
        (Name.VARLEN, {"attn_mask": HOLES}),
        (Name.XFORMERS, {}),
        (Name.XFORMERS, {"is_causal": True}),
        (Name.XFORMERS, {"attn_mask": torch.randn(2, 3, 5, 7)}),
        (Name.NATIVE, {}),
    ],
)
def test_exact(registry, name, options):
    recording = recorded(registry, name, **options)
    assert assert_each_map_gives_its_output(recording) == 1
    assert recording.calls[0].kept == "factors"


def test_quantised(registry):
    recording = recorded(registry, Name.SAGE)
    assert recording.calls[0].kept.startswith(
        "factors; approximate: the kernel quantises queries and keys, map @ values is off by 0.0"
    )


def test_an_unknown_backend_is_named(registry):
    with pytest.raises(RecordingError, match="diffusers' backend of_tomorrow, of which it is not known what it computes"):
        recorded(registry, Name.OTHER)


def test_a_mask_that_does_something_else(registry):
    def odd(query, key, value, attn_mask):
        return 2 * varlen(query, key, value, attn_mask)

    registry[Name.VARLEN] = odd
    with pytest.raises(RecordingError, match="diffusers' backend flash_varlen with this mask: map @ values is off by"):
        recorded(registry, Name.VARLEN, attn_mask=LENGTHS)
    registry[Name.VARLEN] = varlen
