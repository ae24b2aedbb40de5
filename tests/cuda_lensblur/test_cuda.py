# SPDX-License-Identifier: Apache-2.0
"""The CUDA lens blur against its definition, in float64 over all pairs of pixels.

Without a GPU, the text of scatter_cuda.cu runs on the CPU through launch_shim.h; with one, the
same cases run there too.
"""

import ctypes
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from cuda_lensblur import LensBlurError, cuda

BETA = 2.0
SOAP_BUBBLE, GAUSSIAN, DISC, TANH, EXTENDED_BOX = KINDS = range(5)
PLANES = ("rho", "scale", "centre", "d_rho", "d_scale", "d_centre")


# The definition, written from its formulas alone: plane values and distances in float64.
def shape(kind: int, rho: np.ndarray, t: np.ndarray) -> np.ndarray:
    d = rho - t
    with np.errstate(all="ignore"):
        if kind == SOAP_BUBBLE:
            e = np.exp(-BETA * np.abs(d))
            return np.where(d >= 0, 1 / (1 - d * e), np.where(d > -3, e / (e - d), 0))
        if kind == GAUSSIAN:
            return np.where(t > 3.5 * rho, 0, np.exp(-(t**2) / (2 * rho**2)))
        if kind == DISC:
            return (d >= 0).astype(float)
        if kind == TANH:
            return np.where(d > -1.5, 0.5 + 0.5 * np.tanh(4 * d), 0)
        return np.clip(d + 0.5, 0, 1)


def slope(kind: int, rho: np.ndarray, t: np.ndarray) -> np.ndarray:
    d = rho - t
    with np.errstate(all="ignore"):
        if kind == SOAP_BUBBLE:
            e = np.exp(-BETA * np.abs(d))
            outside = np.where(d > -3, e * (1 - BETA * d) / (e - d) ** 2, 0)
            return np.where(d >= 0, (1 - BETA * d) * e / (1 - d * e) ** 2, outside)
        if kind == GAUSSIAN:
            return shape(kind, rho, t) * t**2 / rho**3
        if kind == DISC:
            return np.zeros_like(d)
        if kind == TANH:
            return np.where(d > -1.5, 2 * (1 - np.tanh(4 * d) ** 2), 0)
        return (np.abs(d) < 0.5).astype(float)


def distances(height: int, width: int) -> np.ndarray:
    """Distance of output pixel p (rows) and source pixel q (columns), px."""
    y, x = (a.ravel() for a in np.mgrid[:height, :width])
    return np.hypot(y[:, None] - y, x[:, None] - x)


def planes_of(radius: np.ndarray) -> dict[str, np.ndarray]:
    """Planes as a radius could give them, and their derivatives: scale 0 but rising at radius 0."""
    rho, share, d_share = 0.7 + 1.1 * radius, radius / (1 + radius), 1 / (1 + radius) ** 2
    total, d_total = 1 + 3 * rho**2, 6 * rho * 1.1
    return {
        "rho": rho,
        "scale": share / total,
        "centre": 1 - share,
        "d_rho": np.full_like(rho, 1.1),
        "d_scale": (d_share - share * d_total / total) / total,
        "d_centre": -d_share,
    }


