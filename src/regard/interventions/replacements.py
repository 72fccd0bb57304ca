"""What may stand in a site's place."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from regard.arguments import float_tensor, number, one_of, several, whole_number
from regard.errors import DtypeError, OptionError, ShapeError
from regard.interventions.pieces import LAYER, Piece
from regard.interventions.runs import Run, run_of


class Replacement(ABC):
    """One of the replacements of ``regard.interventions``."""

    @abstractmethod
    def of(self, piece: Piece) -> Tensor:
        """What is put there, (sequences, heads, positions, dim); only the positions that are meant are taken."""


@dataclass(frozen=True)
class Zero(Replacement):
    """Nothing."""

    def of(self, piece: Piece) -> Tensor:
        """0 everywhere."""
        return torch.zeros_like(piece.values)

    def __str__(self) -> str:
        return "zero"


@dataclass(frozen=True)
class Scale(Replacement):
    """What stands there, times a number."""

    factor: float

    def of(self, piece: Piece) -> Tensor:
        """The product."""
        return piece.values * self.factor

    def __str__(self) -> str:
        return f"scale {self.factor:g}"


@dataclass(frozen=True, eq=False)
class Put(Replacement):
    """A tensor of one's own, or that tensor added to what stands there."""

    tensor: Tensor
    added: bool = False

    def of(self, piece: Piece) -> Tensor:
        """The tensor, broadcast to the positions that are meant."""
        if piece.spot.part == "pattern" and piece.pattern is not None and piece.multiplied is not None:
            batch, _, queries, keys = piece.pattern.shape
            weights = self._fitting(piece, (batch, len(piece.heads), queries, keys))
            made = weights @ piece.multiplied.to(weights)
            return piece.values + made if self.added else made
        sequences, heads, positions, dim = piece.values.shape
        count = piece.count()
        if count is None:
            raise ShapeError(
                f"{self}: expected as many positions in every text at {list(piece.at or ())}, got "
                f"{piece.chosen.sum(1).tolist()}"
            )
        given = self._fitting(piece, (sequences, heads, positions if piece.at is None else count, dim))
        if piece.at is None:
            return piece.values + given if self.added else given
        made = piece.values.clone()
        laid = given.transpose(1, 2).reshape(-1, heads, dim)
        taken = made.transpose(1, 2)
        taken[piece.chosen] = taken[piece.chosen] + laid if self.added else laid
        return made

    def _fitting(self, piece: Piece, shape: tuple[int, int, int, int]) -> Tensor:
        """The tensor as one of four axes."""
        given = self.tensor.to(piece.values)
        if piece.spot.part in LAYER and given.ndim > 1:
            given = given.unsqueeze(-3)  # (sequences, positions, features): a layer has no heads
        try:
            return given.expand(shape)
        except RuntimeError as error:
            axes = "queries, keys" if piece.spot.part == "pattern" else "positions, dim"
            raise ShapeError(
                f"{self}: expected a tensor that broadcasts to (sequences, heads, {axes})={shape}, got "
                f"{tuple(self.tensor.shape)}"
            ) from error

    def __str__(self) -> str:
        return "add" if self.added else "put"


@dataclass(frozen=True)
class RunningMean(Replacement):
    """Its own mean over its text, up to each row where rows see nothing later; never over padding."""

    def of(self, piece: Piece) -> Tensor:
        """The mean of each head."""
        rows = piece.text_rows()
        made = [rows.mean(piece.values[:, head]) for head in range(piece.values.shape[1])]
        return torch.stack(made, 1)

    def __str__(self) -> str:
        return "running mean"


Direction = Literal["noise", "denoise"]


@dataclass(frozen=True, eq=False)
class Patch(Replacement):
    """What stood there in another run.

    Attributes:
        run: that run; None for that of each prompt's partner.
        direction: which of the two is changed.
    """

    run: Run | None = None
    direction: Direction = "noise"

    def of(self, piece: Piece) -> Tensor:
        """What stood there."""
        if self.run is None:
            raise OptionError(
                "patch: expected a run to take from, got none; patch(recording), or give sweep prompts with other="
            )
        return self.run.put_into(piece)

    def __str__(self) -> str:
        return "patch" if self.direction == "noise" else "patch, denoising"


@dataclass(frozen=True, eq=False)
class Resample(Replacement):
    """What stood there in runs of other texts.

    Attributes:
        reference: these texts.
        draws: how many times one is drawn for each prompt.
        seed: which ones.
    """

    reference: Any
    draws: int = 1
    seed: int = 0

    def of(self, piece: Piece) -> Tensor:  # noqa: ARG002 - as the others
        """A sweep draws a run for each prompt first."""
        raise OptionError(
            "resample: expected a sweep, which runs another text beside each prompt, got a block; patch(recording)"
        )

    def __str__(self) -> str:
        return f"resample, seed {self.seed}"


