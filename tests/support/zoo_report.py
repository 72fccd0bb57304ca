"""One model of the zoo under ``regard.record``, held against what the model itself says on eager attention."""

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import fmean
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

import regard
from regard.errors import RecordingError
from regard.maps.attention_map import AttentionMap
from regard.maps.factors import Factors
from regard.recording.kinds import ATTENTION_KINDS
from regard.recording.recording import Recording
from support.model_zoo import Inputs, Zoo

FIELDS = {"encoder_attentions": "encoder", "decoder_attentions": "decoder", "cross_attentions": "cross"}


@dataclass
class Report:
    """What came of one model.

    Attributes:
        route: "sdpa" or "eager" where queries and keys are kept, "by hand" where the model's own softmax is.
        maps: how many of each kind.
        returned: how many weights of each kind the model gives back with ``output_attentions``; each is one of the maps.
        error: largest difference from the model's own weights, in float32.
        half_error: largest difference from the float64 softmax of the queries and keys of the model in bfloat16.
        same_output: whether recording changed no bit of what the model returns.
        peak: how far maps are from uniform: the mean of the rows' largest weights, times the keys.
    """

    name: str
    route: str
    maps: dict[str, int]
    returned: dict[str, int]
    error: float
    half_error: float | None
    same_output: bool
    peak: float


def report(zoo: Zoo, half: bool = True) -> Report:
    """Record the model on SDPA where it has that, and compare each map with the weights of the same model on eager.

    Raises:
        AssertionError: maps are missing, too many, or of another shape or kind than the model's own weights.
        RegardError: the recorder refuses the model.
    """
    attention, model = built(zoo)
    inputs = zoo.inputs()
    plain = run(model, inputs)
    with regard.record(model) as recording:
        recorded = run(model, inputs)
    own, output = own_weights(zoo.make("eager"), inputs)
    kinds = [str(amap.kind) for amap in recording.maps]
    routes = {attention if amap.factors is not None else "by hand" for amap in recording.maps}
    return Report(
        zoo.name,
        " and ".join(sorted(routes, reverse=True)),
        {kind: kinds.count(kind) for kind in ATTENTION_KINDS if kind in kinds},
        check_kinds(recording, output, inputs),
        largest_error(recording, own, inputs),
        half_precision(model, inputs) if half and attention in routes else None,
        all(torch.equal(one, other) for one, other in zip(tensors(plain), tensors(recorded), strict=True)),
        fmean(float(amap.dense().amax(-1).mean()) * amap.shape[3] for amap in recording.maps),
    )


def kept_in_part(zoo: Zoo) -> tuple[dict[str, int], set[str]]:
    """How many maps of each kind a recording has, and the kinds of what it says that it could not keep."""
    _, model = built(zoo)
    try:
        with regard.record(model) as recording:
            run(model, zoo.inputs())
    except RecordingError:
        return {}, {"all"}
    kinds = [str(amap.kind) for amap in recording.maps]
    counts = {kind: kinds.count(kind) for kind in ATTENTION_KINDS if kind in kinds}
    return counts, {str(call.kind) for call in recording.calls if call.layer is None}


def run(model: nn.Module, inputs: Inputs, **options: bool) -> object:
    """One pass; some models draw random numbers even then, the same ones each time."""
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        return model(**inputs, **options)


def built(zoo: Zoo) -> tuple[str, nn.Module]:
    """The model on SDPA, or on eager attention where its class has no other."""
    try:
        return "sdpa", zoo.make("sdpa")
    except ValueError as refusal:
        if "scaled_dot_product_attention" not in str(refusal):
            raise
        return "eager", zoo.make("eager")


# -- what maps are compared with


