"""A tiny random model of any class of Transformers, from nothing but its default configuration and its forward's arguments.

The zoo's models are built by hand; this is for the hundreds of classes beside them. Sizes are found by the names of what a
configuration has, inputs by the names of what the forward takes. Where that does not make a model that runs, the class is not
tried, and the model's own words say why.
"""

import inspect
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from support.model_zoo import Inputs, Zoo, draw, numbers, spread_out

VOCABULARY, PICTURE, WIDTH = 99, 16, 32
EXTRA_TOKENS = 80
"""Ids from here on are those of pictures and sounds, each another one."""

SIZES: list[tuple[str, Any]] = [  # the first that fits a name
    (r"codebook_size", 64),
    (r"vocab_size(_per_layer_input)?|(.*_)?vocab_size|n_vocab|num_embeddings", VOCABULARY),
    (r"(.*_)?type_vocab_size|num_labels|num_channels|in_chans|in_channels|num_codebooks|n_codes_total", None),
    (r"max_position_embeddings|n_positions|max_.*positions|max_.*position_embeddings|n_ctx", 64),
    (r"qk_rope_head_dim|rope_head_dim", 4),
    (r"(.*_)?head_dim|d_kv|attention_head_size|(qk_nope|v)_head_dim|index_head_dim|d_head|kv_channels", 8),
    (r"(.*_)?lora_rank|(.*_)?low_rank.*", 16),
    (r"(.*_)?num_(global_)?(key_value|kv)_heads|num_(.*_)?key_value_heads|n_kv_heads|multi_query_group_num", 2),
    (r"(.*_)?heads|n_head|nhead|(.*_)?n_heads|num_heads.*", 4),
    (r"n_group|topk_group|n_shared_experts|first_k_dense_replace", 1),
    (r"(.*_)?num_experts_per_tok(en)?|moe_k|moe_topk|(.*_)?top_k(_experts)?", 2),
    (r"(.*_)?num_(local_|routed_)?experts|n_routed_experts|moe_num_experts", 4),
    (r"(.*_)?num_(hidden_|encoder_|decoder_)?layers|(.*_)?(encoder|decoder|hidden)_layers|(.*_)?n_layers?", 2),
    (r"(.*_)?depth|num_blocks|layers", 2),
    (r"(.*_)?(ffn|intermediate|feed_forward|mlp|dense)_(dim|size|hidden_size|inner_hidden_size)", 16),
    (r"d_ff|d_inner|ffn_hidden_size|n_inner", 16),
    (r"(.*_)?(hidden|embed|model|embedding|emb|projection)_(size|dim)", WIDTH),
    (r"d_model|n_embd|dim|width", WIDTH),
    (r"image_size|img_size|input_size", PICTURE),
    (r"patch_size", 4),
    (r"num_mel_bins|num_mels|n_mels|feature_size", 8),
    (r"max_source_positions", 32),
    (r"sliding_window|attention_window|local_attention", 4),
    (r"conv_dim", [8, 8]),
    (r"conv_kernel", [5, 3]),
    (r"conv_stride", [3, 2]),
    (r"num_feat_extract_layers", 2),
    (r"num_conv_pos_embeddings", 4),
    (r"num_conv_pos_embedding_groups", 2),
]  # fmt: skip

LAYERS = r"(.*_)?num_(hidden_|encoder_|decoder_)?layers|(.*_)?n_layers?"
ONE_KEY_A_HEAD: list[tuple[str, Any]] = [(r"(.*_)?num_(.*_)?(key_value|kv)_heads", 4)]
VARIANTS: list[list[tuple[str, Any]]] = [  # which sizes go together is not said anywhere: the first that runs is taken
    SIZES,
    [*ONE_KEY_A_HEAD, (r"(qk_)?rope_head_dim", 8), (LAYERS, 6), *SIZES],  # of a hybrid, the fourth or fifth layer attends
    [*ONE_KEY_A_HEAD, (r"(.*_)?head_dim|d_kv|(.*_)?rank", None), (LAYERS, 6), *SIZES],  # its own heads
    [*ONE_KEY_A_HEAD, (r"hidden_size|d_model", 512), *SIZES],  # heads as large as rotary positions of three axes want them
    [(f"{LAYERS}|(.*_)?depth", 2), (r"vocab_size", VOCABULARY)],  # its own sizes, with fewer layers
]
MOST_PARAMETERS = 2**24


