# SPDX-License-Identifier: Apache-2.0
"""The native sum of squared steps against torch's differences in float64, gradients too."""

import pytest
import torch
from pullfocus.model.roughness import _in_torch, roughness

MAPPING = ({0: 2, 2: 2, 3: 2},)
COC = ({1: 1, 2: 1}, {0: 1})


@pytest.mark.parametrize(
    ("size", "asked"),
    [
        ((22, 2, 21, 35), MAPPING),
        ((4, 2, 5, 3), MAPPING),
        ((2, 2, 4, 70), MAPPING),  # too short for changes of steps in time
        ((20, 12, 19), COC),
        ((1, 4, 5), COC),
        ((1, 1, 1), COC),
        ((3, 33), ({1: 1}, {0: 2})),
    ],
)
def test_it_agrees_with_differences_in_float64(size, asked):
    x = torch.randn(size, generator=torch.Generator().manual_seed(3))
    weights = [0.7, -1.3][: len(asked)]
    found = []
    for values, form in (
        (x.clone(), lambda v: roughness(v, *asked)),
        (x.double(), lambda v: [_in_torch(v, one) for one in asked]),
    ):
        values.requires_grad_()
        terms = form(values)
        total = sum(w * term for w, term in zip(weights, terms, strict=True))
        if total.requires_grad:
            total.backward()
        gradient = torch.zeros_like(values) if values.grad is None else values.grad
        found.append([*(term.detach() for term in terms), gradient])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-7)


def test_a_plane_has_steps_but_no_changes_of_steps():
    x = torch.arange(40.0).reshape(5, 8)
    steps, changes = roughness(x, {0: 1, 1: 1}, {})
    assert steps == 64 + 1
    assert changes == 0
    assert roughness(x, {0: 2, 1: 2})[0] == 0
