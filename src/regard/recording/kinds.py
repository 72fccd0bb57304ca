"""Which modules of a model compute attention, and of what kind: seen from their names and classes."""

from collections.abc import Callable
from typing import Any

from torch import nn

ATTENTION_KINDS = ("encoder", "decoder", "cross", "self")


def is_attention(module: nn.Module) -> bool:
    """Whether a module's class says that it computes attention."""
    return any(word in type(module).__name__.lower() for word in ("atten", "attn"))


def kinds_of_modules(model: nn.Module) -> Callable[[str], str]:
    """What kind of attention a module computes, from its qualified name.

    Transformers' models say which modules hold their cross-attention (``_can_record_outputs``): by class or by name. PyTorch's
    decoder layer calls it ``multihead_attn``; elsewhere the name says "cross", or nothing does.
    """
    cross_names = {"encoder_attn", "encoder_attention", "EncDecAttention"}
    cross_classes: set[Any] = set()
    for part in model.modules():
        for output, said in (getattr(part, "_can_record_outputs", None) or {}).items():
            for place in said if isinstance(said, list) else [said]:
                if output != "cross_attentions":
                    continue
                if isinstance(place, type):
                    cross_classes.add(place)
                elif layer_name := getattr(place, "layer_name", None):  # Transformers' OutputRecorder, which names either
                    cross_names.add(layer_name)
                else:
                    cross_classes.add(getattr(place, "target_class", None))
    modules = dict(model.named_modules())

    def is_cross(name: str) -> bool:
        path = name.split(".")
        parents = [modules[".".join(path[:end])] for end in range(1, len(path) + 1)]
        return (
            "cross" in name.lower()
            or any(f".{cross}." in f".{name}." for cross in cross_names)
            or any(type(part) in cross_classes or "CrossAtt" in type(part).__name__ for part in parents)
            or (path[-1] == "multihead_attn" and isinstance(parents[-2], nn.TransformerDecoderLayer))
        )

    config = getattr(model, "config", None)
    halves = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
    both_halves = bool(getattr(config, "is_encoder_decoder", False)) or (
        config is None and all(any(isinstance(part, half) for part in modules.values()) for half in halves)
    )

    def kind(name: str) -> str:
        if name and is_cross(name):
            return "cross"
        if not both_halves:
            return "self"
        in_decoder = "decoder" in name.split(".") or getattr(modules[name], "is_decoder", False)
        return "decoder" if in_decoder else "encoder"

    return kind
