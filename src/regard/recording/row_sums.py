"""What a fused kernel knows beside its output: the log-sum-exp of each row. It computes it anyway; we look while it does."""

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

WHOLE = torch.ops.aten.scaled_dot_product_attention.default
"""Under inference mode the call comes as it is, and has to be taken apart to its kernel."""

KERNELS = "aten::_scaled_dot_product_"
ASKED = "compute_log_sumexp"
"""Kernels that leave it out where no gradient will need it are told so."""


class RowSums(TorchDispatchMode):
    """Runs what is called inside as it is, and keeps the output and the sums of the one attention kernel among it.

    The kernel is the same, and so is each bit of what it returns. Where there were several, or one that says no sums, there are
    none.

    Example:
        >>> from torch.nn import functional
        >>> query, key, value = torch.zeros(1, 2, 3, 5), torch.zeros(1, 2, 7, 5), torch.ones(1, 2, 7, 5)
        >>> with RowSums() as sums:
        ...     output = functional.scaled_dot_product_attention(query, key, value)
        >>> found = sums.of(output, lambda tensor: tensor)
        >>> found.shape, bool((found - torch.tensor(7.0).log()).abs().max() < 1e-6)
        (torch.Size([1, 2, 3]), True)
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._kernels = 0
        self._found: tuple[Tensor, Tensor] | None = None

    def __enter__(self) -> Self:
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if func is WHOLE:
            with self:
                return func.decompose(*args, **given)
        if not func._schema.name.startswith(KERNELS) or func._schema.name.endswith("_backward"):
            return func(*args, **given)
        names = [one.name for one in func._schema.arguments]
        if ASKED in names and ASKED not in given and len(args) > (at := names.index(ASKED)):
            args = (*args[:at], True, *args[at + 1 :])
        result = func(*args, **given)
        self._kernels += 1
        if isinstance(result, tuple | list) and all(isinstance(one, Tensor) for one in result[:2]):
            self._found = result[0], result[1]
        return result

    @torch.no_grad()
    def of(self, output: Tensor, heads_first: Callable[[Tensor], Tensor]) -> Tensor | None:
        """The log-sum-exp of each row, (batch, heads, queries); None where the output is not, or no more, the kernel's.

        Args:
            output: what the call has returned.
            heads_first: of a tensor of the output's axes, as (batch, heads, queries, dim).
        """
        if self._kernels != 1 or self._found is None:
            return None
        made, sums = self._found
        if sums.ndim != made.ndim - 1 or sums.shape[:-1] != made.shape[:-2] or sums.shape[-1] < made.shape[-2]:
            return None
        sums = sums[..., : made.shape[-2]]  # some kernels fill up their blocks
        seen = heads_first(output)
        if _is_same(made, output):
            return heads_first(sums.unsqueeze(-1)).squeeze(-1)
        return sums if _is_same(made, seen) else None


def _is_same(made: Tensor, output: Tensor) -> bool:
    """To the bit, features that a kernel has filled up aside."""
    return made.shape[:-1] == output.shape[:-1] and torch.equal(made[..., : output.shape[-1]], output)
