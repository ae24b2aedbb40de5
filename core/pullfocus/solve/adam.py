# SPDX-License-Identifier: Apache-2.0
"""Adam as torch has it, without what torch imports for it: on a CPU, in one native pass a tensor.

``torch.optim`` pulls in torch's compiler, 1.2 s before the first step. State and groups are held
in the same form, so that a solve may go on with either.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import torch

from pullfocus.native import has_native, run

__all__ = ["Adam", "adam_for"]

Groups = list[dict[str, Any]]


class Adam:
    """Adam on float32 tensors of the CPU; see `adam_for`."""

    def __init__(self, groups: Groups) -> None:
        """Hold groups: dicts of params, betas and eps; ``lr`` is set before each step."""
        self.param_groups = groups
        self.state: dict[torch.Tensor, dict[str, torch.Tensor]] = defaultdict(dict)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Take a step on every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, group)

    def _move(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(parameter, memory_format=torch.contiguous_format)
            state["exp_avg_sq"] = torch.zeros_like(state["exp_avg"])
        state["step"] += 1
        step, (beta1, beta2) = state["step"].item(), group["betas"]
        rate = group["lr"] / (1 - beta1**step)
        assert parameter.grad is not None
        moments = parameter.grad.contiguous(), state["exp_avg"], state["exp_avg_sq"]
        second = math.sqrt(1 - beta2**step)
        factors = (float(rate), second, 1 - beta1, 1 - beta2, float(group["eps"]))
        run("adam", parameter.data, *moments, parameter.numel(), *factors)


def adam_for(groups: Groups) -> Adam | torch.optim.Adam:
    """Return what moves groups of parameters: dicts of params, betas, eps and base rates.

    Native where all of them are float32 on a CPU with kernels, else ``torch.optim.Adam``.
    """
    parameters = [p for group in groups for p in group["params"]]
    if all(p.is_contiguous() for p in parameters) and has_native(*parameters):
        return Adam(groups)
    fused = all(p.device.type in ("cpu", "cuda") for p in parameters)
    return torch.optim.Adam(groups, lr=1.0, fused=fused)
