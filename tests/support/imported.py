"""What programs need that tests fork: imported once, by the process that they are forked from."""

import torch
import transformers.models.gpt2.modeling_gpt2
import transformers.models.llama.modeling_llama

import regard

PUBLIC = [getattr(regard, name) for name in ("AttentionMap", "attention_flow", "load", "record", "rollout", "survey")]

torch.set_num_threads(1)
__all__ = ["PUBLIC", "torch", "transformers"]
