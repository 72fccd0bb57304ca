"""Attention and sparse softmax of many libraries behind one call in NumPy, for `table_of_conventions.py`.

An adapter hands over what it is given and nothing else: truth values of a mask as they are, whatever they mean there, and an
option under the name that the library has for it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

os.environ.setdefault("KERAS_BACKEND", "jax")

Array = NDArray[Any]


class NotOfferedError(Exception):
    """The interface has no such argument."""


@dataclass(frozen=True)
class Ask:
    """One call of attention: (1, heads, positions, dim) arrays in float32, and options to be handed over as they are."""

    query: Array
    key: Array
    value: Array
    mask: Array | None = None  # (keys,) truth values, the same for every query
    causal: bool = False
    window: int | None = None
    softcap: float | None = None

    def only(self, *options: str) -> None:
        """Refuse all other options for an interface that lacks them."""
        asked = {"mask": self.mask, "causal": self.causal or None, "window": self.window, "softcap": self.softcap}
        if any(value is not None and name not in options for name, value in asked.items()):
            raise NotOfferedError

    def one_head(self) -> None:
        """Refuse several heads for an interface that has them only behind projections."""
        if self.query.shape[1] != 1:
            raise NotOfferedError

    def matrix(self) -> Array | None:
        """The mask for every query: (queries, keys)."""
        return None if self.mask is None else np.broadcast_to(self.mask, (self.query.shape[2], self.key.shape[2])).copy()


Attend = Callable[[Ask], Array]


@dataclass(frozen=True)
class Library:
    """An interface of a library, asked in NumPy."""

    name: str
    packages: tuple[str, ...]  # that must be there, the first with the version to tell; none for what is written here
    attend: Attend

    def available(self) -> bool:
        """Whether its packages are installed."""
        return all(find_spec(package) for package in self.packages)

    def version(self) -> str:
        """Of the first package."""
        return importlib.metadata.version(self.packages[0]).split("+")[0] if self.packages else ""


def tensors(asked: Ask) -> list[torch.Tensor]:
    return [torch.from_numpy(array) for array in (asked.query, asked.key, asked.value)]


def regard_attention(asked: Ask) -> Array:
    from regard import attention

    options = {"causal": asked.causal, "window": asked.window, "softcap": asked.softcap}
    mask = None if asked.mask is None else torch.from_numpy(asked.mask)
    return attention(*tensors(asked), mask, **options)[0].numpy()


def torch_sdpa(asked: Ask) -> Array:
    asked.only("mask", "causal")
    mask = None if asked.mask is None else torch.from_numpy(asked.matrix())
    return torch.nn.functional.scaled_dot_product_attention(
        *tensors(asked), attn_mask=mask, is_causal=asked.causal, enable_gqa=True
    ).numpy()


def torch_bias(asked: Ask) -> Array:
    from torch.nn.attention.bias import causal_lower_right

    asked.only("causal")
    mask = causal_lower_right(asked.query.shape[2], asked.key.shape[2]) if asked.causal else None
    return torch.nn.functional.scaled_dot_product_attention(*tensors(asked), attn_mask=mask, enable_gqa=True).numpy()


def torch_flex(asked: Ask) -> Array:
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    asked.only("mask", "softcap")
    cap, block_mask, score_mod = asked.softcap, None, None
    if asked.mask is not None:
        mask = torch.from_numpy(asked.mask)
        sizes = (asked.query.shape[2], asked.key.shape[2])
        block_mask = create_block_mask(lambda _b, _h, _q, k: mask[k], 1, 1, *sizes, device="cpu")
    if cap is not None:
        score_mod = lambda score, _b, _h, _q, _k: cap * torch.tanh(score / cap)  # noqa: E731 - flex wants a function of five
    return flex_attention(*tensors(asked), score_mod=score_mod, block_mask=block_mask, enable_gqa=True).numpy()


def torch_module(asked: Ask, *, need_weights: bool) -> Array:
    asked.only("mask")
    asked.one_head()
    dim = asked.query.shape[3]
    layer = torch.nn.MultiheadAttention(dim, 1, bias=False, batch_first=True).eval()
    layer.load_state_dict({"in_proj_weight": torch.eye(dim).repeat(3, 1), "out_proj.weight": torch.eye(dim)})
    mask = None if asked.mask is None else torch.from_numpy(asked.mask)[None]
    query, key, value = (tensor[:, 0] for tensor in tensors(asked))
    return layer(query, key, value, key_padding_mask=mask, need_weights=need_weights)[0].numpy()[:, None]


def by_hand(asked: Ask, *, fill: float) -> Array:
    """The three lines of most tutorials; their masks say True = may attend."""
    asked.only("mask")
    asked.one_head()
    scores = asked.query @ asked.key.swapaxes(2, 3) / np.sqrt(asked.key.shape[3])
    masked = scores if asked.mask is None else np.where(asked.mask, scores, np.float32(fill))
    return torch.from_numpy(masked).softmax(-1).numpy() @ asked.value


def transformers_model(asked: Ask, *, kernel: str) -> Array:
    """The masks that Transformers' models make, and its functions that read them: those of Gemma 2."""
    from transformers import DynamicCache, Gemma2Config, masking_utils
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
    from transformers.models.gemma2.modeling_gemma2 import Gemma2Attention, eager_attention_forward

    (_, heads, queries, dim), (_, kv_heads, keys, _) = asked.query.shape, asked.key.shape
    config = Gemma2Config(
        hidden_size=8,
        head_dim=8,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        sliding_window=asked.window or 4096,
        num_hidden_layers=1,
        attn_implementation=kernel,
    )
    cache = None
    if keys > queries:  # a decoder has fewer queries than keys where a cache holds the others
        cache = DynamicCache()
        past = torch.from_numpy(asked.key[:, :, : keys - queries])
        cache.update(past, past, 0)
    kind = f"create_{'' if asked.causal else 'bidirectional_'}{'' if asked.window is None else 'sliding_window_'}"
    make_mask = getattr(masking_utils, kind + ("causal_mask" if asked.causal else "mask"))
    attention_mask = None if asked.mask is None else torch.from_numpy(asked.mask)[None]
    embeds = torch.zeros(1, queries, config.hidden_size)
    mask = make_mask(config=config, inputs_embeds=embeds, attention_mask=attention_mask, past_key_values=cache)
    layer = Gemma2Attention(config, layer_idx=0).eval()
    layer.is_causal = asked.causal
    attend = eager_attention_forward if kernel == "eager" else ALL_ATTENTION_FUNCTIONS[kernel]
    return attend(layer, *tensors(asked), mask, scaling=dim**-0.5, softcap=asked.softcap)[0].transpose(1, 2).numpy()


