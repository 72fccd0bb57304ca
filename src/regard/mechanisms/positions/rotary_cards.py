"""Cards of rotary positions: queries and keys are turned by where they stand."""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from regard.mechanisms.card import (
    FULL_PRODUCTS,
    KEYS_AND_VALUES,
    NOTHING,
    Beside,
    Card,
    Kept,
    MapArguments,
    Step,
    appended,
    nothing,
)
from regard.mechanisms.positions.rotary import rotary_half, rotary_interleaved
from regard.mechanisms.positions.rotary_places import axial_rotary, multimodal_rotary, partial_rotary
from regard.mechanisms.positions.stretched_rotary import (
    interpolated_frequencies,
    ntk_frequencies,
    rotary_at,
    yarn_frequencies,
    yarn_temperature,
)
from regard.mechanisms.positions.xpos import xpos
from regard.mechanisms.softmax_attention import attention

FACTOR = 4  # the example is four times as long as a text of training would have been
TRAINED = 256
SPAN = 4  # of xPos, as short as the example
IMAGE_START, IMAGE_ROWS, IMAGE_COLUMNS = 3, 2, 4


def _rotary(turn: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], MapArguments]:
    def factors(query: Tensor, key: Tensor) -> MapArguments:
        return {"query": turn(query, start=key.shape[2] - query.shape[2]), "key": turn(key)}

    return factors


def _rotary_step(turn: Callable[..., Tensor], sharper: float = 1.0) -> Step:
    """Keys are kept as they were turned; the new ones are turned by the place that comes next."""

    def step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
        keys, values = kept
        place, scale = keys.shape[2], sharper / math.sqrt(key.shape[3])
        turned = turn(query, start=place), appended(keys, turn(key, start=place))
        return attention(*turned, appended(values, value), scale=scale)[0]

    return step


def _stretched(frequencies: Callable[[int, float], Tensor]) -> Callable[..., Tensor]:
    """Turns as fast as this function of dim and factor says."""

    def turn(x: Tensor, *, start: int = 0) -> Tensor:
        return rotary_at(x, frequencies(x.shape[-1], FACTOR), start=start)

    return turn


_interpolated, _ntk = _stretched(interpolated_frequencies), _stretched(ntk_frequencies)
_yarn = _stretched(partial(yarn_frequencies, trained=TRAINED))
_SHARPER = yarn_temperature(FACTOR) ** 2


