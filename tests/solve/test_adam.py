# SPDX-License-Identifier: Apache-2.0
"""Adam in one native pass is torch's, step by step, and goes on from its state."""

import pytest
import torch
from pullfocus.native import has_native
from pullfocus.solve.adam import Adam, adam_for
from pullfocus.solve.stored import load_optimiser, optimiser_state

pytestmark = pytest.mark.skipif(not has_native(), reason="no C++ compiler")

KINDS = {"betas": (0.9, 0.99), "eps": 1e-12}, {"betas": (0.9, 0.999), "eps": 1e-8}


def groups(kind: torch.dtype) -> list[dict]:
    random = torch.Generator().manual_seed(0)
    tensors = [torch.randn(n, generator=random).to(kind) for n in (1, 37, 5000)]
    held = [torch.nn.Parameter(t) for t in tensors]
    return [
        {"params": held[:2], "base": 1, **KINDS[0]},
        {"params": held[2:], "base": 1, **KINDS[1]},
    ]


def test_steps_are_those_of_torch_at_float64() -> None:
    ours = adam_for(groups(torch.float32))
    assert isinstance(ours, Adam)
    theirs = torch.optim.Adam(groups(torch.float64))
    random = torch.Generator().manual_seed(1)
    for step in range(30):
        for optimiser in (ours, theirs):
            optimiser.zero_grad(set_to_none=True)
            for group in optimiser.param_groups:
                group["lr"] = 0.01 / (1 + step)
        for a, b in zip(
            *([p for g in o.param_groups for p in g["params"]] for o in (ours, theirs)), strict=True
        ):
            if step % 7 == 3 and a.numel() == 37:
                continue  # a frame that says nothing of it
            grad = torch.randn(a.shape, generator=random) * 10.0 ** (-step % 6)
            a.grad, b.grad = grad, grad.double()
        ours.step()
        theirs.step()
        for group, other in zip(ours.param_groups, theirs.param_groups, strict=True):
            for a, b in zip(group["params"], other["params"], strict=True):
                torch.testing.assert_close(a.double(), b, rtol=1e-5, atol=1e-6)
                assert ours.state[a]["step"] == theirs.state[b]["step"]
                squares = ours.state[a]["exp_avg_sq"], theirs.state[b]["exp_avg_sq"]
                torch.testing.assert_close(squares[0].double(), squares[1], rtol=1e-5, atol=1e-9)


def test_other_tensors_are_torchs() -> None:
    assert isinstance(adam_for(groups(torch.float64)), torch.optim.Adam)


def test_moments_of_other_parameters_are_left_out():
    """A solve that an earlier version left goes on, whatever that version moved."""
    first, second = (torch.nn.Parameter(torch.ones(n)) for n in (4, 6))
    made = Adam([{"params": [first, second], "betas": (0.9, 0.99), "eps": 1e-8, "lr": 0.1}])
    for parameter in (first, second):
        parameter.grad = torch.ones_like(parameter)
    made.step()
    again = Adam([{"params": [second, second], "betas": (0.9, 0.99), "eps": 1e-8, "lr": 0.1}])
    load_optimiser(again, optimiser_state(made))
    assert again.state[second]["exp_avg"].shape == second.shape
    only = Adam([{"params": [second], "betas": (0.9, 0.99), "eps": 1e-8, "lr": 0.1}])
    load_optimiser(only, optimiser_state(made))
    assert second not in only.state
