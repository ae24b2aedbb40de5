# SPDX-License-Identifier: Apache-2.0
"""What drives a solve knows no more of the solver than this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

__all__ = ["SolverLike"]


class SolverLike(Protocol):
    """What a run needs of a solver; `pullfocus.solve.solver.Solver` is the one users get."""

    @property
    def step_index(self) -> int:
        """Steps done."""

    @property
    def total_steps(self) -> int:
        """Steps planned."""

    @property
    def finished(self) -> bool:
        """Whether all of them are done."""

    @property
    def model(self) -> Any:
        """The model that is fitted."""

    def step(self) -> Any:
        """Take one step and report it."""

    def settle(self) -> None:
        """Do what is left once no step follows."""

    def plan(self, *, steps: int) -> None:
        """Change the number of steps."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return all it takes to go on exactly."""

    def load_state(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from what `state` returned."""
