# SPDX-License-Identifier: Apache-2.0
"""The closed form of a lattice's Jacobian against autograd and against finite differences."""

import pytest
import torch
from pullfocus.model.grid import Box
from pullfocus.model.jacobian import by_autograd
from pullfocus.model.mapping import LatticeMapping

WIDTH, HEIGHT, FRAMES = 64, 40, 5


@pytest.fixture(scope="module")
def mapping() -> LatticeMapping:
    """Perspective, a bent lattice and shake, in float64."""
    random = torch.Generator().manual_seed(3)
    homography = torch.eye(3) + 1e-3 * torch.randn(FRAMES, 3, 3, generator=random)
    mapping = LatticeMapping(
        homography,
        width=WIDTH,
        height=HEIGHT,
        cells=(4, 6),
        frames_per_knot=2,
        overscan_px=4.0,
    )
    with torch.no_grad():
        for parameter in (mapping.lattice, mapping.shake):
            parameter.copy_(2 * torch.randn(parameter.shape, generator=random))
    return mapping.double()


def places(box: Box) -> torch.Tensor:
    x, y = torch.meshgrid(box.columns(), box.rows(), indexing="xy")
    return torch.stack([x.flatten(), y.flatten()], 1).double()


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of scatter under vmap
@pytest.mark.parametrize("box", [Box(0, 0, WIDTH, HEIGHT), Box(-8, -8, 40, 30), Box(3, 2, 9, 7, 1)])
@pytest.mark.parametrize("t", [0, 3])
def test_closed_form_is_what_autograd_finds(mapping: LatticeMapping, t: int, box: Box) -> None:
    closed = mapping.jacobian(t, box)
    found = by_autograd(lambda at: mapping.texels_at(t, at), places(box))
    torch.testing.assert_close(
        closed.detach().permute(2, 3, 0, 1).reshape(-1, 2, 2), found.detach(), rtol=2e-6, atol=2e-6
    )


def test_closed_form_is_the_limit_of_differences(mapping: LatticeMapping) -> None:
    box = Box(2, 1, 50, 30)
    closed, step = mapping.jacobian(1, box).detach(), 1e-4
    for axis, shift in enumerate(torch.eye(2, dtype=torch.float64) * step):
        ahead, behind = (mapping.texels_at(1, places(box) + s * shift) for s in (1, -1))
        slope = ((ahead - behind) / (2 * step)).T.reshape(2, box.height, box.width)
        torch.testing.assert_close(closed[:, axis], slope.detach(), rtol=1e-5, atol=1e-5)


def test_any_place_and_a_whole_box_agree(mapping: LatticeMapping) -> None:
    box = Box(-3, -2, 20, 15)
    whole = mapping(2, box).flatten(1).T
    torch.testing.assert_close(mapping.texels_at(2, places(box)), whole, rtol=1e-6, atol=1e-5)