def _beside_rotary(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """What the larger base does to the weights of rotary positions."""
    slower, plain = (attention(turn(query), turn(key), value)[1] for turn in (_ntk, rotary_half))
    return slower - plain


def _yarn_factors(query: Tensor, key: Tensor) -> MapArguments:
    return _rotary(_yarn)(query, key) | {"scale": _SHARPER / math.sqrt(key.shape[3])}


def _xpos_factors(query: Tensor, key: Tensor) -> MapArguments:
    asked = xpos(query, "query", start=key.shape[2] - query.shape[2], span=SPAN)
    return {"query": asked, "key": xpos(key, "key", span=SPAN), "causal": True}


def _xpos_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    keys, values = kept
    place = keys.shape[2]
    asked, held = xpos(query, "query", start=place, span=SPAN), appended(keys, xpos(key, "key", start=place, span=SPAN))
    return attention(asked, held, appended(values, value))[0]


def _half_of_channels(x: Tensor, *, start: int = 0) -> Tensor:
    return partial_rotary(x, max(2, x.shape[-1] // 4 * 2), start=start)


def _axial_factors(query: Tensor, key: Tensor) -> MapArguments:
    """The tokens as a square picture, row by row; with few rows and columns, a base of 100."""
    index = torch.arange(key.shape[2])
    side = math.isqrt(key.shape[2])
    places = torch.stack([index // side, index % side], dim=1)  # (patches, 2)
    turned = _in_two_dimensions(query, places[-query.shape[2] :]), _in_two_dimensions(key, places)
    return dict(zip(("query", "key"), turned, strict=True))


def _in_two_dimensions(x: Tensor, places: Tensor) -> Tensor:
    """Of an odd number of pairs the last stays as it is."""
    even = x.shape[-1] // 4 * 4
    return torch.cat([axial_rotary(x[..., :even], places, base=100), x[..., even:]], dim=-1) if even else x


def _multimodal(x: Tensor, *, start: int = 0) -> Tensor:
    """Three words, a picture of two rows and four columns, and words again; half of the pairs for time, a quarter a side."""
    index = torch.arange(start, start + x.shape[2])
    patch = index - IMAGE_START
    inside = (patch >= 0) & (patch < IMAGE_ROWS * IMAGE_COLUMNS)
    row, column = patch // IMAGE_COLUMNS, patch % IMAGE_COLUMNS
    word = index - (patch >= 0) * (IMAGE_ROWS * IMAGE_COLUMNS - max(IMAGE_ROWS, IMAGE_COLUMNS))
    image = torch.stack([torch.zeros_like(row), row, column], dim=1) + IMAGE_START
    places = torch.where(inside[:, None], image, word[:, None])  # (positions, 3)
    pairs = x.shape[-1] // 2
    return multimodal_rotary(x, places, [pairs - 2 * (pairs // 4), pairs // 4, pairs // 4])


CARDS = (
    Card(
        name="rotary-half",
        title="Rotary positions (RoPE), half-split pairs",
        also=("RoPE", "rotary embedding", "rotate_half"),
        family="positions",
        formula="score_ij = (R_i q_i) · (R_j k_j) / √dim; R_p turns channels (c, c + dim/2) by p · base^(−2c/dim)",
        latex=r"s_{ij} = \frac{(R_i q_i)^\top (R_j k_j)}{\sqrt{d}} = \frac{q_i^\top R_{j-i} k_j}{\sqrt{d}},\quad"
        r" (R_p x)_{c} = x_{c} \cos p\omega_c - x_{c + d/2} \sin p\omega_c,"
        r"\ (R_p x)_{c + d/2} = x_{c} \sin p\omega_c + x_{c + d/2} \cos p\omega_c",
        symbols="the paper pairs neighbouring channels; our base^(−2c/dim) is their θ_c",
        paper="Su et al. 2021, RoFormer: Enhanced Transformer with Rotary Position Embedding, arXiv:2104.09864, section 3.2.2",
        year=2021,
        change="Queries and keys are turned by their position, so that their product knows the distance: no bias, no table.",
        use="GPT-NeoX, Qwen, Gemma; Llama and Mistral as Transformers runs them, whose authors' own code pairs neighbours.",
        wins="Long-context decoding: any kernel will do, a cache keeps turned keys, and a larger base stretches it.",
        loses="Lengths beyond training without a change of base: slow channels reach angles that were never seen.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="positions.rotary.rotary_half",
        factors=_rotary(rotary_half),
        kept=lambda _, key, value: (rotary_half(key), value),
        step_function=_rotary_step(rotary_half),
    ),
    Card(
        name="rotary-interleaved",
        title="Rotary positions (RoPE), neighbouring pairs",
        also=("RoPE", "rotary embedding"),
        family="positions",
        formula="score_ij = (R_i q_i) · (R_j k_j) / √dim; R_p turns channels (2c, 2c + 1) by p · base^(−2c/dim)",
        latex=r"s_{ij} = \frac{(R_i q_i)^\top (R_j k_j)}{\sqrt{d}} = \frac{q_i^\top R_{j-i} k_j}{\sqrt{d}},\quad"
        r" (R_p x)_{2c} = x_{2c} \cos p\omega_c - x_{2c + 1} \sin p\omega_c,"
        r"\ (R_p x)_{2c + 1} = x_{2c} \sin p\omega_c + x_{2c + 1} \cos p\omega_c",
        symbols="our base^(−2c/dim) is their θ",
        paper="Su et al. 2021, RoFormer: Enhanced Transformer with Rotary Position Embedding, arXiv:2104.09864, section 3.2.2",
        year=2021,
        change="The paper's own pairing. It is the half-split one with channels reordered, and equal once weights are as well.",
        use="RoFormer, GPT-J, Cohere's Command R; Llama and Mistral in their authors' own code.",
        wins="Running Llama from the files that Meta published: no row of W_Q and W_K has to be moved.",
        loses="Turning long prompts on vector units: neighbours are picked apart and put back; halves are two plain slices.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="positions.rotary.rotary_interleaved",
        factors=_rotary(rotary_interleaved),
        kept=lambda _, key, value: (rotary_interleaved(key), value),
        step_function=_rotary_step(rotary_interleaved),
    ),
    Card(
        name="xpos",
        title="Rotary positions that fade (xPos)",
        also=("extrapolatable position embedding", "length-extrapolatable transformer"),
        family="positions",
        formula="score_ij = Σ_c ζ_c^((i−j)/span) · (R_i q_i)_c · (R_j k_j)_c / √dim for j ≤ i, with ζ_c = (2c/dim + 0.4) / 1.4",
        latex=r"s_{ij} = \frac{1}{\sqrt{d}} \operatorname{Re} \sum_{c} \zeta_c^{(i-j)/B} e^{\mathrm{i} (i-j) \omega_c}"
        r" q_{ic} \bar{k}_{jc},\quad \zeta_c = \frac{2c/d + 0.4}{1.4},\quad j \le i",
        symbols=f"our span is B in the formula and scale_base in the authors' code, 512 there and {SPAN} here; pairs of "
        "channels are complex numbers in the formula",
        paper="Sun et al. 2022, A Length-Extrapolatable Transformer, arXiv:2212.10554",
        year=2022,
        change="Each pair of channels fades with distance, the fast ones first, where rotary scores swing on for ever.",
        use="The models of the paper; retention is it with one decay for each head, RetNet's.",
        wins="Texts longer than those of training: far scores no longer swing to where no training had them.",
        loses="Encoders, as scores of keys ahead grow; and very long texts, whose keys must be counted from another place.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="positions.xpos.xpos",
        factors=_xpos_factors,
        kept=lambda _, key, value: (xpos(key, "key", span=SPAN), value),
        step_function=_xpos_step,
        causal=True,
    ),
    Card(
        name="position-interpolation",
        title="Position interpolation (PI)",
        family="positions",
        formula="rotary positions with p / factor in place of p: channels (c, c + dim/2) turn by p · base^(−2c/dim) / factor",
        latex=r"s_{ij} = \frac{q_i^\top R_{(j-i)/f}\, k_j}{\sqrt{d}},\quad f = L' / L",
        symbols="our factor is their L′ / L, how many times as long the text may be as those of training; here 4",
        paper="Chen et al. 2023, Extending Context Window of Large Language Models via Positional Interpolation, "
        "arXiv:2306.15595, section 2",
        year=2023,
        change="A longer text is squeezed into the positions of training: no angle is new, and a short training goes on from "
        "it.",
        use="The first Llamas of 32,768 tokens; `rope_type: linear` in configurations, as in Gemma 3's layers that see all.",
        wins="A text a few times as long as those of training, where the model is trained on for some hundred steps.",
        loses="Neighbours: a step is now factor times smaller, and what told one word from the next is blurred.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="positions.stretched_rotary.interpolated_frequencies",
        factors=_rotary(_interpolated),
        kept=lambda _, key, value: (_interpolated(key), value),
        step_function=_rotary_step(_interpolated),
        also=("PI", "linear RoPE scaling", "context extension"),
    ),
    Card(
        name="ntk-aware",
        title="NTK-aware rotary positions",
        family="positions",
        formula="rotary positions with base · factor^(dim/(dim−2)) in place of base: the slowest pair is slower by factor, "
        "the fastest is not",
        latex=r"\omega_c = \left(b\, f^{\,d/(d-2)}\right)^{-2c/d}",
        symbols="our factor is their s, our base their b, our dim their |D|; here factor = 4",
        paper="bloc97 2023, on r/LocalLLaMA; written up by Peng et al. 2023, YaRN: Efficient Context Window Extension of Large "
        "Language Models, arXiv:2309.00071, section 3.1",
        year=2023,
        change="A larger base in place of smaller positions: fast pairs still tell neighbours apart, slow ones stay in known "
        "angles.",
        use="Code Llama and later models are trained on with a base of a million; `rope_type: dynamic`, with the text's own "
        "factor.",
        wins="Reading some times the trained length without any training, better than interpolation does.",
        loses="Being trained on to the very end: pairs in the middle still leave their angles, so factor must be set too "
        "large.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="positions.stretched_rotary.ntk_frequencies",
        factors=_rotary(_ntk),
        kept=lambda _, key, value: (_ntk(key), value),
        step_function=_rotary_step(_ntk),
        beside=Beside("minus the weights of rotary positions", _beside_rotary),
        also=("NTK", "NTK-aware scaling", "dynamic NTK", "base change", "context extension"),
    ),
    Card(
        name="yarn",
        title="YaRN",
        family="positions",
        formula="score_ij = (0.1 ln factor + 1)² (R_i q_i) · (R_j k_j) / √dim; pair c turns by (1 − γ_c) ω_c / factor + γ_c "
        "ω_c a "
        "position, γ from 1 (fast) to 0 (slow)",
        latex=r"s_{ij} = (0.1 \ln f + 1)^2\, \frac{q_i^\top R_{j-i}\, k_j}{\sqrt{d}},\quad "
        r"\omega'_c = (1 - \gamma_c)\, \omega_c / f + \gamma_c\, \omega_c",
        symbols="our factor is their s, our slow and fast their α and β, 0.1 ln factor + 1 their √(1/t); here factor = 4 and a "
        "text of training had 256 tokens",
        paper="Peng et al. 2023, YaRN: Efficient Context Window Extension of Large Language Models, arXiv:2309.00071, "
        "sections 3.2 to 3.4",
        year=2023,
        change="Fast pairs stay, slow ones are interpolated, those between in part; and scores are sharpened, as rows are "
        "longer.",
        use="DeepSeek-V3, from 4,096 tokens to 131,072; gpt-oss; Qwen3 beyond 32,768. Llama 3.1 has the ramp without the rest.",
        wins="Ten or more times the trained length with little training, and short texts stay nearly as good.",
        loses="A single setting for all: with a fixed factor the scores of short texts are sharpened too.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="positions.stretched_rotary.yarn_frequencies",
        factors=_yarn_factors,
        kept=lambda _, key, value: (_yarn(key), value),
        step_function=_rotary_step(_yarn, _SHARPER),
        also=("NTK-by-parts", "rope_scaling", "temperature of attention", "context extension"),
    ),
    Card(
        name="partial-rotary",
        title="Partial rotary positions",
        family="positions",
        formula="score_ij = ((R_i q_i)[:r] · (R_j k_j)[:r] + q_i[r:] · k_j[r:]) / √dim: only the first r channels turn, here "
        "r = dim/2",
        latex=r"s_{ij} = \frac{q_{i,<r}^\top R_{j-i}\, k_{j,<r} + q_{i,\ge r}^\top k_{j,\ge r}}{\sqrt{d}}",
        symbols="our r is rotary_dim, or partial_rotary_factor · dim, in configurations",
        paper="Black et al. 2022, GPT-NeoX-20B: An Open-Source Autoregressive Language Model, arXiv:2204.06745",
        year=2022,
        change="Some channels know the distance and others do not: what matches by content alone is not turned away.",
        use="GPT-NeoX and Qwen3-Next turn a quarter, GPT-J a quarter, Phi-2 two fifths, GLM-4 half; DeepSeek's latent "
        "attention "
        "has channels apart for it.",
        wins="Finding a word wherever it stands: channels without position score it alike at any distance.",
        loses="Very narrow heads, where few channels are left to tell places apart.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="positions.rotary_places.partial_rotary",
        factors=_rotary(_half_of_channels),
        kept=lambda _, key, value: (_half_of_channels(key), value),
        step_function=_rotary_step(_half_of_channels),
        also=("rotary_pct", "rotary_dim", "decoupled RoPE", "partial RoPE"),
    ),
    Card(
        name="axial-rotary",
        title="Rotary positions in two dimensions",
        family="positions",
        formula="score_ij = (R_i q_i) · (R_j k_j) / √dim; half of the pairs turn by row · ω_c, half by column · ω_c, with "
        "ω_c = base^(−4c/dim)",
        latex=r"s_{ij} = \frac{q_i^\top \left(R_{\mathrm{row}_j - \mathrm{row}_i} \oplus "
        r"R_{\mathrm{col}_j - \mathrm{col}_i}\right) k_j}{\sqrt{d}}",
        symbols="our base^(−4c/dim) is their θ_t; here the tokens are a square, row by row, and base = 100 as in the paper",
        paper="Heo et al. 2024, Rotary Position Embedding for Vision Transformer, arXiv:2403.13298",
        year=2024,
        change="A patch has two places, and each turns channels of its own: scores know how far down and how far across.",
        use="The vision towers of Qwen2-VL, Qwen2.5-VL and Pixtral; EVA-02; Llama 4's.",
        wins="Pictures of other sizes than those of training: distances are those that were seen, and no table is resized.",
        loses="Directions that are neither down nor across: the two parts of a score are only added (mixed, learned angles do "
        "more).",
        flops=FULL_PRODUCTS,
        cache_per_token=NOTHING,
        state=NOTHING,
        code="positions.rotary_places.axial_rotary",
        factors=_axial_factors,
        kept=nothing,
        also=("2-D RoPE", "2D RoPE", "RoPE for images", "vision RoPE"),
    ),
    Card(
        name="multimodal-rotary",
        title="Multimodal rotary positions (M-RoPE)",
        family="positions",
        formula="score_ij = (R_i q_i) · (R_j k_j) / √dim; a position has a time, a height and a width, and each turns a "
        "section of "
        "the pairs",
        latex=r"s_{ij} = \frac{q_i^\top \left(R_{t_j - t_i} \oplus R_{h_j - h_i} \oplus R_{w_j - w_i}\right) k_j}{\sqrt{d}}",
        symbols="here three words, a picture of two rows and four columns, and words again",
        leaves_out="Qwen3-VL's order, in which the sections take turns pair by pair",
        paper="Wang et al. 2024, Qwen2-VL: Enhancing Vision-Language Model's Perception of the World at Any Resolution, "
        "arXiv:2409.12191, section 2.1",
        year=2024,
        change="Words, patches and frames in one row: a picture takes as many positions as its longer side, not as it has "
        "patches.",
        use="Qwen2-VL, Qwen2.5-VL, Qwen2.5-Omni; GLM-4.1V.",
        wins="Long films and many pictures beside text: positions grow slowly, so fewer of them were never seen in training.",
        loses="Text alone, where all three numbers are the same and sections only cost care.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="positions.rotary_places.multimodal_rotary",
        factors=_rotary(_multimodal),
        kept=lambda _, key, value: (_multimodal(key), value),
        step_function=_rotary_step(_multimodal),
        also=("M-RoPE", "MRoPE", "3-D RoPE"),
    ),
)
