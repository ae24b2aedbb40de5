# SPDX-License-Identifier: Apache-2.0
"""An optimiser and a random generator as tensors of a checkpoint, to go on from exactly."""

import json
from collections.abc import Mapping

import numpy as np
import torch

from pullfocus.solve.adam import Adam

__all__ = ["load_optimiser", "load_random", "optimiser_state", "random_state"]


def _parameters(optimiser: Adam | torch.optim.Optimizer) -> list[torch.Tensor]:
    return [p for group in optimiser.param_groups for p in group["params"]]


def optimiser_state(optimiser: Adam | torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return Adam's moments, by the order of parameters."""
    return {
        f"adam.{i}.{name}": value
        for i, parameter in enumerate(_parameters(optimiser))
        for name, value in optimiser.state.get(parameter, {}).items()
    }


def load_optimiser(
    optimiser: Adam | torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Put back what `optimiser_state` returned, among other tensors.

    Moments of another shape are left out: an earlier version moved other parameters.
    """
    for i, parameter in enumerate(_parameters(optimiser)):
        prefix = f"adam.{i}."
        moments = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
        if moments and moments["exp_avg"].shape == parameter.shape:
            optimiser.state[parameter] = {k: v.to(parameter.device) for k, v in moments.items()}


def random_state(random: np.random.Generator) -> torch.Tensor:
    """Return where a generator stands."""
    text = json.dumps(random.bit_generator.state).encode()
    return torch.frombuffer(bytearray(text), dtype=torch.uint8)


def load_random(random: np.random.Generator, state: torch.Tensor) -> None:
    """Set a generator to where another stood."""
    random.bit_generator.state = json.loads(bytes(state.tolist()))
