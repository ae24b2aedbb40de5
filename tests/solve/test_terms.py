# SPDX-License-Identifier: Apache-2.0
"""Every term against its closed form."""

import math

import pytest
import torch
from pullfocus.solve.terms import (
    flow_term,
    gradient_term,
    matte_flow_term,
    matte_start_term,
    rigidity_term,
    sparsity_term,
)


def turned(degrees: float, scale: float = 1.0) -> torch.Tensor:
    c, s = (f(math.radians(degrees)) * scale for f in (math.cos, math.sin))
    return torch.tensor([[c, -s], [s, c]])[None].repeat(4, 1, 1)


def test_flow_is_the_distance_where_it_is_trusted() -> None:
    here = torch.zeros(3, 2)
    there = torch.tensor([[3.0, 4.0], [30.0, 40.0], [0.0, 1.0]])
    weight = torch.tensor([0.5, 1.0, 1.0])
    valid = torch.tensor([True, False, True])
    assert float(flow_term(here, there, weight, valid)) == pytest.approx((2.5 + 1) / 2)


def test_no_trusted_flow_is_zero_and_has_a_gradient() -> None:
    here = torch.zeros(3, 2, requires_grad=True)
    none = torch.zeros(3, dtype=torch.bool)
    term = flow_term(here, torch.ones(3, 2), torch.ones(3), none)
    term.backward()
    assert term.item() == 0
    assert bool(here.grad.isfinite().all())
    assert float(matte_flow_term(torch.ones(3), torch.zeros(3), none)) == 0


@pytest.mark.parametrize("degrees", [0.0, 33.0, 180.0])
def test_rigid_mappings_have_the_least_rigidity_term(degrees: float) -> None:
    least = 2 * math.sqrt(2)
    # the ridge makes the inverse smaller by one part in a thousand
    assert float(rigidity_term(turned(degrees))) == pytest.approx(least, rel=1e-3)
    assert float(rigidity_term(turned(degrees, 1.3))) > least + 0.1
    assert float(rigidity_term(turned(degrees, 0.7))) > least + 0.1
    sheared = turned(degrees) @ torch.tensor([[1.0, 0.5], [0.0, 1.0]])
    assert float(rigidity_term(sheared)) > least + 0.1


def test_rigidity_of_a_scale_by_hand_and_of_a_collapse_is_finite() -> None:
    expected = math.sqrt(2) * 4 + math.sqrt(2) / (4 + 1e-3)
    assert float(rigidity_term(turned(0, 2.0))) == pytest.approx(expected, rel=1e-5)
    collapsed = torch.zeros(1, 2, 2, requires_grad=True)
    term = rigidity_term(collapsed)
    term.backward()
    assert float(term) == pytest.approx(math.sqrt(2) / 1e-3, rel=1e-4)
    assert bool(collapsed.grad.isfinite().all())


def test_sparsity_counts_colour_that_is_not_seen() -> None:
    colour = torch.tensor([[1.0, 0.5], [1.0, 0.5], [1.0, 0.5]])
    alpha = torch.tensor([0.0, 0.5])
    assert float(sparsity_term(colour, alpha)) == pytest.approx((3 + 3 * 0.25**2) / 2)
    assert float(sparsity_term(colour, torch.ones(2))) == 0


def test_matte_terms() -> None:
    alpha, given = torch.tensor([0.9, 0.2]), torch.tensor([1.0, 0.0])
    expected = -(math.log(0.9) + math.log(0.8)) / 2
    assert float(matte_start_term(alpha, given)) == pytest.approx(expected, rel=1e-5)
    valid = torch.tensor([True, True])
    assert float(matte_flow_term(alpha, given, valid)) == pytest.approx(0.15)


def test_gradient_ignores_an_offset_and_counts_a_slope() -> None:
    plate = torch.rand(3, 6, 7)
    assert float(gradient_term(plate + 0.3, plate)) == pytest.approx(0, abs=1e-12)
    ramp = torch.arange(7.0).expand(3, 6, 7) * 0.1
    assert float(gradient_term(plate + ramp, plate)) == pytest.approx(3 * 0.01, rel=1e-4)
    assert float(gradient_term(torch.ones(3, 1, 1), torch.zeros(3, 1, 1))) == 0