class Witness(TorchFunctionMode):
    """The weights that a model on eager attention makes, by module: told by its own functions, not by the recorder.

    They come from ``eager_attention_forward`` of the model's file, from PyTorch's multi-head attention, which is asked for
    them, and from every softmax that runs outside of these two.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.weights: dict[str, list[Tensor]] = {}
        self.running: list[str] = []
        for name, part in model.named_modules():
            if "Softmax" not in type(part).__name__:  # it is run by the attention that it belongs to
                part.register_forward_pre_hook(lambda *_, name=name: self.running.append(name))
                part.register_forward_hook(self.leave)

    def leave(self, *_) -> None:
        self.running.pop()

    def add(self, weights: Tensor) -> None:
        self.weights.setdefault(self.running[-1], []).append(weights)

    def __torch_function__(self, function, types, args=(), options=None):
        options = options or {}
        if function is functional.multi_head_attention_forward:
            asked = {"need_weights": True, "average_attn_weights": False}
            self.add(function(*args, **options | asked)[1])
        result = function(*args, **options)
        if function is functional.scaled_dot_product_attention:
            self.add(fused_weights(*args, **options))
        if function in (functional.softmax, torch.softmax, Tensor.softmax) and self.running:
            axis = args[1] if len(args) > 1 else options["dim"]
            if axis in (-1, result.ndim - 1):
                self.add(result)
        return result

    def eager(self, attention):
        """An ``eager_attention_forward`` that tells its weights."""

        def wrapped(*args, **options):
            with torch._C.DisableTorchFunction():
                result = attention(*args, **options)
            self.add(result[1])
            return result

        return wrapped


def fused_weights(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, **_):
    """The weights of one call of PyTorch's fused attention: its output for values that are the identity."""
    values = torch.eye(key.shape[-2], dtype=value.dtype).expand(*key.shape[:-1], -1)
    return functional.scaled_dot_product_attention(query, key, values, attn_mask, dropout_p, is_causal, scale=scale)


def own_weights(model: nn.Module, inputs: Inputs) -> tuple[dict[str, list[Tensor]], object]:
    """The model's weights by module, and its output with the weights that it returns."""
    witness, eager = Witness(model), "eager_attention_forward"
    with ExitStack() as stack:
        for name, file in list(sys.modules.items()):
            if name.startswith("transformers.models.") and eager in vars(file):
                stack.enter_context(mock.patch.object(file, eager, witness.eager(getattr(file, eager))))
        stack.enter_context(witness)
        return witness.weights, run(model, inputs, output_attentions=True)


def largest_error(recording: Recording, own: dict[str, list[Tensor]], inputs: Inputs) -> float:
    """Every map against the weights that its module made."""
    by_module: dict[str, list[AttentionMap]] = {}
    for amap in recording.maps:
        by_module.setdefault(str(amap.name), []).append(amap)
    errors = []
    for name, maps in by_module.items():
        calls = [call for call in recording.calls if call.name == name and call.layer is not None]
        weights = list(own.get(name, []))
        without = len(weights) - len(calls)  # those of routers inside are not among the module's own
        assert 0 <= without <= missed(recording, name), (name, [tuple(weight.shape) for weight in weights])
        for amap in maps:  # in any order: a model may make two softmaxes before it uses the first
            alike = [at for at, weight in enumerate(weights) if math.prod(amap.shape) == weight.numel()]
            assert alike, (name, amap.shape, [tuple(weight.shape) for weight in weights])
            apart = {at: difference(amap, weights[at], inputs) for at in alike}
            nearest = min(alike, key=lambda at: apart[at])
            errors.append(apart[nearest])
            del weights[nearest]
    return max(errors)


def missed(recording: Recording, name: str) -> int:
    """How many softmaxes of a module have no map, as the recording says."""
    return sum(call.name == name and call.layer is None for call in recording.calls)