def tiny_config(kind: type[PreTrainedConfig], sizes: list[tuple[str, Any]] = SIZES) -> PreTrainedConfig:
    """The class's default configuration with small sizes; what it works out from them, it works out anew."""
    return kind(**changes(kind(), sizes))


def changes(config: PreTrainedConfig, sizes: list[tuple[str, Any]]) -> dict[str, Any]:
    """What to say otherwise than the default does, and so also of the configurations inside."""
    said: dict[str, Any] = {}
    for name, value in vars(config).items():
        if isinstance(value, PreTrainedConfig):
            said[name] = changes(value, sizes) | ({"model_type": value.model_type} if value.model_type else {})
        elif (name.endswith("token_id") and isinstance(value, int) and value >= VOCABULARY) or (
            re.search("image_token|video_token|audio_token|vision_(start|end)", name)
            and isinstance(value, int)
            and value >= VOCABULARY
        ):
            said[name] = EXTRA_TOKENS + len(said) % 19
        elif (size := size_of(name, value, sizes)) is not None:
            said[name] = size
    return said


def size_of(name: str, value: Any, sizes: list[tuple[str, Any]]) -> Any:
    """A small size for what a configuration calls so; None where it stays as it is."""
    if isinstance(value, bool):
        return None
    small = next((size for pattern, size in sizes if re.fullmatch(pattern, name)), None)
    if small is None or value is None:
        return None
    if isinstance(value, int):
        return small if isinstance(small, int) and value > small else None
    if isinstance(value, list | tuple) and value and all(isinstance(one, int) for one in value):
        if isinstance(small, list):
            return small
        if re.search("head", name):  # of stages, whose widths grow
            return [min(one, 2**at) for at, one in enumerate(value)]
        if small == WIDTH:
            return [16 * 2**at for at in range(len(value))]
        return [min(one, small) for one in value]
    return None


# -- inputs


def inputs_of(model: PreTrainedModel) -> list[tuple[str, Callable[[], Inputs]]]:
    """What such a model may be given, by what it is: the fullest first."""
    takes = set(inspect.signature(model.forward).parameters)
    config, found = model.config, []
    ids = _text(takes)
    for name in sorted({"grid_thw", "image_grid_thw"} & takes) if not ids else ():
        patches = {name: torch.tensor([[1, 4, 4], [1, 2, 4]])}
        channels, _, _ = _picture(config)
        size = int(_first(config, ("patch_size",), 4)) ** 2 * int(_first(config, ("temporal_patch_size",), 1)) * channels
        found += [
            ("pictures in patches", {key: numbers(24, size), **patches})
            for key in sorted({"pixel_values", "hidden_states"} & takes)
        ]
    if "pixel_values" in takes:
        pictures = {"pixel_values": numbers(2, *_picture(config))}
        if ids and (count := _features_of(model, pictures)):
            found.append(("picture and text", {**pictures, **_with(config, "image", count)}))
        if ids:
            found.append(("picture and text", {**pictures, **{k: v[:2] for k, v in ids.items()}}))
        if not ids:
            found.append(("picture", pictures))
            found.append(("video", {"pixel_values": numbers(2, 2, *_picture(config))}))
    if "input_features" in takes:
        for shape in ((2, _bins(config), 32), (2, 32, _bins(config)), (2, _bins(config), 64), (2, 1, 32, _bins(config))):
            sound = {"input_features": numbers(*shape)}
            found.append(("sound", sound if not ids else {**sound, **{k: v[:2] for k, v in ids.items() if "decoder" in k}}))
    if "input_values" in takes:
        found += [("sound", {"input_values": numbers(2, 400)}), ("sound", {"input_values": numbers(2, 1, 400)})]
        found.append(("sound", {"input_values": numbers(2, 32, _bins(config))}))
    if ids:
        found.append(("text", ids))
    if "inputs_embeds" in takes:
        found.append(("embeddings", {"inputs_embeds": numbers(2, 7, _width(config))}))
    if "hidden_states" in takes:
        found.append(("embeddings", {"hidden_states": numbers(2, 7, _width(config))}))
    for name in ("past_values", "x", "input_embeds", "tgt"):
        if name in takes:
            found.append((name, {name: numbers(2, 7, _width(config))}))
    return [(what, lambda given=given: dict(given)) for what, given in found]


