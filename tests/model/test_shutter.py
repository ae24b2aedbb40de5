# SPDX-License-Identifier: Apache-2.0
"""An open shutter averages what slides by; radii need not explain it."""

import numpy as np
import pytest
import torch
from pullfocus.model.settings import ModelSettings
from pullfocus.model.shot_model import ShotModel, build_model
from pullfocus.model.shutter import Shutter
from pullfocus.observe.observed import Observed

WIDTH, HEIGHT, COUNT, SPEED = 64, 32, 5, 6.0


def seen(plate: np.ndarray | None = None) -> Observed:
    """One layer that moves right by SPEED px a frame."""
    motion = np.tile(np.eye(3), (1, COUNT, 1, 1))
    motion[0, :, 0, 2] = -SPEED * (np.arange(COUNT) - 2)
    if plate is None:
        plate = np.zeros((COUNT, HEIGHT, WIDTH, 3), np.float16)
    return Observed(
        frames=tuple(range(1, COUNT + 1)), layer_names=("bg",), width=WIDTH, height=HEIGHT,
        colorspace="x", plate=plate, mattes=np.zeros((0, COUNT, HEIGHT, WIDTH), np.uint8), coc=None,
        motion=motion, residual=np.zeros((1, COUNT, 4, 8, 2), np.float32),
    )  # fmt: skip


def model(degrees: float) -> ShotModel:
    """The layer with stripes in its atlas: a sine of 16 px down, 24 px across."""
    settings = ModelSettings(shutter_degrees=degrees, texels_per_px=2.0, overscan_px=16)
    built = build_model(seen(), settings)
    texture = built.layers[0].texture
    height, width = texture.size
    x = torch.arange(width)[None].expand(height, width) / 2
    stripes = 0.5 + 0.4 * torch.sin(2 * torch.pi * x / 24)
    texture.set_linear(stripes[..., None].expand(-1, -1, 3))
    return built


def contrast(picture: torch.Tensor) -> float:
    row = picture[0, HEIGHT // 2, 8:-8]
    return float(row.max() - row.min()) / 0.8


@pytest.mark.parametrize("degrees", [90, 180, 360])
@torch.no_grad()
def test_stripes_lose_the_contrast_that_an_open_shutter_takes(degrees: float) -> None:
    moved = SPEED * degrees / 360
    expected = np.sinc(moved / 24)  # of a sine, averaged over so many px
    sharp = model(0).sharp(2)
    blurred = model(degrees)
    assert contrast(sharp) == pytest.approx(1, abs=0.02)
    assert contrast(blurred.sharp(2)) == pytest.approx(float(expected), abs=0.02)
    still = blurred.frame(2, overscan=False, still=True)[0].colour
    torch.testing.assert_close(still, sharp)
    smear = blurred.smear_px(0, 2, blurred.frame_box())
    assert float(smear.mean()) == pytest.approx(moved, rel=0.02)


@torch.no_grad()
def test_coarse_levels_smear_alike() -> None:
    built = model(360)
    built.hold_atlases_at(1)
    row = built.sharp(2, 1)[0, HEIGHT // 4, 4:-4]
    assert float(row.max() - row.min()) / 0.8 == pytest.approx(np.sinc(SPEED / 24), abs=0.03)


def test_no_more_looks_than_needed() -> None:
    shutter = Shutter(180, found=False)
    assert shutter.degrees == pytest.approx(180)
    assert shutter.moments(torch.full((2, 3, 3), 0.1)) is None
    assert shutter.moments(torch.zeros(2, 0, 0)) is None
    few, many = (shutter.moments(torch.full((2, 3, 3), texels)) for texels in (2.0, 30.0))
    assert few is not None
    assert many is not None
    assert (len(few), len(many)) == (3, 5)
    assert float(many.sum().detach()) == pytest.approx(0, abs=1e-6)
    assert float(many.max().detach()) == pytest.approx(0.5 * 0.4)  # of a frame


def test_how_long_it_is_open_is_found_from_a_plate() -> None:
    with torch.no_grad():
        plate = model(250).sharp(2)
    built = model(90)
    built.shutter = Shutter(90, found=True)
    optimiser = torch.optim.Adam(built.shutter.parameters(), lr=0.1)
    for _ in range(60):
        optimiser.zero_grad()
        (built.sharp(2) - plate).square().mean().backward()
        optimiser.step()
    assert built.shutter.degrees == pytest.approx(250, abs=25)