def check_kinds(recording: Recording, output: Mapping[str, object], inputs: Inputs) -> dict[str, int]:
    """How many weights the model returns: each is looked for, in order, among the maps of the kind that its field names."""
    kinds = {str(amap.kind) for amap in recording.maps}
    fields = {field: {kind} for field, kind in FIELDS.items()}
    fields["attentions"] = {"self" if "self" in kinds else "decoder", "cross"}  # some models put both here
    told = {}
    for field, wanted in fields.items():
        returned = [weight for weight in output.get(field) or () if is_weights(weight)]
        maps = iter([amap for amap in recording.maps if amap.kind in wanted])
        for at, weights in enumerate(returned):
            alike = (amap.shape == weights.shape and difference(amap, weights, inputs) < 1e-4 for amap in maps)
            assert any(alike), f"{field}[{at}] {tuple(weights.shape)} is none of the {' or '.join(wanted)} maps"
        if returned:
            told[field] = len(returned)
    return told


def is_weights(returned: object) -> bool:
    """Whether these are weights of every head: SqueezeBERT returns scores under that name, WavLM one mean for all heads."""
    if not isinstance(returned, Tensor) or returned.ndim != 4:
        return False
    return bool((returned >= 0).all()) and (returned.shape[1] == 1 or returned.stride(1) > 0)


def real_rows(amap: AttentionMap, inputs: Inputs) -> Tensor:
    """(batch, queries): all rows but those of padding, which eager attention spreads evenly and SDPA leaves empty."""
    rows = torch.ones(amap.shape[0], amap.shape[2], dtype=torch.bool)
    mask = inputs.get("attention_mask")
    reads_mask = amap.kind in ("encoder", "self") or not any("decoder" in name for name in inputs)
    return mask.bool() if reads_mask and mask is not None and mask.shape == rows.shape else rows


def difference(amap: AttentionMap, weights: Tensor, inputs: Inputs) -> float:
    found, own = amap.dense().double(), weights.reshape(amap.shape).double()
    apart = (found - own).abs()
    apart[(found.sum(-1) == 0) & (own.amax(-1) == own.amin(-1))] = 0  # a row that sees nothing, which eager spreads evenly
    apart = apart.transpose(1, 2)[real_rows(amap, inputs)]
    assert apart.numel(), f"{amap.name}: no row to compare"
    return float(apart.max())


# -- half precision


def half_precision(model: nn.Module, inputs: Inputs) -> float | None:
    """Largest difference of a bfloat16 model's maps from the float64 softmax of what was kept; None without factors."""
    small = {name: value.bfloat16() if value.is_floating_point() else value for name, value in inputs.items()}
    model = model.bfloat16()
    with regard.record(model) as recording:
        run(model, small)
    apart = [
        float((amap.dense().double() - softmax64(amap.factors)).abs().max())
        for amap in recording.maps
        if amap.factors is not None
    ]
    return max(apart, default=None)


def softmax64(kept: Factors) -> Tensor:
    """Weights as the definition has them, in float64."""
    batch, heads, queries, keys = kept.shape
    key = kept.key.double().repeat_interleave(heads // kept.key.shape[1], 1)
    scores = torch.einsum("bhqd,bhkd->bhqk", kept.query.double(), key) * kept.scale
    if kept.softcap is not None:
        scores = kept.softcap * torch.tanh(scores / kept.softcap)
    if kept.bias is not None:
        scores = scores + kept.bias.double()
    if kept.mask is not None:
        axes = [torch.arange(size).view([-1 if at == axis else 1 for at in range(4)]) for axis, size in enumerate(kept.shape)]
        scores = scores.masked_fill(~kept.mask(*axes), -torch.inf)
    if kept.sinks is not None:
        sinks = kept.sinks.double().view(1, heads, 1, 1).expand(batch, heads, queries, 1)
        scores = torch.cat([scores, sinks], -1)
    return torch.softmax(scores, -1).nan_to_num(0)[..., :keys]


def tensors(output: object) -> Iterator[Tensor]:
    """Every tensor in what a model returned."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        for part in output.values():
            yield from tensors(part)
    elif isinstance(output, (tuple, list)):
        for part in output:
            yield from tensors(part)
