"""Which modules compute attention, and of what kind: by where keys come from, and by names where that says nothing."""

from functools import cache
from typing import Any, cast

from torch import nn

from regard.arguments import one_of

ATTENTION_KINDS = ("encoder", "decoder", "cross", "self")


def is_attention(module: nn.Module) -> bool:
    """Whether a module's class says that it computes attention."""
    return _says_attention(type(module).__name__)


@cache
def _says_attention(kind: str) -> bool:
    return any(word in kind.lower() for word in ("atten", "attn"))


class Kinds:
    """The kinds of attention in a model.

    Attributes:
        both_halves: whether it has an encoder and a decoder, whose self-attention are kinds of their own.
    """

    def __init__(self, model: nn.Module) -> None:
        self._modules = dict(model.named_modules())
        self._cross_names = {"encoder_attn", "encoder_attention", "EncDecAttention"}
        self._cross_classes: set[Any] = set()
        self._read_what_transformers_says(model)
        config = getattr(model, "config", None)
        halves = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
        self.both_halves = bool(getattr(config, "is_encoder_decoder", False)) or (
            config is None and all(any(isinstance(part, half) for part in self._modules.values()) for half in halves)
        )

    def of(self, name: str, keys_from: str | None = None) -> str:
        """The kind of what the module of a name computes.

        Args:
            name: qualified name of the module.
            keys_from: "self" or "cross", where a call shows that its keys come from what the queries come from, or from another
                tensor; "both": an encoder has nothing else to look across to, elsewhere it is cross-attention. What
                Transformers says of its models goes before, and names are asked where nothing is shown.
        """
        in_decoder = "decoder" in name.split(".") or getattr(self._modules[name], "is_decoder", False)
        if keys_from == "both":
            keys_from = "self" if self.both_halves and not in_decoder else "cross"
        crosses = self.is_declared(name) or (self.name_says(name) == "cross" if keys_from is None else keys_from == "cross")
        if name and crosses:
            return "cross"
        if keys_from == "cross":
            return "cross"  # the whole model is one attention module
        if not self.both_halves:
            return "self"
        return "decoder" if in_decoder else "encoder"

    def checked(self, kind: str | None) -> str:
        """A kind that somebody asked for; that of the model's self-attention for None, where it has one only.

        Raises:
            OptionError: the model has no such kind, or several.
        """
        if kind is None and not self.both_halves:
            return "self"
        has = ("encoder", "decoder", "cross") if self.both_halves else ("self", "cross")
        return one_of("kind", cast("str", kind), has, advice=f"{type(self._modules['']).__name__} has no other")

    def is_declared(self, name: str) -> bool:
        """Whether Transformers says that it is cross-attention (``_can_record_outputs``), by its class or by its name."""
        return any(f".{cross}." in f".{name}." for cross in self._cross_names) or any(
            type(part) in self._cross_classes for part in self._upwards(name)
        )

    def name_says(self, name: str) -> str | None:
        """What the name or the class of the module itself says, its attention wrappers included: "cross", "self" or nothing."""
        path = name.split(".")
        if path[-1] == "multihead_attn" and isinstance(self._modules[".".join(path[:-1])], nn.TransformerDecoderLayer):
            return "cross"
        own = [*path[-1:], type(self._modules[name]).__name__]
        for end in range(len(path) - 1, 0, -1):
            around = self._modules[".".join(path[:end])]
            if not is_attention(around):
                break
            own += [path[end - 1], type(around).__name__]
        for word in ("cross", "self", "slf"):
            if any(word in one.lower() for one in own):
                return "cross" if word == "cross" else "self"
        return None

    def _upwards(self, name: str) -> list[nn.Module]:
        path = name.split(".")
        return [self._modules[".".join(path[:end])] for end in range(1, len(path) + 1) if name]

    def _read_what_transformers_says(self, model: nn.Module) -> None:
        for part in model.modules():
            for output, said in (getattr(part, "_can_record_outputs", None) or {}).items():
                for place in said if isinstance(said, list) else [said]:
                    if output != "cross_attentions":
                        continue
                    if isinstance(place, type):
                        self._cross_classes.add(place)
                    elif layer_name := getattr(place, "layer_name", None):  # Transformers' OutputRecorder, which names either
                        self._cross_names.add(layer_name)
                    else:
                        self._cross_classes.add(getattr(place, "target_class", None))
