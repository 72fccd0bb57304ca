"""What a block may touch in a process, to be compared before and after it."""

import gc
import sys

import torch
import torch._dynamo.eval_frame
import transformers.modeling_flash_attention_utils as flash
from torch.nn import functional
from transformers import AttentionInterface
from transformers.generation.continuous_batching.continuous_api import ContinuousBatchingManager
from transformers.masking_utils import AttentionMaskInterface

HOOKS = (
    "_forward_hooks", "_forward_pre_hooks", "_forward_hooks_with_kwargs", "_forward_pre_hooks_with_kwargs",
    "_forward_hooks_always_called", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks",
)  # fmt: skip
FUNCTIONS = {
    functional: ("scaled_dot_product_attention", "softmax", "multi_head_attention_forward", "linear", "dropout"),
    torch: ("softmax", "matmul", "bmm", "einsum"),
    torch.Tensor: ("softmax", "matmul", "__matmul__"),
    torch.nn.Module: ("__call__", "_call_impl", "register_forward_hook"),
    flash: ("lazy_import_flash_attention", "_upad_input", "_flash_attention_forward"),
    ContinuousBatchingManager: ("add_request",),
    AttentionInterface: ("get_interface",),
}


def snapshot(*models):
    """What hangs on the models, on Transformers, on torch and on this thread."""
    state = {
        f"{getattr(place, '__name__', place)}.{name}": getattr(place, name) for place, of in FUNCTIONS.items() for name in of
    }
    state |= {
        "attention functions": dict(AttentionInterface._global_mapping),
        "mask functions": dict(AttentionMaskInterface._global_mapping),
        "block masks": sys.modules["transformers.masking_utils"].create_block_mask,
        "function modes": torch._C._len_torch_function_stack(),
        "dispatch modes": torch._C._len_torch_dispatch_stack(),
        "stance": str(torch._dynamo.eval_frame._stance),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "default type": torch.get_default_dtype(),
        "random numbers": torch.get_rng_state().numpy().tobytes(),
        "tracing": sys.getprofile(),
    }
    for number, model in enumerate(models):
        for name, part in model.named_modules():
            place = f"model {number}: {name}"
            state[place] = {hooks: dict(getattr(part, hooks)) for hooks in HOOKS}
            state[f"{place}: names"] = sorted(vars(part))
            state[f"{place}: training"] = part.training
        config = getattr(model, "config", None)
        state[f"model {number}: attention"] = getattr(config, "_attn_implementation", None)
    return state


def changed(before, *models):
    """The names of what is not as it was, once whatever nobody holds any more is gone."""
    if before == (after := snapshot(*models)):
        return []
    gc.collect()  # what an error holds, whose traceback holds it
    after = snapshot(*models)
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
