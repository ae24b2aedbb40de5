# SPDX-License-Identifier: Apache-2.0
"""The kernels' own text, taken out of the .gizmo file and compiled, against `cuda_lensblur`."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from blink_kernel import FORBIDDEN, BlinkKernel
from nuke_script import evaluated
from pullfocus.model.glass import Glass, spread
from pullfocus_nuke.bokeh import KERNEL_WIRES
from scipy.ndimage import gaussian_filter

from cuda_lensblur import Aperture, Field, FrameView, scatter_blur
from cuda_lensblur.aperture import aperture_kernel
from cuda_lensblur.kernel import disc_kernel
from cuda_lensblur.reference import forward

GIZMO = Path(__file__).parents[2] / "nuke_gizmo" / "gizmos" / "PullFocus.gizmo"
HEIGHT, WIDTH, TOP = 48, 64, 12
IRISES = {
    "six blades": (
        {"Blades": 6, "Rotation": 20, "Rim": 0},
        Aperture(blades=6, rotation_deg=20),
    ),
    "oval ring with a rim": (
        {"Blades": 5, "Rotation": 10, "Roundness": 0.4, "Squeeze": 1.8, "Rim": 1, "InnerRing": 0.3},
        Aperture(
            blades=5,
            rotation_deg=10,
            roundness=0.4,
            squeeze=1.8,
            rim_beta=1.0,
            inner_radius=0.3,
        ),
    ),
    "plain disc": ({"Rim": 0}, Aperture()),
}


@pytest.fixture(scope="module")
def texts(tcl: str) -> dict[str, str]:
    top, _ = evaluated(GIZMO.read_text())
    nodes = top["PullFocus"].nodes
    return {name: nodes[f"fg_{name}"].knobs["kernelSource"] for name in KERNEL_WIRES}


@pytest.fixture(scope="module")
def kernels(texts: dict[str, str], compiler: str) -> dict[str, BlinkKernel]:
    return {name: BlinkKernel(text) for name, text in texts.items()}


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(1 / np.mean((np.float64(a) - b) ** 2)))


def blurred(kernels, image, radius, **shape) -> np.ndarray:
    """Blur by signed radii; red says which side of the focus, green how far."""
    coc = np.zeros((*radius.shape, 4), np.float32)
    coc[..., 0], coc[..., 1], coc[..., 3] = radius, np.abs(radius), 1
    found = kernels["weights"](coc, MaxRadius=TOP, **shape)
    reach = {"MaxRadius": TOP, "Squeeze": shape.get("Squeeze", 1)}
    for columns in (0, 1):
        found = kernels["rows"](found, Columns=columns, **reach)
    return kernels["scatter"](image, found, **shape)


def bordered(array: np.ndarray, width: int) -> np.ndarray:
    return np.pad(array, [(width, width)] * 2 + [(0, 0)] * (array.ndim - 2), mode="edge")


def expected(image, radius, kernel=None) -> np.ndarray:
    """The core's blur of the picture with its outermost pixels going on beyond the border."""
    margin = 2 * TOP + 4
    planes = torch.from_numpy(bordered(image, margin)).permute(2, 0, 1)
    radii = torch.from_numpy(bordered(radius, margin))
    if kernel is None:
        out = scatter_blur(planes, radii)
    else:
        # weights as defined: the core's own tables of irises are good to about 60 dB
        out = forward(planes[None].double(), radii[None].double(), kernel)[0]
    return out.permute(1, 2, 0).numpy()[margin:-margin, margin:-margin]


