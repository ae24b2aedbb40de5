# SPDX-License-Identifier: Apache-2.0
"""PullFocus Lens, the asset: its picture against the lens blur of pullfocus, layer by layer."""

import json
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
import torch

from cuda_lensblur import Aperture, scatter_blur
from cuda_lensblur.specs import KernelLike
from tests.window.by_hand import ByHand
from tests.window.conftest import CLIP, ROOT

pytestmark = pytest.mark.window

_CASES = {"near blurred": (-6.0, 3.0), "near sharp": (0.0, 5.0)}  # radii of subject and rest, px
_SQUEEZE = 2.0
_ASKED = {
    "squeezed": {"Squeeze": _SQUEEZE},
    "before": {"output": "Near Matte"},
    "behind": {"output": "Far Matte"},
}
"""The first case again, otherwise."""
_EDGE = slice(12, -12)


def display(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    apart = np.square(display(first) - display(second))[_EDGE, _EDGE]
    return float(-10 * np.log10(max(float(apart.mean()), 1e-10)))


def layer(picture: np.ndarray, radius: float, kernel: KernelLike = "soap_bubble") -> np.ndarray:
    """Blur a premultiplied picture, (h, w, 4), by one radius, px."""
    planes = torch.from_numpy(picture.astype(np.float32)).movedim(-1, 0).contiguous()
    radii = torch.full(planes.shape[1:], abs(radius))
    return scatter_blur(planes, radii, kernel=kernel).movedim(0, -1).numpy()


def through_the_lens(clip: tuple, near: float, far: float, kernel: KernelLike = "soap_bubble"):
    """Return the subject over what lies behind it, each blurred by itself, (h, w, 4)."""
    light, subject = clip
    coded = (display(light) * 255).astype(np.uint8)
    behind = cv2.inpaint(coded, subject.astype(np.uint8) * 255, 8, cv2.INPAINT_TELEA) / 255
    behind = np.where(subject[..., None], behind**2.2, light)
    front = layer(np.dstack([light, np.ones_like(subject)]) * subject[..., None], near, kernel)
    back = layer(np.dstack([behind, np.ones_like(subject)]), far, kernel)
    over = front[..., :3] + (1 - front[..., 3:]) * back[..., :3]
    return np.dstack([over, front[..., 3]])


@pytest.fixture(scope="module")
def clip() -> tuple[np.ndarray, np.ndarray]:
    """Sharp frame, linear (h, w, 3), and where the subject is."""
    coded = cv2.imread(str(CLIP / "sharp.0008.png"))[..., ::-1].astype(np.float32) / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return light, cv2.imread(str(CLIP / "alpha.0008.png"), cv2.IMREAD_GRAYSCALE) > 127


@pytest.fixture(scope="module")
def rendered(hand: ByHand, five: None, clip: tuple[np.ndarray, np.ndarray]) -> Path:
    folder = hand.room.work / "lens"
    folder.mkdir()
    light, subject = clip
    for name, (near, far) in _CASES.items():
        radius = np.where(subject, near, far)[..., None]
        whole = np.concatenate([light, np.ones_like(radius), radius], axis=2)
        np.save(folder / f"{name}.npy", whole.astype(np.float32))
    for name, asked in _ASKED.items():
        (folder / f"{name}.npy").write_bytes((folder / "near blurred.npy").read_bytes())
        (folder / f"{name}.json").write_text(json.dumps(asked))
    cv2.imwrite(str(folder / "plate.png"), cv2.imread(str(CLIP / "sharp.0008.png")))
    hand.room.run(
        f"{hand.room.blender} -b --factory-startup --python {ROOT}/tests/window/lens_render.py"
        f" -- {ROOT}/blender_addon/assets/lens.blend {folder} >{folder}/log.txt 2>&1"
    )
    return folder


def read(path: Path) -> np.ndarray:
    assert path.is_file(), (path.parent / "log.txt").read_text()[-1500:]
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT))[..., :3]


@pytest.mark.parametrize("name", list(_CASES))
def test_lens_is_that_of_pullfocus(rendered: Path, clip: tuple, name: str):
    wanted = through_the_lens(clip, *_CASES[name])[..., :3]
    assert psnr(read(rendered / f"{name}.exr"), wanted) > 38


def test_its_iris_is_squeezed(rendered: Path, clip: tuple):
    shown, round_ = (read(rendered / f"{name}.exr") for name in ("squeezed", "near blurred"))
    wanted = through_the_lens(clip, *_CASES["near blurred"], Aperture(squeeze=_SQUEEZE))[..., :3]
    assert psnr(shown, wanted) > 36
    assert psnr(shown, wanted) > psnr(round_, wanted) + 3


def test_focus_mattes_are_coverage_as_the_lens_shows_it(rendered: Path, clip: tuple):
    cover = through_the_lens(clip, *_CASES["near blurred"])[..., 3]
    before, behind = (read(rendered / f"{name}.exr")[..., 0] for name in ("before", "behind"))
    for shown, wanted in ((before, cover), (behind, 1 - cover)):
        apart = np.abs(shown - wanted)[_EDGE, _EDGE]
        assert apart.mean() < 0.01
        assert apart.max() < 0.15


def test_lens_is_a_modifier_of_strips(rendered: Path):
    plain, through = (read(rendered / f"strip_{name}.exr") for name in ("without", "with"))
    assert plain.std() > 0.05
    assert np.abs(np.diff(through, axis=1)).mean() < 0.6 * np.abs(np.diff(plain, axis=1)).mean()