def onnx_reference(asked: Ask) -> Array:
    from onnx import TensorProto, defs, helper
    from onnx.reference import ReferenceEvaluator

    feeds = {"Q": asked.query, "K": asked.key, "V": asked.value}
    options: dict[str, Any] = {"is_causal": int(asked.causal)}
    if asked.mask is not None:
        feeds["mask"] = asked.matrix()
    if asked.softcap is not None:
        options["softcap"] = asked.softcap
    if asked.window is not None:
        options["left_window_size"] = asked.window
        if not asked.causal:
            options["right_window_size"] = asked.window
    types = {np.dtype(bool): TensorProto.BOOL, np.dtype(np.float32): TensorProto.FLOAT}
    graph = helper.make_graph(
        [helper.make_node("Attention", list(feeds), ["Y"], **options)],
        "one call",
        [helper.make_tensor_value_info(name, types[array.dtype], array.shape) for name, array in feeds.items()],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)],
    )
    opset = helper.make_opsetid("", defs.onnx_opset_version())
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=[opset])).run(None, feeds)[0]


def positions_first(asked: Ask) -> list[Array]:
    return [array.swapaxes(1, 2) for array in (asked.query, asked.key, asked.value)]  # (1, positions, heads, dim)


def jax_attention(asked: Ask) -> Array:
    import jax

    asked.only("mask", "causal", "window")
    mask = None if asked.mask is None else asked.matrix()[None, None]
    output = jax.nn.dot_product_attention(
        *positions_first(asked), mask=mask, is_causal=asked.causal, local_window_size=asked.window
    )
    return np.asarray(output).swapaxes(1, 2)


def keras_function(asked: Ask) -> Array:
    import keras

    asked.only("mask", "causal", "softcap")
    mask = None if asked.mask is None else asked.matrix()[None, None]
    output = keras.ops.dot_product_attention(
        *positions_first(asked), mask=mask, is_causal=asked.causal, attn_logits_soft_cap=asked.softcap
    )
    return np.asarray(output).swapaxes(1, 2)


