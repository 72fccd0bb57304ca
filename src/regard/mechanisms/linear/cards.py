"""Cards of mechanisms with a state: what earlier tokens left, in a matrix of fixed size."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize, softplus

from regard.mechanisms.card import NOTHING, Card, Cost, Kept, Step, learned
from regard.mechanisms.linear.delta_rule import delta_rule_parallel, delta_rule_recurrent
from regard.mechanisms.linear.gated_delta_rule import gated_delta_parallel, gated_delta_recurrent
from regard.mechanisms.linear.gated_linear_attention import gated_linear_parallel, gated_linear_recurrent
from regard.mechanisms.linear.kimi_delta import kimi_delta_parallel, kimi_delta_recurrent
from regard.mechanisms.linear.linear_attention import LinearState, linear_attention_parallel, linear_attention_recurrent
from regard.mechanisms.linear.random_features import orthogonal_projection, performer_parallel, performer_recurrent
from regard.mechanisms.linear.retention import retention_parallel, retention_recurrent
from regard.mechanisms.linear.state_space_duality import state_space_parallel, state_space_recurrent

Recurrence = Callable[..., tuple[Tensor, Any]]
"""Of query, key, value and the state before them: their outputs, and the state after them."""

_FEATURES = 64

STATE = Cost("heads·dim·value_dim·itemsize", lambda s: s.heads * s.dim * s.value_dim * s.itemsize)
WRITE_AND_READ = Cost(
    "4·heads·keys·dim·value_dim: each step writes a key and a value, and reads with a query; the fading of the state is no "
    "matrix product",
    lambda s: 4 * s.heads * s.keys * s.dim * s.value_dim,
)
READ_WRITE_AND_READ = Cost(
    "6·heads·keys·dim·value_dim: each step reads with its key, writes the difference, and reads with its query",
    lambda s: 6 * s.heads * s.keys * s.dim * s.value_dim,
)


def _state_after(steps: Recurrence) -> Callable[[Tensor, Tensor, Tensor], Kept]:
    """What is kept: the state that these tokens leave."""

    def kept(query: Tensor, key: Tensor, value: Tensor) -> Kept:
        state = steps(query, key, value)[1]
        return state if isinstance(state, tuple) else (state,)

    return kept


def _one_step(steps: Recurrence) -> Step:
    """One more token: the same steps, from the state that is kept."""

    def step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
        return steps(query, key, value, state=kept[0] if len(kept) == 1 else LinearState(*kept))[0]

    return step


def _directions(query: Tensor) -> Tensor:
    return orthogonal_projection(_FEATURES, query.shape[-1]).to(query)


def _performer(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    return performer_parallel(query, key, value, _directions(query), causal=True)


def _performer_steps(query: Tensor, key: Tensor, value: Tensor, state: LinearState | None = None) -> tuple[Tensor, LinearState]:
    return performer_recurrent(query, key, value, _directions(query), state=state)


def _number(key: Tensor, seed: int) -> Tensor:
    """One number a step, (batch, heads, positions), as a layer would compute from the token: here, from the key."""
    return (key * learned(key.shape[-1], like=key, seed=seed)).sum(-1)


def _channel_gates(key: Tensor) -> Tensor:
    return logsigmoid(key * learned(1, key.shape[-1], like=key) + 2)  # (batch, heads, positions, dim), mostly near log 0.9


def _gated_linear(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    return gated_linear_parallel(query, key, value, _channel_gates(key))


def _gated_linear_steps(query: Tensor, key: Tensor, value: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    return gated_linear_recurrent(query, key, value, _channel_gates(key), state=state)


def _step_gates(key: Tensor) -> Tensor:
    """Mamba-2's log a = −Δ · A, with a step size Δ for each token and a rate A for each head."""
    rates = torch.arange(1, key.shape[1] + 1, device=key.device, dtype=key.dtype)
    return -softplus(_number(key, seed=0) - 3) * rates[:, None]  # (batch, heads, positions)


