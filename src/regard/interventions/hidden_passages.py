"""What hiding each passage of a prompt costs its answer, beside how much of the answer's attention the passage has."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from regard.analysis.mixtures.mixture import Head
from regard.analysis.passages.passages import STATISTICS, Passages, passages
from regard.analysis.passages.sinks import SINK
from regard.arguments import dense_tensor, several, whole_number
from regard.axes.spans import Parts, Spans
from regard.errors import DtypeError, OptionError, ShapeError
from regard.interventions.prompts import Prompt
from regard.interventions.replacements import hide
from regard.interventions.sites import edges
from regard.interventions.sweep import sweep
from regard.pictured import Pictured
from regard.recording.record import record

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure


@dataclass(frozen=True, repr=False)
class PassageEffects(Pictured):
    """Passages with what hiding each does.

    Attributes:
        passages: mass, lift and density of each passage in each head.
        effects: of each by its name: log-probability of the answer with the passage hidden − with it seen. Below 0, it was
            needed.
    """

    passages: Passages
    effects: Mapping[str, float]

    def agreement(self, by: str = "lift", *, heads: Mapping[Head, float] | None = None) -> float:
        """Spearman's rank correlation of a statistic with what hiding costs; as ``Passages.agreement``.

        Raises:
            OptionError: another statistic, or fewer than three passages.
        """
        return self.passages.agreement(self.effects, by, heads=heads)

    def table(self) -> Iterator[Sequence[object]]:
        """A line for each passage: its tokens, the means of its statistics over heads, its effect."""
        yield ["passage", "tokens", *STATISTICS, "effect"]
        means = {by: {line.name: line.value for line in self.passages.ranked(by)} for by in STATISTICS}
        for name, places in zip(self.passages.spans.names, self.passages.spans.places, strict=True):
            yield [name, len(places), *(means[by][name] for by in STATISTICS), self.effects[name]]

    def __str__(self) -> str:
        lines = [f"{'passage':<32}{'tokens':>8}{'lift':>8}{'mass':>8}{'density':>10}{'effect':>10}"]
        columns = {by: {line.name: line.value for line in self.passages.ranked(by)} for by in ("lift", "mass", "density")}
        sizes = dict(zip(self.passages.spans.names, map(len, self.passages.spans.places), strict=True))
        for name in sorted(self.effects, key=lambda name: self.effects[name]):
            lift, mass, density = (columns[by][name] for by in columns)
            lines.append(f"{name[:31]:<32}{sizes[name]:>8,}{lift:>8.2f}{mass:>8.3f}{density:>10.2g}{self.effects[name]:>10.3f}")
        lines.append("effect: log-probability of the answer with the passage hidden − with it seen; means of all heads")
        if len(self.effects) >= 3:
            said = ", ".join(f"{by} {self.agreement(by):.2f}" for by in ("lift", "mass", "density"))
            lines.append(f"rank correlation with what hiding costs: {said}")
        return "\n".join(lines)

    __repr__ = __str__

    def figure(
        self,
        by: str = "lift",
        *,
        heads: Mapping[Head, float] | None = None,
        title: str | None = None,
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """As ``Passages.figure``, with the effect of hiding each passage beside its name.

        Args:
            by: one of the statistics.
            heads: as for ``agreement``.
            title: above the picture.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Raises:
            OptionError: another statistic or theme, or a head that is not there.
        """
        spans = self.passages.spans
        names = tuple(f"{name} (hidden: {self.effects[name]:+.2f})".replace("-", "−") for name in spans.names)
        named = replace(self.passages, spans=Spans(names, spans.places))
        rho = f", rank correlation with effects {self.agreement(by, heads=heads):.2f}" if len(names) >= 3 else ""
        said = f"{by.replace('_', ' ')} of the prompt's passages{rho}" if title is None else title
        return named.figure(by, heads=heads, title=said, width=width, font=font, theme=theme, ax=ax)


def passage_effects(
    model: nn.Module,
    ids: Tensor | Sequence[int],
    spans: Spans | Parts,
    *,
    answer: int,
    tokenizer: Any = None,
    sink: float = SINK,
) -> PassageEffects:
    """effect(S) = log p(answer | prompt with S hidden) − log p(answer | prompt), beside mass, density and lift of S.

    One recorded pass, and one more for each passage, which no position may see in it. The text and all positions stay as
    they are: a passage that is deleted, as in ContextCite, moves those after it and is another question.

    Args:
        model: a decoder of Transformers.
        ids: of prompt and answer, (positions,) or (1, positions).
        spans: the passages, as in ``regard.passages``.
        answer: how many tokens at the end of ``ids`` are the answer.
        tokenizer: names the tokens, for passages that are given as texts.
        sink: as in ``regard.passages``.

    Raises:
        OptionError: passages that are not there or in the answer; ShapeError: ids of several sequences.

    Example:
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=11, n_embd=8, n_layer=1, n_head=2)).eval()
        >>> parts = Spans(("one", "two", "three"), (range(0, 3), range(3, 5), range(5, 9)))
        >>> found = passage_effects(model, [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2], parts, answer=2)
        >>> sorted(found.effects)
        ['one', 'three', 'two']
    """
    if isinstance(ids, Tensor):
        dense_tensor("ids", ids)
        if ids.ndim == 2 and len(ids) == 1:
            ids = ids[0]
        if ids.ndim != 1:
            raise ShapeError(f"ids: expected one sequence, (positions,), got {tuple(ids.shape)}")
        ids = ids.tolist()
    listed = [whole_number("ids", one, 0) for one in several("ids", ids, "ids of prompt and answer")]
    whole_number("answer", answer, 1, max(1, len(listed) - 1), advice="how many tokens at the end are the answer")
    begin = len(listed) - answer
    if not isinstance(model, nn.Module) or not any(isinstance(one, nn.Embedding) for one in model.modules()):
        raise DtypeError(
            f"model: expected a decoder that reads ids, got {type(model).__name__}; load it with AutoModelForCausalLM"
        )
    device = next((one.device for one in model.parameters()), None)
    with torch.no_grad(), record(model, tokenizer=tokenizer) as recording:
        model(torch.tensor([listed], device=device))
    found = passages(recording, spans, answer=range(begin, len(listed)), sink=sink)
    if beyond := [name for name, places in zip(found.spans.names, found.spans.places, strict=True) if max(places) >= begin]:
        raise OptionError(f"spans: expected passages of the prompt, before position {begin}, got {beyond[0]!r} in the answer")
    sites = {name: edges(keys=list(places)) for name, places in zip(found.spans.names, found.spans.places, strict=True)}
    prompt = Prompt(listed[:begin], answer=listed[begin:])
    grid = sweep(model, [prompt], ["log_probability"], what=sites, replace=hide()).grid("log_probability")
    values = grid.values[0].tolist()
    return PassageEffects(found, {site.name: float(value) for site, value in zip(grid.sites, values, strict=True)})
