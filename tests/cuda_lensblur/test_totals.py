# SPDX-License-Identifier: Apache-2.0
"""Sums of weights, and the planes made of them, against sums taken here."""

import numpy as np
import pytest
import torch

from cuda_lensblur import Aperture
from cuda_lensblur.aperture import aperture_kernel
from cuda_lensblur.kernel import DISCS, Kernel, disc_kernel
from cuda_lensblur.totals import blended_totals, disc_planes


def summed(kernel: Kernel, radius: float) -> float:
    """Sum over a square wide enough for anything."""
    x = torch.arange(-60.0, 61, dtype=torch.float64)
    rho, _ = kernel.size(torch.tensor(max(radius, 1.0), dtype=torch.float64))
    return float(kernel.weight(rho, x[None], x[:, None]).sum())


@pytest.mark.parametrize("name", DISCS)
def test_weights_of_the_planes_sum_to_one(name: str) -> None:
    kernel = disc_kernel(name, 1.4)
    radii = [0.0, 0.3, 1.0, 1.01, 2.72, 5.0, 9.37, 15.99]
    planes = disc_planes(kernel, torch.tensor(radii))
    for i, radius in enumerate(radii):
        whole = float(planes["scale"][i]) * summed(kernel, radius) + float(planes["centre"][i])
        # the Gaussian's cut tail makes its sum jump by this much
        within = 2e-4 if name == "gaussian" else 2e-5
        assert whole == pytest.approx(1, abs=within), radius
    assert planes["scale"][0] == 0
    assert planes["centre"][0] == 1


@pytest.mark.parametrize("name", [name for name in DISCS if name not in ("disc", "extended_box")])
def test_derivatives_of_the_planes_by_central_differences(name: str) -> None:
    kernel = disc_kernel(name)
    radius = torch.tensor([0.05, 0.5, 0.93, 1.2, 3.3, 7.77], dtype=torch.float64)
    planes, h = disc_planes(kernel, radius), 1e-3
    above, below = disc_planes(kernel, radius + h), disc_planes(kernel, radius - h)
    for plane in ("rho", "scale", "centre"):
        slope = (above[plane].double() - below[plane].double()) / (2 * h)
        np.testing.assert_allclose(planes[f"d_{plane}"], slope, rtol=2e-2, atol=3e-4)


@pytest.mark.parametrize("kernel", [disc_kernel("soap_bubble"), disc_kernel("tanh")])
def test_blended_totals_have_their_gradient(kernel: Kernel) -> None:
    radius = torch.tensor([0.2, 0.8, 1.3, 4.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda r: blended_totals(kernel, r), radius, atol=1e-6)
    assert blended_totals(kernel, torch.zeros(1)) == 1
    assert float(blended_totals(kernel, torch.tensor([6.5]))) == pytest.approx(summed(kernel, 6.5))


def test_shapes_without_symmetry_are_summed_whole() -> None:
    kernel = aperture_kernel(Aperture(blades=5, rotation_deg=11), True)
    found = float(blended_totals(kernel, torch.tensor([7.0])))
    assert found == pytest.approx(summed(kernel, 7.0), rel=1e-4)