def _state_space(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    return state_space_parallel(query, key, value, _step_gates(key))


def _state_space_steps(query: Tensor, key: Tensor, value: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    return state_space_recurrent(query, key, value, _step_gates(key), state=state)


def _delta_inputs(query: Tensor, key: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries and keys of length 1, and how strongly each step writes: what layers with a delta rule hand in."""
    return normalize(query, dim=-1), normalize(key, dim=-1), _number(key, seed=1).sigmoid()


def _delta(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    q, k, beta = _delta_inputs(query, key)
    return delta_rule_parallel(q, k, value, beta)


def _delta_steps(query: Tensor, key: Tensor, value: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    q, k, beta = _delta_inputs(query, key)
    return delta_rule_recurrent(q, k, value, beta, state=state)


def _gated_delta(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    q, k, beta = _delta_inputs(query, key)
    return gated_delta_parallel(q, k, value, beta, _step_gates(key))


def _gated_delta_steps(query: Tensor, key: Tensor, value: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    q, k, beta = _delta_inputs(query, key)
    return gated_delta_recurrent(q, k, value, beta, _step_gates(key), state=state)


def _kimi_delta(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    q, k, beta = _delta_inputs(query, key)
    return kimi_delta_parallel(q, k, value, beta, _channel_gates(key))


def _kimi_delta_steps(query: Tensor, key: Tensor, value: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    q, k, beta = _delta_inputs(query, key)
    return kimi_delta_recurrent(q, k, value, beta, _channel_gates(key), state=state)


CARDS = (
    Card(
        name="linear",
        title="Linear attention",
        also=("linear transformer", "Transformers are RNNs", "kernel attention"),
        family="linear",
        formula="output_t = φ(q_t)ᵀ S_t / φ(q_t)ᵀ z_t, with S_t = S_{t−1} + φ(k_t) v_tᵀ, z_t = z_{t−1} + φ(k_t), φ = elu + 1",
        latex=r"o_t = \frac{\phi(q_t)^\top S_t}{\phi(q_t)^\top z_t},\quad S_t = S_{t-1} + \phi(k_t) v_t^\top,\quad "
        r"z_t = z_{t-1} + \phi(k_t),\quad \phi(x) = \operatorname{elu}(x) + 1",
        symbols="our S is their S, and mixed in the code; our z their Z, and mass in the code",
        paper="Katharopoulos et al. 2020, Transformers are RNNs: Fast Autoregressive Transformers with Linear Attention, "
        "arXiv:2006.16236, sections 3.2 to 3.4",
        year=2020,
        change="Products of features in place of the exponential: keys and values are summed up before a query asks. Time is "
        "linear in the length, and decoding keeps a state of fixed size.",
        use="EfficientViT and Sana, with relu for φ, on images; what the other cards of this family started from.",
        wins="Long sequences whose gist is enough, such as pixels of an image: twice the length costs twice, not four times.",
        loses="Associative recall: a state with dim rows cannot keep more than dim keys apart, and sums up what they share.",
        flops=Cost(
            "2·heads·keys·dim·(2·value_dim + 1): each step writes a key and a value, and reads both sums with a query",
            lambda s: 2 * s.heads * s.keys * s.dim * (2 * s.value_dim + 1),
        ),
        cache_per_token=NOTHING,
        state=Cost("heads·dim·(value_dim + 1)·itemsize", lambda s: s.heads * s.dim * (s.value_dim + 1) * s.itemsize),
        code="linear.linear_attention.linear_attention_recurrent",
        function=partial(linear_attention_parallel, causal=True),
        kept=_state_after(linear_attention_recurrent),
        step_function=_one_step(linear_attention_recurrent),
        runs_as=linear_attention_recurrent,
        causal=True,
    ),
    Card(
        name="performer",
        title="Performer (FAVOR+)",
        also=("FAVOR+", "random features"),
        family="linear",
        formula="linear attention with φ(x) = exp(Ω x − ‖x‖²/2) / √m: m random directions, so that E[φ(q)·φ(k)] = exp(q·k)",
        latex=r"\phi(x) = \frac{1}{\sqrt{m}} \exp\!\left(\Omega x - \tfrac{1}{2}\lVert x \rVert^2\right),\quad "
        r"\mathbb{E}\left[\phi(q)^\top \phi(k)\right] = e^{q^\top k}",
        symbols="our Ω has their ω as rows, m is 64 here; q and k are divided by the fourth root of dim before",
        paper="Choromanski et al. 2020, Rethinking Attention with Performers, arXiv:2009.14794, sections 2.2 to 2.4",
        year=2020,
        change="Random features whose products are those of softmax on average, in linear time. They are positive: unlike "
        "sines and cosines they give no weight below 0, and err least where weights are small.",
        use="scBERT, on the genes of a cell; an option for the global attention of GraphGPS, on graphs.",
        wins="Flat attention over a long sequence: the error falls with the root of the number of features, at any length.",
        loses="Peaked attention, as a search for one key: the variance grows with exp(‖q + k‖²), and so must the features.",
        flops=Cost(
            "2·heads·keys·m·(2·dim + 2·value_dim + 1) with m = 64: features of query and key, then linear attention of m rows",
            lambda s: 2 * s.heads * s.keys * _FEATURES * (2 * s.dim + 2 * s.value_dim + 1),
        ),
        cache_per_token=NOTHING,
        state=Cost(
            "heads·m·(value_dim + 1)·itemsize with m = 64", lambda s: s.heads * _FEATURES * (s.value_dim + 1) * s.itemsize
        ),
        code="linear.random_features.performer_recurrent",
        function=_performer,
        kept=_state_after(_performer_steps),
        step_function=_one_step(_performer_steps),
        runs_as=_performer_steps,
        causal=True,
    ),
    Card(
        name="retention",
        title="Retention (RetNet)",
        also=("RetNet", "Lightning attention"),
        family="linear",
        formula="output = (Q Kᵀ ⊙ D) V, D_ij = γ^(i−j) where i ≥ j; or S_t = γ S_{t−1} + k_t v_tᵀ, output_t = q_tᵀ S_t",
        latex=r"O = (Q K^\top \odot D)\, V,\quad D_{ij} = \gamma^{i-j}\,[i \ge j] \quad\Longleftrightarrow\quad "
        r"S_t = \gamma S_{t-1} + k_t v_t^\top,\ o_t = q_t^\top S_t",
        symbols="our S is their S, our decay their γ, one for each head",
        leaves_out="the rotation of queries and keys by their position, 1/√dim, the norm of each head's output, and the gate "
        "after it; `retention_layer` has them",
        paper="Sun et al. 2023, Retentive Network: A Successor to Transformer for Large Language Models, arXiv:2307.08621, "
        "equations 5 to 8",
        year=2023,
        change="A fixed decay for each head in place of a normaliser: one layer that trains in parallel, decodes as a "
        "recurrence and reads long texts chunk by chunk.",
        use="RetNet; with other decays Lightning attention in MiniMax-01, beside softmax layers.",
        wins="Decoding long texts where near tokens matter most: a state of fixed size, and heads from short to long memory.",
        loses="Recall of one early token: whatever the token, it has faded by γⁿ after n steps.",
        flops=WRITE_AND_READ,
        cache_per_token=NOTHING,
        state=STATE,
        code="linear.retention.retention_recurrent",
        function=retention_parallel,
        kept=_state_after(retention_recurrent),
        step_function=_one_step(retention_recurrent),
        runs_as=retention_recurrent,
        causal=True,
        rows="any",
    ),
    Card(
        name="gated-linear",
        title="Gated linear attention (GLA)",
        also=("GLA",),
        family="linear",
        formula="S_t = diag(α_t) S_{t−1} + k_t v_tᵀ, output_t = q_tᵀ S_t: A_ij = Σ_d q_id k_jd α_{j+1,d} … α_{i,d} where i ≥ j",
        latex=r"S_t = \operatorname{diag}(\alpha_t)\, S_{t-1} + k_t v_t^\top,\ o_t = q_t^\top S_t \quad\Longleftrightarrow\quad"
        r" A_{ij} = \sum_d q_{id}\, k_{jd} \prod_{l=j+1}^{i} \alpha_{ld}\,[i \ge j]",
        symbols="our log_decay is the logarithm of their α",
        leaves_out="1/√dim, the norm of each head's output, and the gate after it",
        paper="Yang et al. 2023, Gated Linear Attention Transformers with Hardware-Efficient Training, arXiv:2312.06635, "
        "section 4",
        year=2023,
        change="The token decides what fades, channel by channel, in place of one fixed pace: forgetting is learned.",
        use="GLA Transformer; the states of RWKV-6 and HGRN2 follow the same recurrence.",
        wins="Texts in sections: a gate can clear the state at a boundary, and keep some channels across it.",
        loses="Associative recall: a gate fades a whole row and takes back nothing that one key wrote: see the delta rule.",
        flops=WRITE_AND_READ,
        cache_per_token=NOTHING,
        state=STATE,
        code="linear.gated_linear_attention.gated_linear_recurrent",
        function=_gated_linear,
        kept=_state_after(_gated_linear_steps),
        step_function=_one_step(_gated_linear_steps),
        runs_as=_gated_linear_steps,
        causal=True,
        rows="any",
    ),
    Card(
        name="state-space-duality",
        title="State space duality (SSD, Mamba-2)",
        also=("SSD", "Mamba-2", "Mamba2", "SSM"),
        family="linear",
        formula="Y = (L ∘ C Bᵀ) X, L_ij = a_i … a_{j+1} where i ≥ j; or h_t = a_t h_{t−1} + B_t x_tᵀ, y_t = C_tᵀ h_t",
        latex=r"Y = (L \circ C B^\top)\, X,\quad L_{ij} = a_i \cdots a_{j+1}\,[i \ge j] \quad\Longleftrightarrow\quad "
        r"h_t = a_t h_{t-1} + B_t x_t^\top,\ y_t = C_t^\top h_t",
        symbols="their C is our query, their B our key, their X our value (multiplied by Δ before), their N our dim, their P "
        "our value_dim",
        leaves_out="the short convolution before, the skip D x, and the gated norm after",
        paper="Dao & Gu 2024, Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured State "
        "Space Duality, arXiv:2405.21060, sections 5 and 6",
        year=2024,
        change="Mamba's state space with one decay a head and step: a masked attention then, trained by matrix products.",
        use="Mamba-2, Codestral Mamba; most layers of Zamba2, Bamba, Nemotron-H and Granite 4.0 hybrids.",
        wins="Very long inputs at a small cost, beside a few attention layers that look things up.",
        loses="Copying and associative recall from a long text: all of it has to pass through one state.",
        flops=WRITE_AND_READ,
        cache_per_token=NOTHING,
        state=STATE,
        code="linear.state_space_duality.state_space_recurrent",
        function=_state_space,
        kept=_state_after(_state_space_steps),
        step_function=_one_step(_state_space_steps),
        runs_as=_state_space_steps,
        causal=True,
        rows="any",
    ),
    Card(
        name="delta-rule",
        title="Delta rule (DeltaNet)",
        also=("DeltaNet", "fast weight programmer"),
        family="linear",
        formula="S_t = S_{t−1} + β_t k_t (v_t − S_{t−1}ᵀ k_t)ᵀ, output_t = q_tᵀ S_t, with ‖k_t‖ = 1",
        latex=r"S_t = S_{t-1} + \beta_t\, k_t \left(v_t - S_{t-1}^\top k_t\right)^\top,\quad o_t = q_t^\top S_t",
        symbols="our Sᵀ is their W in the paper of 2021 and their S in that of 2024",
        leaves_out="the short convolutions before, and the norm after",
        paper="Schlag et al. 2021, Linear Transformers Are Secretly Fast Weight Programmers, arXiv:2102.11174; in parallel: "
        "Yang et al. 2024, Parallelizing Linear Transformers with the Delta Rule over Sequence Length, arXiv:2406.06484, "
        "section 3",
        year=2021,
        change="A write first reads what the state holds at its key, and adds only the difference: a key can get a new value.",
        use="DeltaNet; with gates in the models of the next card.",
        wins="Associative recall among linear mechanisms: a key that comes again replaces its value, and keys that overlap are "
        "held apart.",
        loses="Recall of more pairs than the state has rows, where softmax attention still finds each of them; nothing fades "
        "either, so old text stays.",
        flops=READ_WRITE_AND_READ,
        cache_per_token=NOTHING,
        state=STATE,
        code="linear.delta_rule.delta_rule_recurrent",
        function=_delta,
        kept=_state_after(_delta_steps),
        step_function=_one_step(_delta_steps),
        runs_as=_delta_steps,
        causal=True,
        rows="any",
    ),
    Card(
        name="gated-delta",
        title="Gated delta rule (Gated DeltaNet)",
        also=("Gated DeltaNet", "GDN"),
        family="linear",
        formula="S_t = α_t (I − β_t k_t k_tᵀ) S_{t−1} + β_t k_t v_tᵀ, output_t = q_tᵀ S_t, with ‖k_t‖ = 1",
        latex=r"S_t = \alpha_t \left(I - \beta_t k_t k_t^\top\right) S_{t-1} + \beta_t k_t v_t^\top,\quad o_t = q_t^\top S_t",
        symbols="our S is their S transposed, our log_decay the logarithm of their α",
        leaves_out="the short convolutions before, 1/√dim, and the gated norm after",
        paper="Yang et al. 2024, Gated Delta Networks: Improving Mamba2 with Delta Rule, arXiv:2412.06464, section 3",
        year=2024,
        change="Mamba-2's gate and the delta rule together: the state fades as a whole, and is corrected at one key.",
        use="Three layers of four in Qwen3-Next and Qwen3.5.",
        wins="Long texts in which facts change: the gate clears what is over, the delta rule replaces what is new.",
        loses="Exact recall of any of many tokens, and so models keep every fourth layer as softmax attention.",
        flops=READ_WRITE_AND_READ,
        cache_per_token=NOTHING,
        state=STATE,
        code="linear.gated_delta_rule.gated_delta_recurrent",
        function=_gated_delta,
        kept=_state_after(_gated_delta_steps),
        step_function=_one_step(_gated_delta_steps),
        runs_as=_gated_delta_steps,
        causal=True,
        rows="any",
    ),
    Card(
        name="kimi-delta",
        title="Kimi Delta Attention (KDA)",
        family="linear",
        formula="S_t = (I − β_t k_t k_tᵀ) diag(α_t) S_{t−1} + β_t k_t v_tᵀ, output_t = q_tᵀ S_t, with ‖k_t‖ = 1",
        latex=r"S_t = \left(I - \beta_t k_t k_t^\top\right) \operatorname{diag}(\alpha_t)\, S_{t-1} + \beta_t k_t v_t^\top,"
        r"\quad o_t = q_t^\top S_t",
        symbols="our log_decay is the logarithm of their α, one for each channel of the key",
        leaves_out="the short convolutions before, 1/√dim, and the gated norm after",
        paper="Kimi Team 2025, Kimi Linear: An Expressive, Efficient Attention Architecture, arXiv:2510.26692",
        year=2025,
        change="The gated delta rule with a gate for each channel: some rows of the state are cleared while others are kept.",
        use="Three layers of four in Kimi Linear; the fourth is latent attention without positions.",
        wins="Long texts in which some of what is held is over and some is not: one gate a head must choose for all of it.",
        loses="Speed against one gate a head: products of pairs fade channel by channel, and kernels need a trick for that.",
        flops=READ_WRITE_AND_READ,
        cache_per_token=NOTHING,
        state=STATE,
        code="linear.kimi_delta.kimi_delta_recurrent",
        function=_kimi_delta,
        kept=_state_after(_kimi_delta_steps),
        step_function=_one_step(_kimi_delta_steps),
        runs_as=_kimi_delta_steps,
        causal=True,
        rows="any",
        also=("KDA", "channel-wise gated delta rule"),
    ),
)
