# SPDX-License-Identifier: Apache-2.0
"""Mapping, matte and radius in one native pass, against their plain-torch forms at float64."""

import numpy as np
import pytest
import torch
from pullfocus.model.fields import Bounds, bounded_matte, mapped, soft_radius
from pullfocus.model.grid import Box
from pullfocus.model.mapping import LatticeMapping
from pullfocus.model.matte import _on_box, matte_from_logit
from pullfocus.model.spline import box_bases, spline_basis
from pullfocus.native import has_native

pytestmark = pytest.mark.skipif(not has_native(), reason="no C++ compiler")

BOX = Box(-5, -3, 71, 43)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("projective", [True, False])
@pytest.mark.parametrize("level", [0, 1])
def test_a_mapping_and_its_gradients(projective: bool, level: int) -> None:
    bend = [2e-4, -1e-4] if projective else [0.0, 0.0]
    matrix = torch.tensor([[1.2, 0.05, 9.0], [-0.04, 1.3, 4.0], [*bend, 1.1]])
    box = Box(BOX.left, BOX.top, BOX.width, BOX.height, level)
    found = []
    for kind in (torch.float32, torch.float64):  # float64 runs the torch form
        mapping = LatticeMapping(
            torch.stack([matrix, matrix]),
            width=64,
            height=40,
            cells=(4, 7),
            frames_per_knot=1.0,
            overscan_px=6.0,
            in_sight=random(2, 7, 10, seed=3).sigmoid(),
        ).to(kind)
        with torch.no_grad():
            mapping.lattice.copy_(random(*mapping.lattice.shape))
            mapping.shake.copy_(random(*mapping.shake.shape, seed=1))
            mapping.flutter.copy_(random(*mapping.flutter.shape, seed=4))
        texel = mapping(1, box)
        (texel * random(*texel.shape, seed=2).to(kind)).sum().backward()
        found.append(
            (texel.detach(), mapping.lattice.grad, mapping.shake.grad, mapping.flutter.grad)
        )
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=2e-4)


def test_a_matte_stays_within_bounds_and_lets_in_what_leads_back() -> None:
    height, width = 40, 64
    generator = np.random.default_rng(0)
    given = generator.normal(0, 3, (height, width)).astype(np.float32)
    least = generator.integers(0, 128, (height, width), dtype=np.uint8)
    most = generator.integers(128, 256, (height, width), dtype=np.uint8)
    down, across = box_bases(BOX, (0.0, 39.0), (0.0, 63.0), (3, 5))
    found = []
    for kind in (torch.float32, torch.float64):
        offset = random(BOX.height, BOX.width).to(kind).requires_grad_()
        residual = random(6, 8, seed=1).to(kind).requires_grad_()
        along_rows = down.to(kind) @ residual
        if kind is torch.float32:
            bounds = Bounds(*(torch.from_numpy(one) for one in (given, least, most)))
            matte = bounded_matte(offset, (along_rows, across), bounds, BOX, 0.02)
        else:
            logits, low, high = (
                torch.from_numpy(_on_box(one, BOX)).double() for one in (given, least, most)
            )
            free = logits + offset + along_rows @ across.double()
            matte = matte_from_logit(free, low / 255, high / 255)
        (matte * random(*matte.shape, seed=2).to(kind)).sum().backward()
        found.append((matte.detach(), offset.grad, residual.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-5)


def test_a_radius_is_the_softplus_of_its_field() -> None:
    down, across = box_bases(BOX, (-6.0, 45.0), (-6.0, 69.0), (4, 6))
    found = []
    for kind in (torch.float32, torch.float64):
        lattice = (4 * random(7, 9)).to(kind).requires_grad_()  # from e^-12 to 12 px
        along_rows, basis = down.to(kind) @ lattice, across.to(kind)
        if kind is torch.float32:
            radius = soft_radius((along_rows, basis), 0.5)
        else:
            radius = torch.nn.functional.softplus(along_rows @ basis) * 0.5
        (radius * random(*radius.shape, seed=1).to(kind)).sum().backward()
        found.append((radius.detach(), lattice.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("level", [-1, 0, 2])
@pytest.mark.parametrize("box", [BOX, Box(250, -300, 12, 700), Box(0, 0, 0, 0)])
def test_bases_of_a_box_are_those_of_its_pixels(box: Box, level: int) -> None:
    box = Box(box.left, box.top, box.width, box.height, level)
    down, across = box_bases(box, (0.0, 39.0), (0.0, 63.0), (3, 5))
    assert torch.equal(down, spline_basis(box.rows(), 0, 39, 3))
    assert torch.equal(across, spline_basis(box.columns(), 0, 63, 5).T)


def test_mapped_takes_values_along_rows() -> None:
    rows, columns = BOX.rows(), BOX.columns()
    still = torch.zeros(BOX.height, 2 * 4), torch.zeros(4, BOX.width)
    texel = mapped(still, still, rows, columns, torch.eye(3))
    torch.testing.assert_close(texel[0], columns.expand(BOX.height, -1))
    torch.testing.assert_close(texel[1], rows[:, None].expand(-1, BOX.width))