@dataclass(frozen=True)
class Hide(Replacement):
    """Edges of attention, as a mask hides them."""

    def of(self, piece: Piece) -> Tensor:  # noqa: ARG002 - as the others
        """There is nothing to put there."""
        raise OptionError("hide: expected edges, got another site; edges(keys, queries), or zero()")

    def __str__(self) -> str:
        return "hide"


def zero() -> Zero:
    """Nothing: the easiest to say and the furthest from what a model has ever seen.

    Of a pattern, the weights are 0, and so is the output. A query or a key of 0 makes its scores 0: its row looks everywhere
    alike.
    """
    return Zero()


def scale(factor: float) -> Scale:
    """What stands there, times a number; ``scale(0)`` is ``zero()``.

    Raises:
        OptionError: it is no number.

    Example:
        >>> scale(0.5)
        Scale(factor=0.5)
    """
    return Scale(number("factor", factor))


def put(tensor: Tensor) -> Put:
    """A tensor of your own.

    Args:
        tensor: what broadcasts to (sequences, heads, positions, dim) of the positions that are meant; of a layer's part, to
            (sequences, positions, features); of a pattern, to (sequences, heads, queries, keys).

    Raises:
        DtypeError: it is no tensor of numbers; ShapeError, when the model runs: it does not broadcast.

    Example:
        >>> import torch
        >>> put(torch.zeros(8))  # one vector, for all of them
        Put(tensor=tensor([0., 0., 0., 0., 0., 0., 0., 0.]), added=False)
    """
    return Put(float_tensor("tensor", tensor))


def add(tensor: Tensor) -> Put:
    """What stands there, and a tensor of your own: a steering vector, say. As ``put``."""
    return Put(float_tensor("tensor", tensor), added=True)


def running_mean() -> RunningMean:
    """A site's own mean over its text: it keeps what it says always, and takes what it says here.

    In a causal model each row has the mean up to itself, as one over the whole text would tell it of the future. Refused where
    a call has not the whole text, as with a cache.

    Example:
        >>> running_mean()
        RunningMean()
    """
    return RunningMean()


def patch(run: Any = None, direction: Direction = "noise") -> Patch:
    """What stood there in another run.

    Args:
        run: a recording of one pass with ``values=True``; in a sweep, the run of each prompt's partner, where not given.
        direction: "noise", the prompt runs, and its partner's activations go in: what is necessary shows. "denoise", the
            partner runs, and the prompt's go in: what is sufficient shows (Heimersheim & Nanda 2024, arXiv 2404.15255).

    Raises:
        DtypeError: no recording; RecordingError: one without values; OptionError: no such direction.
    """
    one_of("direction", direction, ("noise", "denoise"))
    return Patch(None if run is None else run_of(run), direction)


def resample(reference: Any, draws: int = 1, seed: int = 0) -> Resample:
    """What stood there in a run of another text, of as many tokens: activations that the model really has.

    Which text a prompt gets follows from the seed, the draw and the prompt's place, so that no batch, order or worker changes
    it. Chan et al. 2022, "Causal scrubbing", resample so.

    Args:
        reference: texts, their ids, or prompts; where prompts have groups, texts of the same group are taken first.
        draws: how many times for each prompt.
        seed: of the choice.

    Raises:
        DtypeError: no list; OptionError: no such number.
    """
    listed = several("reference", reference, "texts", advice="for example resample(prompts)")
    return Resample(tuple(listed), whole_number("draws", draws, 1), whole_number("seed", seed, 0))


def hide() -> Hide:
    """Of ``edges``: these queries do not see these keys, and what they gave to them goes to the others in proportion."""
    return Hide()


def checked(given: Any, name: str = "replace") -> Any:
    """A replacement.

    Raises:
        DtypeError: it is none.
    """
    if not isinstance(given, Replacement):
        made = getattr(given, "__name__", None)
        advice = f"; write {made}()" if made in ("zero", "running_mean", "patch", "hide") else "; for example zero()"
        raise DtypeError(f"{name}: expected a replacement of regard.interventions, got {made or type(given).__name__}{advice}")
    return given


def draws_of(given: Any) -> int:
    """How many times a replacement is drawn."""
    return whole_number("draws", getattr(given, "draws", 1), 1)