@dataclass
class Scene:
    image: torch.Tensor  # [B, C, H, W] float32
    grad: torch.Tensor  # [B, C, H, W]
    planes: dict[str, torch.Tensor]  # each [B, H, W]

    def exact(self, kind: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Output, image gradient and radius gradient by the definition."""
        batch, channels, height, width = self.image.shape
        t = distances(height, width)
        out, grad_image, grad_radius = [], [], []
        for b in range(batch):
            image, grad = (
                a[b].double().numpy().reshape(channels, -1) for a in (self.image, self.grad)
            )
            rho, scale, centre, d_rho, d_scale, d_centre = (
                self.planes[name][b].double().numpy().ravel() for name in PLANES
            )
            k, dk = shape(kind, rho, t), slope(kind, rho, t)
            spread = grad @ k
            out.append((image * scale) @ k.T + image * centre)
            grad_image.append(scale * spread + centre * grad)
            per_channel = d_scale * spread + scale * d_rho * (grad @ dk) + d_centre * grad
            grad_radius.append((image * per_channel).sum(0))
        shapes = self.image.shape, self.image.shape, self.planes["rho"].shape
        found = (out, grad_image, grad_radius)
        return tuple(np.stack(a).reshape(s) for a, s in zip(found, shapes, strict=True))


def make_scene(radius: np.ndarray, channels: int, seed: int = 0) -> Scene:
    """Return a scene over radii (B, H, W), a tenth of them 0, a tenth of the pixels dark."""
    rng = np.random.default_rng(seed)
    radius = np.where(rng.random(radius.shape) < 0.1, 0, radius)
    batch, height, width = radius.shape
    image = rng.random((batch, channels, height, width)) * 2 - 0.5
    image *= rng.random((batch, 1, height, width)) > 0.1
    return Scene(
        torch.from_numpy(image).float(),
        torch.from_numpy(rng.standard_normal(image.shape)).float(),
        {name: torch.from_numpy(a).float() for name, a in planes_of(radius).items()},
    )


def one_pixel() -> Scene:
    return make_scene(np.full((1, 1, 1), 5.0), channels=1, seed=2)


def less_than_a_tile() -> Scene:
    return make_scene(np.random.default_rng(1).random((1, 7, 13)) * 4, channels=3)


def several_tiles() -> Scene:
    return make_scene(np.random.default_rng(2).random((1, 33, 65)) * 6, channels=5)


def one_huge_disc_among_small() -> Scene:
    radius = np.random.default_rng(3).random((1, 20, 131)) * 1.5
    radius[0, 1, 129] = 90
    scene = make_scene(radius, channels=1)
    scene.image[0, 0, 1, 129] = 50  # must be seen from tiles whose neighbours are all small
    return scene


def larger_than_the_frame() -> Scene:
    return make_scene(30 + np.random.default_rng(4).random((1, 17, 40)) * 300, channels=4)


def two_narrow_frames() -> Scene:
    return make_scene(np.random.default_rng(5).random((2, 70, 3)) * 9, channels=6)


def sizes_at_the_steps() -> Scene:
    """Return sizes that put whole distances exactly on the cuts and edges of the shapes."""
    scene = make_scene(np.ones((1, 24, 40)), channels=3)
    sizes = torch.tensor([0.5, 1.0, 1.5, 2.0, 2.5, 5.0])
    scene.planes["rho"] = sizes[torch.arange(24 * 40) % len(sizes)].reshape(1, 24, 40).clone()
    return scene


SCENES = (
    one_pixel,
    less_than_a_tile,
    several_tiles,
    one_huge_disc_among_small,
    larger_than_the_frame,
    two_narrow_frames,
    sizes_at_the_steps,
)
all_cases = pytest.mark.parametrize("scene", SCENES, ids=lambda make: make.__name__)
all_kinds = pytest.mark.parametrize("kind", KINDS)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def assert_exact(
    found: tuple[torch.Tensor, ...], exact: tuple[np.ndarray, ...], error: float
) -> None:
    for a, b in zip(found, exact, strict=True):
        np.testing.assert_allclose(a.double().numpy(), b, rtol=0, atol=error * np.abs(b).max())


def guarded(t: torch.Tensor) -> torch.Tensor:
    """Return a copy that lies between NaNs: a read past its end shows."""
    around = torch.full((t.numel() + 512,), math.nan)
    around[256:-256] = t.ravel()
    return around[256:-256].view(t.shape)


def run(library: ctypes.CDLL, scene: Scene, kind: int) -> tuple[torch.Tensor, ...]:
    image, grad = guarded(scene.image), guarded(scene.grad)
    planes = [guarded(scene.planes[name]) for name in PLANES]
    out = cuda.run_forward(library, image, planes[:3], kind, BETA, stream=0)
    return out, *cuda.run_backward(library, grad, image, planes, kind, BETA, stream=0)


@all_cases
@all_kinds
@pytest.mark.usefixtures("nan_where_unwritten")
def test_the_kernel_text_computes_the_definition(shim: ctypes.CDLL, scene, kind: int) -> None:
    made = scene()
    # sums of up to some thousand float32 terms: 4.5e-7 at most was measured
    assert_exact(run(shim, made, kind), made.exact(kind), error=2e-6)


@all_kinds
def test_the_order_of_threads_does_not_matter(shim: ctypes.CDLL, kind: int) -> None:
    scene = several_tiles()
    rising = run(shim, scene, kind)
    shim.lensblur_shim_reverse(1)
    try:
        falling = run(shim, scene, kind)
    finally:
        shim.lensblur_shim_reverse(0)
    assert all(torch.equal(a, b) for a, b in zip(rising, falling, strict=True))


@pytest.mark.parametrize("kind", [SOAP_BUBBLE, GAUSSIAN, TANH, EXTENDED_BOX])
def test_the_radius_gradient_is_the_slope_of_the_output(shim: ctypes.CDLL, kind: int) -> None:
    rng = np.random.default_rng(6)
    radius, step = rng.random((1, 9, 14)) * 4, 1e-6
    scene = make_scene(radius, channels=3)
    radius = np.where(scene.planes["scale"].numpy() == 0, 0, radius)
    t = distances(9, 14)

    def per_source(r: np.ndarray) -> np.ndarray:
        """The sum of grad * output that each source is the cause of."""
        p = {name: a.ravel() for name, a in planes_of(r).items()}
        weights = p["scale"] * shape(kind, p["rho"], t) + np.diag(p["centre"])
        grad, image = (a[0].double().numpy().reshape(3, -1) for a in (scene.grad, scene.image))
        return ((grad @ weights) * image).sum(0).reshape(r.shape)

    numeric = (per_source(radius + step) - per_source(radius - step)) / (2 * step)
    assert np.abs(numeric[radius == 0]).max() > 0.01  # radii of 0 can grow
    found = run(shim, scene, kind)[2].double().numpy()
    np.testing.assert_allclose(found, numeric, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("beta", [0.5, 8.0])
def test_the_flat_inside_of_a_soap_bubble_follows_its_rim(shim: ctypes.CDLL, beta: float) -> None:
    # A delta's output is the disc itself: skipping the exponential inside must not show.
    image = torch.zeros(1, 1, 5, 201)
    image[..., 2, 100] = 1
    rho, one = torch.full((1, 5, 201), 95.0), torch.ones(1, 5, 201)
    out = cuda.run_forward(shim, image, (rho, one, 0 * one), SOAP_BUBBLE, beta, stream=0)
    d = 95 - np.abs(np.arange(201) - 100.0)
    e = np.exp(-beta * np.abs(d))
    tail = 12 if beta == 0.5 else 3  # where Eq. 2 has fallen below 1e-3
    k = np.where(d >= 0, 1 / (1 - d * e), e / (e - d)) * (d > -tail)
    np.testing.assert_allclose(out[0, 0, 2].numpy(), k, rtol=0, atol=3e-7)


def test_a_gaussian_of_size_zero_stays_on_its_pixel(shim: ctypes.CDLL) -> None:
    scene = make_scene(np.ones((1, 9, 40)), channels=3)
    scene.planes["rho"].zero_()
    out, grad_image, grad_radius = run(shim, scene, GAUSSIAN)
    own = (scene.planes["scale"] + scene.planes["centre"])[:, None]
    torch.testing.assert_close(out, scene.image * own)
    torch.testing.assert_close(grad_image, scene.grad * own)
    assert grad_radius.isfinite().all()


@pytest.mark.parametrize("shape_", [(1, 0, 4, 5), (0, 3, 4, 5), (1, 3, 0, 5)])
def test_nothing_in_nothing_out(shim: ctypes.CDLL, shape_: tuple[int, ...]) -> None:
    image = torch.ones(shape_)
    planes = [torch.ones(shape_[0], *shape_[2:])] * 6
    assert cuda.run_forward(shim, image, planes[:3], DISC, BETA, stream=0).shape == shape_
    grad_image, grad_radius = cuda.run_backward(shim, image, image, planes, DISC, BETA, stream=0)
    assert grad_image.shape == shape_
    assert torch.equal(grad_radius, torch.zeros_like(planes[0]))


def test_a_launch_that_fails_says_why(shim: ctypes.CDLL) -> None:
    scene = less_than_a_tile()
    with pytest.raises(RuntimeError, match=r"could not be launched: invalid argument \(error 1\)"):
        run(shim, scene, kind=5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, r"image: expected on a CUDA device, got cpu"),
        ({"image": torch.ones(3, 4, 5)}, r"image: expected \(B, C, H, W\)"),
        ({"kind": 5}, r"kind: expected 0 to 4, got 5"),
        ({"rho": torch.ones(1, 5, 4)}, r"rho: expected shape \(1, 4, 5\), got \(1, 5, 4\)"),
        ({"scale": torch.ones(1, 4, 5).double()}, r"scale: expected float32"),
        ({"centre": torch.ones(1, 5, 4).mT}, r"centre: expected contiguous memory"),
        ({"rho": torch.ones(1, 4, 5, device="meta")}, r"rho: expected on cpu as the image"),
    ],
    ids=["device", "dimensions", "kind", "shape", "type", "layout", "elsewhere"],
)
def test_what_the_kernel_cannot_take_is_refused_by_name(change: dict, message: str) -> None:
    plane = torch.ones(1, 4, 5)
    given = {"image": torch.ones(1, 3, 4, 5), "kind": 0, "beta": BETA}
    given |= {"rho": plane, "scale": plane, "centre": plane} | change
    with pytest.raises(LensBlurError, match=message):
        cuda.cuda_forward(given.pop("image"), **given)


def run_on_gpu(scene: Scene, kind: int) -> tuple[torch.Tensor, ...]:
    planes = {name: a.cuda() for name, a in scene.planes.items()}
    image, shapes = scene.image.cuda(), {"kind": kind, "beta": BETA}
    out = cuda.cuda_forward(image, **{name: planes[name] for name in PLANES[:3]}, **shapes)
    grads = cuda.cuda_backward(scene.grad.cuda(), image, **planes, **shapes)
    return tuple(a.cpu() for a in (out, *grads))


@pytest.mark.gpu
@needs_gpu
@all_cases
@all_kinds
def test_the_gpu_computes_the_definition(scene, kind: int) -> None:
    made = scene()
    # as above, with the fast exponential, root and division of a GPU
    assert_exact(run_on_gpu(made, kind), made.exact(kind), error=1e-5)


@pytest.mark.gpu
@needs_gpu
@all_kinds
def test_the_gpu_gives_the_same_bits_on_any_stream(kind: int) -> None:
    scene = several_tiles()
    first = run_on_gpu(scene, kind)
    with torch.cuda.stream(torch.cuda.Stream()):
        second = run_on_gpu(scene, kind)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
