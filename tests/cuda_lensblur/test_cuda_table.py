# SPDX-License-Identifier: Apache-2.0
"""The CUDA lens blur by a table, cut and uncut, against the CPU's kernel, which reads the same one.

Without a GPU the text of scatter_table.cu runs on the CPU through launch_shim.h; with one, the same
cases run there too. No GPU has run it yet.
"""

import ctypes
import math
from collections.abc import Callable

import pytest
import torch

from cuda_lensblur import Aperture, LensBlurError, cuda_table, native, scatter_blur
from cuda_lensblur.clip import Clip
from cuda_lensblur.kernel import Kernel
from cuda_lensblur.reference import Conics
from cuda_lensblur.specs import kernel_of, spec_of

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
pytestmark = pytest.mark.skipif(
    native.native_library() is None, reason="no C++ compiler: there is nothing to compare with"
)
Found = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # output, gradients in image and radius


def picture() -> torch.Tensor:
    """Return a highlight that is alike nowhere, wider than high."""
    return torch.rand(9, 14, generator=torch.Generator().manual_seed(3)).double()


KERNELS = {
    "round": lambda: "soap_bubble",
    "blades": lambda: Aperture(blades=5, rotation_deg=10),
    "oval": lambda: Aperture(blades=7, squeeze=2.0, roundness=0.3, rim_beta=1.0),
    "picture": picture,
}


def kernel_named(name: str) -> Kernel:
    return kernel_of(spec_of(KERNELS[name](), beta=2.0, calibrated=True))


def conics_for(count: int, batch: int, height: int, width: int) -> Conics | None:
    """Return discs that move over the frame, and slanted lines, hard and soft by turns."""
    if count == 0:
        return None
    shape = (batch, height, width)
    x = torch.linspace(-1, 1, width).expand(shape)
    y = torch.linspace(-0.6, 0.6, height)[:, None].expand(shape)
    none, planes = torch.zeros(shape), []
    for k in range(count):
        a, turn = 0.9 - 0.1 * k, math.tau * k / 7
        if k % 2:
            line = [none + 0.5 + 0.2 * x, none + math.cos(turn), none + math.sin(turn)]
            planes.append([*line, none, 0.2 * y, none])
        else:
            middle = 0.5 * (1 - a * a * (x * x + y * y))
            planes.append([middle, a * x, a * y, none - 0.5, none + 0.1, none - 0.5])
    stacked = torch.stack([torch.stack(one, 1) for one in planes], 1)
    return stacked.contiguous(), [(0.0, 0.4, 0.05)[k % 3] for k in range(count)]


class Scene:
    """An image, an eighth of it dark, its radii and a gradient to send back."""

    def __init__(self, shape: tuple[int, int, int, int], top_px: float, seed: int = 0) -> None:
        random = torch.Generator().manual_seed(seed)
        batch, _, height, width = shape
        self.image = torch.rand(shape, generator=random) - 0.2
        self.image *= torch.rand((batch, 1, height, width), generator=random) > 0.125
        radius = torch.rand((batch, height, width), generator=random)
        self.radius = radius * (torch.rand(radius.shape, generator=random) > 0.1) * top_px
        self.grad = torch.randn(shape, generator=random)

    def on_cpu(self, kernel: Kernel, conics: Conics | None) -> Found:
        library = native.native_library()
        given = self.image, self.radius, kernel
        out = native.native_forward(library, *given, conics=conics)
        return out, *native.native_backward(library, self.grad, *given, conics=conics)


def less_than_a_tile() -> Scene:
    return Scene((1, 3, 7, 13), 4.0, seed=1)


def several_tiles() -> Scene:
    return Scene((1, 5, 27, 67), 7.0, seed=2)


def two_narrow_frames() -> Scene:
    return Scene((2, 4, 41, 3), 6.0, seed=3)


def one_large_disc_among_small() -> Scene:
    scene = Scene((1, 1, 19, 100), 1.4, seed=4)
    scene.radius[0, 2, 97] = 21.0
    scene.image[0, 0, 2, 97] = 40.0  # must be seen from tiles whose neighbours are all small
    return scene


def guarded(t: torch.Tensor) -> torch.Tensor:
    """Return a copy that lies between NaNs: a read past its end shows."""
    around = torch.full((t.numel() + 512,), math.nan)
    around[256:-256] = t.ravel()
    return around[256:-256].view(t.shape)


def run(library: ctypes.CDLL, scene: Scene, kernel: Kernel, conics: Conics | None) -> Found:
    image, radius, grad = (guarded(t) for t in (scene.image, scene.radius, scene.grad))
    cut = None if conics is None else (guarded(conics[0]), conics[1])
    table = cuda_table.table_on(image.device, kernel, float(radius.max()))
    out = cuda_table.run_table_forward(library, image, radius, table, cut, stream=0)
    back = cuda_table.run_table_backward(library, grad, image, radius, table, cut, stream=0)
    return out, *back


def assert_alike(found: Found, wanted: Found, error: float) -> None:
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=error * float(b.abs().max()))


SCENES = (less_than_a_tile, several_tiles, two_narrow_frames, one_large_disc_among_small)
all_scenes = pytest.mark.parametrize("scene", SCENES, ids=lambda make: make.__name__)
all_cases = pytest.mark.parametrize(
    ("kernel", "count"),
    [
        *((name, 2) for name in KERNELS),
        *((name, 0) for name in KERNELS if name != "round"),
        *(("round", count) for count in (1, 3, 8)),
        ("blades", 7),
    ],
)


