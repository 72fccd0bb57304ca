"""``with regard.intervene(model, {site: replacement})``: parts of a model replaced while it runs on its own kernel."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from regard.errors import DtypeError, in_short
from regard.interventions.changes import Change
from regard.interventions.intervener import Intervener
from regard.interventions.replacements import Replacement, checked
from regard.interventions.sites import Edges, Heads, Layers, Path, Site
from regard.recording.block import once
from regard.recording.observe import observe


@once
def intervene(model: nn.Module, changes: Mapping[Site, Replacement]) -> Iterator[None]:
    """Replace parts of a model in everything that it computes inside the block.

    The model runs on its own kernel, at any length, and is left as it was found, also after an error. A part that is replaced
    by itself, or nothing, leaves the output as it is, to the bit. The order of the mapping means nothing: in each call queries,
    keys and values are replaced first, then edges are hidden, then outputs are replaced.

    Args:
        model: any model that ``record`` can record; in training, dropout changes it too.
        changes: what stands where: ``regard.interventions`` has the sites, and what may be put there.

    Raises:
        OptionError: heads, layers or places that the model has not, known when the block ends; two sites that overlap.
        RecordingError: attention whose heads, or queries and keys, are not known: ``recording.calls`` says where.

    Example:
        >>> import torch
        >>> from regard.interventions import edges, heads, hide, zero
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> model, ids = GPT2LMHeadModel(config).eval(), torch.tensor([[1, 2, 3, 4]])
        >>> with torch.no_grad(), intervene(model, {heads((0, 1), at=-1): zero(), edges(2, layers=[1]): hide()}):
        ...     changed = model(ids).logits
        >>> (changed != model(ids).logits).any(-1)
        tensor([[False, False,  True,  True]])
    """
    if not isinstance(model, nn.Module):
        raise DtypeError(f"model: expected a torch module, got {in_short(model)}")
    if not isinstance(changes, Mapping):
        raise DtypeError(
            f"changes: expected {{site: replacement}}, got {in_short(changes)}; for example {{heads((0, 3)): zero()}}"
        )
    made = [Change(checked_site(site), checked(replacement, f"changes[{site}]")) for site, replacement in changes.items()]
    intervener = Intervener(model, made)
    with observe(model, intervener):
        yield
    intervener.check_met()


def checked_site(given: Any) -> Site:
    """A site.

    Raises:
        DtypeError: it is none.
    """
    if isinstance(given, Path):
        raise DtypeError(f"site: expected one that is changed in a single run, got the path {given}; sweep(what=[path(...)])")
    if not isinstance(given, Heads | Layers | Edges):
        raise DtypeError(
            f"site: expected heads(...), layers(...) or edges(...), got {in_short(given)}; for example heads((0, 3))"
        )
    return given