def _text(takes: set[str]) -> dict[str, Tensor]:
    if "input_ids" not in takes:
        return {}
    ids = draw(3, 7)
    given = {"input_ids": ids}
    if "attention_mask" in takes:
        mask = torch.ones_like(ids)
        mask[1, :2] = 0
        given["attention_mask"] = mask
    if "decoder_input_ids" in takes:
        given["decoder_input_ids"] = draw(3, 5, seed=2)
    if "bbox" in takes:
        given["bbox"] = torch.tensor([1, 2, 3, 4]).expand(3, 7, 4)
    return given


def _with(config: PreTrainedConfig, sense: str, count: int) -> dict[str, Tensor]:
    """Two texts with so many positions for pictures."""
    token = getattr(config, f"{sense}_token_id", None) or getattr(config, f"{sense}_token_index", None)
    ids = draw(2, count + 5)
    ids[:, 2 : 2 + count] = token
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def _features_of(model: PreTrainedModel, pictures: Inputs) -> int:
    """How many positions a picture takes in the text."""
    if not hasattr(model, "get_image_features") or not hasattr(model.config, "text_config"):
        return 0
    if getattr(model.config, "image_token_id", getattr(model.config, "image_token_index", None)) is None:
        return 0
    try:
        with torch.no_grad():
            found = model.get_image_features(**pictures)
    except Exception:  # noqa: BLE001 - it wants more than a picture: the text alone is tried
        return 0
    found = getattr(found, "pooler_output", found)
    found = found[0] if isinstance(found, list | tuple) else found
    return int(found.shape[-2]) if isinstance(found, Tensor) else 0


def _parts(config: PreTrainedConfig) -> list[PreTrainedConfig]:
    return [config, *(part for part in vars(config).values() if isinstance(part, PreTrainedConfig))]


def _first(config: PreTrainedConfig, names: tuple[str, ...], default: Any) -> Any:
    found = (getattr(part, name, None) for part in _parts(config) for name in names)
    return next((one for one in found if one is not None), default)


def _picture(config: PreTrainedConfig) -> tuple[int, int, int]:
    size = _first(config, ("image_size", "img_size"), PICTURE)
    height, width = (size, size) if isinstance(size, int) else tuple(size)[-2:]
    return int(_first(config, ("num_channels", "in_channels", "in_chans"), 3)), int(height), int(width)


def _bins(config: PreTrainedConfig) -> int:
    return int(_first(config, ("num_mel_bins", "n_mels", "feature_size", "input_dim"), 8))


def _width(config: PreTrainedConfig) -> int:
    return int(_first(config, ("hidden_size", "d_model", "n_embd", "dim", "embed_dim"), WIDTH))


# -- as an entry of the zoo


class NotTriedError(Exception):
    """No model that runs came of the class's default configuration."""


def zoo_of(kind: type[PreTrainedModel]) -> tuple[str, Zoo]:
    """An entry for this class, and what its inputs are.

    Raises:
        NotTriedError: with the model's own words.
    """
    said: list[str] = []
    for sizes in VARIANTS:
        try:
            return _entry(kind, sizes)
        except NotTriedError as fault:
            said.append(str(fault))
    raise NotTriedError(said[0])


def _entry(kind: type[PreTrainedModel], sizes: list[tuple[str, Any]]) -> tuple[str, Zoo]:
    try:
        config = tiny_config(kind.config_class, sizes)
        with torch.device("meta"):
            count = sum(one.numel() for one in kind._from_config(config).parameters())
    except Exception as fault:
        raise NotTriedError(f"building it: {_words(fault)}") from fault
    if count > MOST_PARAMETERS:
        raise NotTriedError(f"building it: {count:,} parameters")

    def make(attention: str) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            config = tiny_config(kind.config_class, sizes)
            return spread_out(kind._from_config(config, attn_implementation=attention)).eval()

    try:
        model = make("eager")
    except Exception as fault:
        raise NotTriedError(f"building it: {_words(fault)}") from fault
    said = []
    for what, inputs in inputs_of(model):
        try:
            with torch.no_grad():
                model(**inputs())
        except Exception as fault:  # noqa: BLE001
            said.append(_words(fault))
            continue
        return what, Zoo(kind.__name__, make, inputs)
    raise NotTriedError(f"running it: {said[0] if said else 'its forward takes nothing that is known'}")


def _words(fault: Exception) -> str:
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()] or [""]
    return f"{type(fault).__name__}: {' '.join(lines[-2:])[-160:]}"