def keras_layer(asked: Ask, *, return_scores: bool) -> Array:
    import keras

    asked.only("mask", "causal")
    asked.one_head()
    query, key, value = (array[:, 0] for array in (asked.query, asked.key, asked.value))
    dim = query.shape[2]
    layer = keras.layers.MultiHeadAttention(num_heads=1, key_dim=dim, use_bias=False)
    layer.build(query.shape, value.shape, key.shape)
    layer.set_weights([np.eye(dim, dtype=np.float32).reshape(weight.shape) for weight in layer.get_weights()])
    mask = None if asked.mask is None else asked.matrix()[None]
    found = layer(
        query,
        value,
        key,
        attention_mask=mask,
        use_causal_mask=asked.causal,
        return_attention_scores=return_scores,
    )
    return np.asarray(found[0] if return_scores else found)[:, None]


def mlx_fast(asked: Ask) -> Array:
    import mlx.core as mx

    asked.only("mask", "causal")
    mask = "causal" if asked.causal else None if asked.mask is None else mx.array(asked.matrix())
    arrays = (mx.array(array) for array in (asked.query, asked.key, asked.value))
    return np.array(mx.fast.scaled_dot_product_attention(*arrays, scale=asked.key.shape[3] ** -0.5, mask=mask))


LIBRARIES = (
    Library("**regard** `attention`", (), regard_attention),
    Library("torch SDPA", ("torch",), torch_sdpa),
    Library("torch SDPA with `causal_lower_right`", ("torch",), torch_bias),
    Library("torch `flex_attention`", ("torch",), torch_flex),
    Library("torch `nn.MultiheadAttention`", ("torch",), lambda asked: torch_module(asked, need_weights=False)),
    Library("torch `nn.MultiheadAttention`, with weights", ("torch",), lambda asked: torch_module(asked, need_weights=True)),
    Library("Transformers, eager", ("transformers",), lambda asked: transformers_model(asked, kernel="eager")),
    Library("Transformers, SDPA", ("transformers",), lambda asked: transformers_model(asked, kernel="sdpa")),
    Library("ONNX `Attention`, reference", ("onnx",), onnx_reference),
    Library("`jax.nn.dot_product_attention`", ("jax",), jax_attention),
    Library("`keras.ops.dot_product_attention`", ("keras", "jax"), keras_function),
    Library("Keras `MultiHeadAttention`", ("keras", "jax"), lambda asked: keras_layer(asked, return_scores=False)),
    Library("Keras `MultiHeadAttention`, with scores", ("keras", "jax"), lambda asked: keras_layer(asked, return_scores=True)),
    Library("MLX fast SDPA", ("mlx",), mlx_fast),
    Library("softmax by hand, filled with −∞", (), lambda asked: by_hand(asked, fill=-np.inf)),
    Library("softmax by hand, filled with −10⁹", (), lambda asked: by_hand(asked, fill=-1e9)),
)


Normalise = Callable[[torch.Tensor], torch.Tensor]


def entmax_function(name: str, **options: float) -> Normalise:
    return lambda scores: getattr(importlib.import_module("entmax"), name)(scores, **options)


def regard_function(name: str, **options: float) -> Normalise:
    return lambda scores: getattr(importlib.import_module("regard.mechanisms.normalisers.sparse_normalisers"), name)(
        scores, **options
    )


def keras_sparsemax(scores: torch.Tensor) -> torch.Tensor:
    import keras

    return torch.from_numpy(np.array(keras.ops.sparsemax(scores.numpy())))


NORMALISERS = (
    Library("**regard** `sparsemax`", (), regard_function("sparsemax")),
    Library("**regard** `entmax15`", (), regard_function("entmax15")),
    Library("**regard** `entmax`, α = 1.5", (), regard_function("entmax", alpha=1.5)),
    Library("`entmax.sparsemax`", ("entmax",), entmax_function("sparsemax")),
    Library("`entmax.entmax15`", ("entmax",), entmax_function("entmax15")),
    Library("`entmax.sparsemax_bisect`", ("entmax",), entmax_function("sparsemax_bisect")),
    Library("`entmax.entmax_bisect`, α = 1.5", ("entmax",), entmax_function("entmax_bisect", alpha=1.5)),
    Library("`keras.ops.sparsemax`", ("keras", "jax"), keras_sparsemax),
)
