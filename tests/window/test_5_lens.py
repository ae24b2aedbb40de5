# SPDX-License-Identifier: Apache-2.0
"""PullFocus Lens, the asset: its picture against the lens blur of pullfocus, layer by layer."""

from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
import torch

from cuda_lensblur import scatter_blur
from tests.window.by_hand import ByHand
from tests.window.conftest import CLIP, ROOT

pytestmark = pytest.mark.window

_CASES = {"near blurred": (-6.0, 3.0), "near sharp": (0.0, 5.0)}  # radii of subject and rest, px
_EDGE = slice(12, -12)


def display(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    apart = np.square(display(first) - display(second))[_EDGE, _EDGE]
    return float(-10 * np.log10(max(float(apart.mean()), 1e-10)))


def layer(picture: np.ndarray, radius: float) -> np.ndarray:
    """Blur a premultiplied picture, (h, w, 4), by one radius, px."""
    planes = torch.from_numpy(picture.astype(np.float32)).movedim(-1, 0).contiguous()
    return scatter_blur(planes, torch.full(planes.shape[1:], abs(radius))).movedim(0, -1).numpy()


@pytest.fixture(scope="module")
def clip() -> tuple[np.ndarray, np.ndarray]:
    """Sharp frame, linear (h, w, 3), and where the subject is."""
    coded = cv2.imread(str(CLIP / "sharp.0008.png"))[..., ::-1].astype(np.float32) / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return light, cv2.imread(str(CLIP / "alpha.0008.png"), cv2.IMREAD_GRAYSCALE) > 127


@pytest.fixture(scope="module")
def rendered(hand: ByHand, clip: tuple[np.ndarray, np.ndarray]) -> Path:
    folder = hand.room.work / "lens"
    folder.mkdir()
    light, subject = clip
    for name, (near, far) in _CASES.items():
        radius = np.where(subject, near, far)[..., None]
        whole = np.concatenate([light, np.ones_like(radius), radius], axis=2)
        np.save(folder / f"{name}.npy", whole.astype(np.float32))
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
    light, subject = clip
    near, far = _CASES[name]
    coded = (display(light) * 255).astype(np.uint8)
    behind = cv2.inpaint(coded, subject.astype(np.uint8) * 255, 8, cv2.INPAINT_TELEA) / 255
    behind = np.where(subject[..., None], behind**2.2, light)
    front = layer(np.dstack([light, np.ones_like(subject)]) * subject[..., None], near)
    back = layer(np.dstack([behind, np.ones_like(subject)]), far)
    wanted = front[..., :3] + (1 - front[..., 3:]) * back[..., :3]
    assert psnr(read(rendered / f"{name}.exr"), wanted) > 38


def test_lens_is_a_modifier_of_strips(rendered: Path):
    plain, through = (read(rendered / f"strip_{name}.exr") for name in ("without", "with"))
    assert plain.std() > 0.05
    assert np.abs(np.diff(through, axis=1)).mean() < 0.6 * np.abs(np.diff(plain, axis=1)).mean()
