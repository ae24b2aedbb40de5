# SPDX-License-Identifier: Apache-2.0
"""The CPU kernel against a float64 sum over its own table: what its shortcuts cost is rounding."""

import numpy as np
import pytest
import torch

from cuda_lensblur import Aperture, native, scatter_blur
from cuda_lensblur.specs import KernelLike, kernel_of, spec_of
from cuda_lensblur.table import COARSE_STEP_PX, WeightTable, weight_table
from cuda_lensblur.tables import table_for

HEIGHT, WIDTH, LIT = 140, 300, 900  # several tiles of the kernel both ways

pytestmark = pytest.mark.skipif(
    native.native_library() is None, reason="no C++ compiler: the native kernel cannot be built"
)


def disc(table: WeightTable, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of a radius, and their slope a px, (2 extent + 1)^2 float64."""
    knee_px = table.knee * table.fine_step
    fine = radius < knee_px
    step = table.fine_step if fine else COARSE_STEP_PX
    place = radius / step if fine else table.knee + (radius - knee_px) / step
    node = min(int(place), len(table.extent) - 1)
    e, middle = int(table.extent[node]), int(table.centre[node])
    dy = np.arange(-e, e + 1)
    rows = np.abs(dy) if table.mirrored else dy
    at = middle + rows[:, None] * (2 * e + 33) + np.arange(-e, e + 1)
    weights, changes = (plane[at].astype(np.float64) for plane in (table.weights, table.changes))
    if table.inner[node] >= 0:
        inside = dy[:, None] ** 2 + dy**2 <= table.inner[node] ** 2
        weights[inside], changes[inside] = table.flat[node]
    return weights + (place - node) * changes, changes / step


def part(e: int, y: int, x: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return what a disc of extent e at (y, x) covers of the frame, and what of it is inside."""
    top, bottom = max(0, y - e), min(HEIGHT, y + e + 1)
    left, right = max(0, x - e), min(WIDTH, x + e + 1)
    frame = slice(top, bottom), slice(left, right)
    return frame, (slice(top - y + e, bottom - y + e), slice(left - x + e, right - x + e))


@pytest.mark.parametrize(
    ("kernel", "low", "high"),
    [
        ("soap_bubble", 0, 9),
        ("soap_bubble", 25, 60),
        ("gaussian", 0, 14),
        ("disc", 35, 50),
        (Aperture(blades=5, squeeze=1.6), 0, 8),
    ],
    ids=["small", "flat inside", "gaussian", "hard", "iris"],
)
def test_forward_and_both_gradients_are_the_sums_of_the_table(
    kernel: KernelLike, low: float, high: float
) -> None:
    random = np.random.default_rng(7)
    image = np.zeros((5, HEIGHT, WIDTH), np.float32)
    lit = random.permutation(HEIGHT * WIDTH)[:LIT]
    image.reshape(5, -1)[:, lit] = random.random((5, LIT)) * 10 ** random.uniform(-1, 2, LIT)
    waves = np.sin(np.arange(WIDTH) / 40) * np.cos(np.arange(HEIGHT) / 30)[:, None]
    radius = (low + (high - low) * (0.5 + 0.5 * waves)).astype(np.float32)
    radius.flat[lit[::7]] = random.uniform(low, high, len(lit[::7]))  # not smooth everywhere
    grad = random.standard_normal(image.shape).astype(np.float32)
    held = kernel_of(spec_of(kernel, beta=2.0, calibrated=True))

    x = torch.from_numpy(image).requires_grad_()
    r = torch.from_numpy(radius).requires_grad_(held.slope is not None)
    out = scatter_blur(x, r, kernel=kernel)
    out.backward(torch.from_numpy(grad))
    table = table_for(held, high, flats=True)

    exact, size = np.zeros_like(image, np.float64), np.zeros_like(image, np.float64)
    for place in lit:
        y, x0 = divmod(int(place), WIDTH)
        weights, slope = disc(table, float(radius[y, x0]))
        frame, inside = part(len(weights) // 2, y, x0)
        value = image[:, y, x0].astype(np.float64)
        exact[:, *frame] += value[:, None, None] * weights[inside]
        size[:, *frame] += value[:, None, None] * np.abs(weights[inside])

        g = grad[:, *frame].astype(np.float64)
        found = x.grad[:, y, x0].numpy()
        wanted = (g * weights[inside]).sum((1, 2))
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * np.abs(g).max())
        if r.grad is not None:
            wanted_r = float((value * (g * slope[inside]).sum((1, 2))).sum())
            among = float((value * (np.abs(g * slope[inside])).sum((1, 2))).sum())
            assert abs(float(r.grad[y, x0]) - wanted_r) <= 1e-5 * among + 1e-9
    error = np.abs(out.detach().numpy() - exact)
    assert error.max() <= 1e-5 * size.max()
    assert np.linalg.norm(error) <= 1e-6 * np.linalg.norm(exact)


@pytest.mark.parametrize("kernel", ["soap_bubble", "gaussian", "disc", Aperture(blades=5)])
def test_tables_hold_no_rim_of_zeros(kernel) -> None:
    """Forward and backward walk over every extent: a row of zeros is a row for nothing."""
    table = weight_table(kernel_of(spec_of(kernel, beta=2.0, calibrated=True)), 9)
    for node, (extent, middle) in enumerate(zip(table.extent, table.centre, strict=True)):
        stride = 2 * extent + 1 + 32
        rim = [middle + extent * stride + dx for dx in range(-extent, extent + 1)]
        rim += [middle + dy * stride + extent for dy in range(extent + 1)]
        rim += [middle + dy * stride - extent for dy in range(extent + 1)]
        if not table.mirrored:
            rim += [middle - extent * stride + dx for dx in range(-extent, extent + 1)]
            rim += [middle - dy * stride + s * extent for dy in range(extent + 1) for s in (-1, 1)]
        used = (table.weights[rim] != 0) | (table.changes[rim] != 0)
        assert used.any() or extent == 1, node