@all_scenes
@all_cases
@pytest.mark.usefixtures("nan_where_unwritten")
def test_the_kernel_text_computes_what_the_cpu_does(
    shim: ctypes.CDLL, scene: Callable[[], Scene], kernel: str, count: int
) -> None:
    made, held = scene(), kernel_named(kernel)
    conics = conics_for(count, *made.radius.shape)
    # sums of some hundred float32 terms in another order
    assert_alike(run(shim, made, held, conics), made.on_cpu(held, conics), error=1e-5)


@pytest.mark.parametrize("count", [2, 5])
def test_the_order_of_threads_does_not_matter(shim: ctypes.CDLL, count: int) -> None:
    scene, held = several_tiles(), kernel_named("blades")
    conics = conics_for(count, *scene.radius.shape)
    rising = run(shim, scene, held, conics)
    shim.lensblur_shim_reverse(1)
    try:
        falling = run(shim, scene, held, conics)
    finally:
        shim.lensblur_shim_reverse(0)
    assert all(torch.equal(a, b) for a, b in zip(rising, falling, strict=True))


def test_discs_that_conics_leave_nothing_of_lose_light_as_on_the_cpu(shim: ctypes.CDLL) -> None:
    scene, held = less_than_a_tile(), kernel_named("round")
    planes = torch.zeros(1, 1, 6, *scene.radius.shape[1:])
    planes[:, :, 0] = -2.0
    found, wanted = (
        run(shim, scene, held, (planes, [0.0])),
        scene.on_cpu(held, (planes, [0.0])),
    )
    assert_alike(found, wanted, error=1e-5)
    lost = scene.radius[0] >= 1
    assert float(found[1][0][:, lost].abs().max()) == 0.0


@pytest.mark.parametrize("shape", [(1, 0, 4, 5), (0, 3, 4, 5), (1, 3, 0, 5)])
def test_nothing_in_nothing_out(shim: ctypes.CDLL, shape: tuple[int, ...]) -> None:
    image, radius = torch.ones(shape), torch.ones(shape[0], *shape[2:])
    table = cuda_table.table_on(image.device, kernel_named("blades"), 1.0)
    out = cuda_table.run_table_forward(shim, image, radius, table, None, stream=0)
    back = cuda_table.run_table_backward(shim, image, image, radius, table, None, stream=0)
    assert out.shape == back[0].shape == shape
    assert torch.equal(back[1], torch.zeros_like(radius))


def test_more_conics_than_there_can_be_are_refused(shim: ctypes.CDLL) -> None:
    scene, held = less_than_a_tile(), kernel_named("round")
    with pytest.raises(RuntimeError, match=r"could not be launched: invalid argument \(error 1\)"):
        run(shim, scene, held, conics_for(9, *scene.radius.shape))


def test_what_is_not_on_a_device_is_refused_by_name() -> None:
    image, radius = torch.ones(1, 3, 4, 5), torch.ones(1, 4, 5)
    with pytest.raises(LensBlurError, match="image: expected on one CUDA device, got cpu"):
        cuda_table.table_forward(image, radius, kernel_named("blades"), None)


def test_a_table_on_a_device_is_made_once_and_grows() -> None:
    held = kernel_of(spec_of(Aperture(blades=9), beta=2.0, calibrated=True))
    small = cuda_table.table_on(torch.device("cpu"), held, 3.0)
    assert cuda_table.table_on(torch.device("cpu"), held, 2.0) is small
    large = cuda_table.table_on(torch.device("cpu"), held, 19.0)
    assert len(large.arrays["reach"]) > len(small.arrays["reach"])
    assert cuda_table.table_on(torch.device("cpu"), held, 3.0) is large


@pytest.mark.parametrize("name", KERNELS)
def test_nothing_lies_beyond_the_reach_of_a_table(name: str) -> None:
    """The tiles that a GPU looks at follow from it: at root 2, float32 would miss a corner."""
    table = cuda_table.table_on(torch.device("cpu"), kernel_named(name), 9.0).source
    for node in range(0, len(table.extent), 3):
        e, middle = int(table.extent[node]), int(table.centre[node])
        farthest = 0.0
        for dy in range(0 if table.mirrored else -e, e + 1):
            start = middle + dy * (2 * e + 33)
            for values in (table.weights, table.changes):
                used = (values[start - e : start + e + 1] != 0).nonzero()[0] - e
                if len(used):
                    farthest = max(farthest, math.hypot(dy, max(abs(used[0]), abs(used[-1]))))
        assert max(1.0, farthest) < float(table.reach[node]) < max(1.0, farthest) + 0.01


@pytest.mark.gpu
@needs_gpu
@all_scenes
@all_cases
def test_the_gpu_computes_what_the_cpu_does(
    scene: Callable[[], Scene], kernel: str, count: int
) -> None:
    made, held = scene(), kernel_named(kernel)
    conics = conics_for(count, *made.radius.shape)
    image, radius, grad = (t.cuda() for t in (made.image, made.radius, made.grad))
    cut = None if conics is None else (conics[0].cuda(), conics[1])
    out = cuda_table.table_forward(image, radius, held, cut)
    back = cuda_table.table_backward(grad, image, radius, held, cut)
    assert_alike(tuple(t.cpu() for t in (out, *back)), made.on_cpu(held, conics), error=2e-5)


@pytest.mark.gpu
@needs_gpu
def test_the_gpu_runs_it_where_discs_are_cut() -> None:
    scene = several_tiles()
    planes, softness = conics_for(2, *scene.radius.shape)
    clip = Clip(planes, tuple(softness))
    kernel = Aperture(blades=5)
    wanted = scatter_blur(scene.image, scene.radius, kernel=kernel, clip=clip)
    found = scatter_blur(scene.image.cuda(), scene.radius.cuda(), kernel=kernel, clip=clip)
    torch.testing.assert_close(found.cpu(), wanted, rtol=0, atol=2e-5)
