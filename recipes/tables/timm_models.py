"""Models of timm: one of each file that attends, and one of each variant of its attention. A part of table_of_libraries.py."""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
from collections.abc import Iterable
from functools import partial
from typing import Any

import timm
import torch
from torch import nn

from own_runs import Entry

NAMES = """
vit_tiny_patch16_224 vit_medium_patch16_reg4_gap_256 vit_base_patch16_siglip_224 vit_base_patch16_rope_224
vit_base_patch16_rope_mixed_224 vit_tiny_patch16_dinov3_qkvb vit_pe_core_tiny_patch16_384
vit_pe_spatial_tiny_patch16_512 vit_small_patch14_reg4_dinov2 vit_base_patch16_clip_224 vit_so150m_patch16_reg4_map_256
vit_dlittle_patch16_reg1_gap_256 vit_base_patch16_xp_224 vit_tiny_r_s16_p8_224 vit_relpos_small_patch16_224
vit_relpos_small_patch16_rpn_224 vit_srelpos_small_patch16_224 samvit_base_patch16_224 vitamin_small_224 flexivit_small
aimv2_large_patch14_224 deit_tiny_distilled_patch16_224 deit3_small_patch16_224 beit_base_patch16_224
beit3_base_patch16_224 eva02_tiny_patch14_224 eva_giant_patch14_224 eva02_base_patch16_clip_224
naflexvit_base_patch16_gap naflexvit_base_patch16_map naflexvit_base_patch16_par_gap naflexvit_base_patch16_parfac_gap
naflexvit_base_patch16_siglip cait_xxs24_224 xcit_nano_12_p16_224 coat_tiny coat_lite_tiny convit_tiny crossvit_9_240
csatv2 cpubone_nano davit_tiny deepseek_vit_412m edgenext_xx_small efficientformer_l1 efficientformerv2_s0
efficientvit_b0 efficientvit_l1 efficientvit_m0 efficientvim_m1 fastvit_t8 fastvit_sa12 fastvit_mci0 gcvit_xxtiny
gemma4_vit_167m hiera_tiny_224 hiera_small_abswin_256 sam2_hiera_tiny hieradet_small iformer_t levit_128s
levit_conv_128s lowformer_b0 maxvit_pico_rw_256 maxvit_rmlp_pico_rw_256 maxvit_tiny_tf_224 maxxvit_rmlp_nano_rw_256
coatnet_0_224 coatnet_pico_rw_224 coatnext_nano_rw_224 caformer_s18 mobilevit_xxs mobilevitv2_050 mvitv2_tiny
mvitv2_small_cls nest_tiny nextvit_small pit_ti_224 pit_ti_distilled_224 pvt_v2_b0 pvt_v2_b2_li qwen3_vit_88m
qwen3_vit_88m_merge shvit_s1 swiftformer_xs swin_tiny_patch4_window7_224 swin_s3_tiny_224 swinv2_tiny_window8_256
swinv2_cr_tiny_224 tiny_vit_5m_224 tnt_s_patch16_224 tnt_s_legacy_patch16_224 twins_pcpvt_small twins_svt_small
visformer_tiny volo_d1_224 mobilenetv4_hybrid_medium botnet26t_256 halonet26t lambda_resnet26t lambda_resnet26rpt_256
resnet50_clip resnest14d skresnet18 gcresnet33ts
""".split()  # noqa: SIM905 - a hundred names

SMALLER: tuple[dict[str, Any], ...] = (
    {"depth": 2, "img_size": 112},
    {"depth": 2},
    {"depths": (1, 1, 1, 1)},
    {"depth": (1, 1, 1)},
    {},
)
"""What a model is built with: the first with which it runs."""

ATTENDS = re.compile(r"\bsoftmax\(|scaled_dot_product_attention|MultiheadAttention|AttentionPool")


def entries() -> list[Entry]:
    """These, and those files of timm that compute a softmax or attend and are not among them."""
    models = [Entry(name, partial(make, name), run, STRANGE.get(name, "")) for name in NAMES if timm.is_model(name)]
    files = {timm.models._registry._model_to_module[one.name] for one in models}
    left = [
        Entry(f"{module}.py", partial(make, ""), run, "none of its models is listed")
        for module in timm.list_modules()
        if module not in files and ATTENDS.search(inspect.getsource(sys.modules[f"timm.models.{module}"]))
    ]
    return models + left


STRANGE = {"csatv2": "its softmax is over the items of the batch: q and k of (batch, positions), and q @ k.mT"}
"""What is not tried, and why."""

SMALL = 128
"""Pixels of a picture, for models that take any: a quarter of the patches of the usual one, and a sixteenth of the work."""

REFUSED = (TypeError, ValueError, AssertionError, IndexError, RuntimeError)
"""What timm raises for options and pictures that a model does not take."""


def make(name: str) -> nn.Module:
    for options in SMALLER:
        try:
            with torch.random.fork_rng():
                model = timm.create_model(name, **options).eval()
                usual = options.get("img_size", model.default_cfg["input_size"][-1])
                model.seen = smallest(model, dict.fromkeys((min(SMALL, usual), usual)))
                return model
        except REFUSED:
            if not options:
                raise
    raise ValueError(name)


def smallest(model: nn.Module, sizes: Iterable[int]) -> int:
    """The first of these sizes of a picture that the model takes."""
    *others, last = sizes
    for size in others:
        with contextlib.suppress(*REFUSED), torch.no_grad():
            model(torch.randn(2, 3, size, size))
            return size
    with torch.no_grad():
        model(torch.randn(2, 3, last, last))
    return last


def run(model: Any) -> object:
    return model(torch.randn(2, 3, model.seen, model.seen))