@pytest.fixture
def layer(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A premultiplied card with a soft edge and highlights, radii from 0 to 8 px."""
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[12:40, 16:50] = 1
    alpha = gaussian_filter(alpha, 1.0)
    colour = rng.random((HEIGHT, WIDTH, 3)).astype(np.float32)
    colour[rng.random((HEIGHT, WIDTH)) > 0.995] = 8
    image = np.dstack([colour * alpha[..., None], alpha])
    radius = np.abs(gaussian_filter(rng.standard_normal((HEIGHT, WIDTH)), 7)) * 60
    return image.astype(np.float32), radius.clip(0, 8).astype(np.float32)


def test_a_layer_comes_out_as_the_core_blurs_it(kernels, layer) -> None:
    assert psnr(blurred(kernels, *layer), expected(*layer)) > 70


def test_two_layers_merged_come_out_as_the_core_merges_them(kernels, layer, rng) -> None:
    image, radius = layer
    wall = np.dstack([rng.random((HEIGHT, WIDTH, 3)), np.ones((HEIGHT, WIDTH))]).astype(np.float32)
    far = np.full((HEIGHT, WIDTH), 5.5, np.float32)

    def merged(one):
        front, back = one(image, radius), one(wall, far)
        return front + back / back[..., 3:] * (1 - front[..., 3:])

    ours = merged(lambda *layer: blurred(kernels, *layer))
    assert psnr(ours, merged(expected)) > 70


@pytest.mark.parametrize("radius", [0.0, 0.3, 0.7, 1.0, 1.4, 3.0, 6.7, 11.5])
def test_one_radius_keeps_the_light_and_matches(kernels, radius: float) -> None:
    image = np.zeros((81, 81, 4), np.float32)
    image[40, 40] = 1
    radii = np.full((81, 81), radius, np.float32)
    out = blurred(kernels, image, radii)
    assert out.sum((0, 1)) == pytest.approx(1, rel=2e-4)
    assert np.abs(out - expected(image, radii)).max() < 5e-4 * out.max()


@pytest.mark.parametrize("shape", IRISES.values(), ids=IRISES.keys())
def test_irises_come_out_as_defined(kernels, layer, shape) -> None:
    knobs, aperture = shape
    kernel = aperture_kernel(aperture, True)
    assert psnr(blurred(kernels, *layer, **knobs), expected(*layer, kernel)) > 70


OFF_AXIS = {
    "cat's eye": ({"CatsEye": 1.2}, Glass(field=Field(cats_eye=1.2))),
    "cat's eye of five blades": (
        {"CatsEye": 0.9, "Blades": 5, "Rotation": 15, "Rim": 0},
        Glass(Aperture(blades=5, rotation_deg=15), Field(cats_eye=0.9)),
    ),
    "soft, screen-relative, oval": (
        {"CatsEye": 1, "CatsEyeSoftness": 0.4, "ScreenRelative": 1, "Squeeze": 1.6, "Rim": 0},
        Glass(
            Aperture(squeeze=1.6),
            Field(cats_eye=1.0, cats_eye_softness=0.4, screen_relative=True),
        ),
    ),
    "over-corrected": ({"Spherical": 0.8, "Rim": 0}, Glass(Aperture(spherical=0.8))),
    "under-corrected triangle": (
        {"Spherical": -0.7, "Blades": 3, "Rim": 1},
        Glass(Aperture(blades=3, spherical=-0.7, rim_beta=1.0)),
    ),
}


@pytest.mark.parametrize("shape", OFF_AXIS.values(), ids=OFF_AXIS.keys())
def test_before_and_behind_the_focus_off_the_axis_as_the_core_has_it(kernels, shape) -> None:
    """Highlights on black: borders, which go on in Nuke, stay out of it."""
    knobs, glass = shape
    image = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    image[14:36:10, 14:52:9] = 1
    radius = np.full((HEIGHT, WIDTH), 7.0, np.float32)
    radius[:, WIDTH // 2 :] = -6.0
    ours = blurred(kernels, image, radius, **knobs)
    stack = torch.from_numpy(image).permute(2, 0, 1)
    view = FrameView(WIDTH, HEIGHT)
    light, _ = spread(stack, torch.from_numpy(radius), glass, view)
    theirs = light.permute(1, 2, 0).numpy()
    assert ours[..., :3].sum() == pytest.approx(image[..., :3].sum(), rel=2e-3)
    assert np.abs(ours[..., :3] - theirs).max() < 0.02 * theirs.max()


def test_sizes_are_those_of_the_calibration(kernels) -> None:
    radius = np.linspace(1, TOP, 96, dtype=np.float32)[None]
    coc = np.zeros((1, 96, 4), np.float32)
    coc[..., 1] = radius
    sizes = kernels["weights"](coc, MaxRadius=TOP)[..., 0]
    truth = disc_kernel("soap_bubble").size(torch.from_numpy(radius).double())[0].numpy()
    assert np.abs(sizes - truth).max() < 2e-3


def test_half_resolution_halves_the_radii(kernels) -> None:
    coc = np.full((2, 96, 4), 8, np.float32)
    full = kernels["weights"](coc / 2, MaxRadius=TOP, PlateWidth=96)
    proxy = kernels["weights"](coc, MaxRadius=TOP, PlateWidth=192)
    np.testing.assert_allclose(proxy, full, rtol=2e-3)


def test_up_is_up(kernels) -> None:
    """A triangle points to the right at 0 degrees, and up at 90."""
    image = np.zeros((41, 41, 4), np.float32)
    image[20, 20] = 1
    radii = np.full((41, 41), 10, np.float32)
    for turn, place in ((0, (20, 32)), (90, (8, 20))):
        out = blurred(kernels, image, radii, Blades=3, Rotation=turn, Rim=0)[..., 0]
        mirrored = (40 - place[0], 40 - place[1])
        assert out[place] > 0.5 * out.max() > 2 * out[mirrored]


def test_kernels_use_only_what_blink_has(texts) -> None:
    for name, text in texts.items():
        code = re.sub(r"//[^\n]*", "", text)
        assert not re.search(FORBIDDEN, code), re.search(FORBIDDEN, code)
        numbers = re.findall(r"(?<![\w.])\d+\.\d*(?:[eE]-?\d+)?(?!\d)f?", code)
        assert all(number.endswith("f") for number in numbers), numbers
        _, kernel, wires = KERNEL_WIRES[name]
        labels = re.findall(r'defineParam\(\s*\w+\s*,\s*"([^"]*)"', code)
        assert f"kernel {kernel} :" in code
        assert sorted(labels) == sorted(wires)
        assert all(re.fullmatch(r"\w+", label) for label in labels)


def test_the_shim_refuses_what_is_undefined(compiler: str, tmp_path: Path) -> None:
    """A point image has no other pixels: reading them does not compile."""
    text = """kernel Bad : ImageComputationKernel<ePixelWise> {
      Image<eRead, eAccessPoint, eEdgeClamped> src; Image<eWrite> dst;
      void define() {} void init() {} void process(int2 pos) { dst() = src(pos.x, 0); } };"""
    with pytest.raises(Exception, match="non-zero exit status"):
        BlinkKernel(text)
