"""Attention outside of Transformers: one fused call, and softmax by hand."""

import math

import torch
from torch import nn
from torch.nn import functional


class Fused(nn.Module):
    """One call of the fused attention, with whatever options."""

    def forward(self, query, key, value, **options):
        return functional.scaled_dot_product_attention(query, key, value, **options)


class ByHand(nn.Module):
    """Attention as many a model writes it."""

    def __init__(self, softmax=torch.softmax, product=torch.matmul, between=lambda weights: weights):
        super().__init__()
        self.softmax, self.product, self.between = softmax, product, between

    def forward(self, query, key, value):
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        return self.product(self.between(self.softmax(scores, dim=-1)), value)
