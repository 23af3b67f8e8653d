"""Two steps of a forward pass, seen without touching the model: the first layer of the patches, the genes' gathering.

A mode of torch's own (`TorchFunctionMode`) is on for one thread and one `with` block, so models may be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from survviz.models.blocks.programmes import ProgrammeTokens

Project = Callable[[int, Tensor, Tensor | None], Tensor]
"""(which linear layer of the patches, weight (E, D), bias (E,)) -> its output (B, N, E)."""


class Watch(TorchFunctionMode):
    """Stands in for linear layers of a place holder, and keeps what programmes gather.

    Args:
        holder: stands for the patches, which are never built.
        project: what its linear layers give; None: nothing stands in.
        programmes: networks of gene programmes whose genes are watched.

    Attributes:
        gathered: network's columns (K, S) and the values (B, K, S) that it gathered, in order.
    """

    def __init__(self, holder: Tensor | None, project: Project | None, programmes: Iterable[ProgrammeTokens]) -> None:
        super().__init__()
        self.holder, self.project = holder, project
        self.columns = [one.indices for one in programmes]
        self.gathered: list[tuple[Tensor, Tensor]] = []
        self.n_projected = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Called for every function of torch in the block."""
        if func is functional.linear and self.project is not None and args[0] is self.holder:
            weight, bias = _weight_and_bias(*args[1:], **(kwargs or {}))
            self.n_projected += 1
            return self.project(self.n_projected - 1, weight, bias)
        found = func(*args, **(kwargs or {}))
        if func is Tensor.__getitem__ and isinstance(args[1], tuple):
            for columns in self.columns:
                if args[1][-1] is columns:
                    self.gathered.append((columns, found))
        return found


def _weight_and_bias(weight: Tensor, bias: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    return weight, bias
