# SPDX-License-Identifier: Apache-2.0
"""A lens off its axis, against overlapping discs, half discs and ellipses in closed form."""

import math

import numpy as np
import pytest
import torch

from cuda_lensblur import Aperture, Field, FrameView, LensBlurError, field_clip, scatter_blur

VIEW = FrameView(801, 601)
SIZE = 121
MIDDLE = SIZE // 2
CORNER = math.hypot(VIEW.width, VIEW.height) / 2


def highlight(
    field: Field, coc: float, at: tuple[float, float], bokeh: Aperture | str = "extended_box"
) -> np.ndarray:
    """Light of a spot at a place (px from the axis, rows down), over the mean within its circle."""
    left = round(VIEW.width // 2 + at[0]) - MIDDLE
    top = round(VIEW.height // 2 + at[1]) - MIDDLE
    image, coc_px = torch.zeros(1, SIZE, SIZE), torch.full((SIZE, SIZE), coc)
    image[0, MIDDLE, MIDDLE] = 1
    signed, clip = field_clip(field, coc_px, FrameView(VIEW.width, VIEW.height, left, top))
    out = scatter_blur(image, signed.abs(), kernel=bokeh, clip=clip)[0].numpy()
    assert out.sum() == pytest.approx(1, rel=1e-4)
    return out * math.pi * coc**2


def offsets() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[-MIDDLE : MIDDLE + 1, -MIDDLE : MIDDLE + 1]
    return x, y


def lens_area(distance: float) -> float:
    """Area that two unit discs this far apart share."""
    half = distance / 2
    return 2 * math.acos(half) - distance * math.sqrt(1 - half * half)


@pytest.mark.parametrize("coc", [24.0, -24.0])
@pytest.mark.parametrize("at", [(300, 0), (200, -220), (-380, 280)])
def test_a_cats_eye_is_where_two_discs_overlap(coc: float, at: tuple[float, float]) -> None:
    seen = highlight(Field(cats_eye=1.0), coc, at)
    x, y = offsets()
    radius = abs(coc)
    # behind the focus light is missing away from the axis, before it towards the axis
    moved = -math.copysign(radius, coc) / CORNER
    second = np.hypot(x - moved * at[0], y - moved * at[1])
    inside = (np.hypot(x, y) < radius - 1) & (second < radius - 1)
    outside = (np.hypot(x, y) > radius + 1) | (second > radius + 1)
    share = lens_area(math.hypot(*at) / CORNER) / math.pi
    np.testing.assert_allclose(seen[inside], 1 / share, rtol=0.02)
    assert seen[outside].max() < 1e-6
    assert (seen > 0.5 / share).sum() == pytest.approx(share * math.pi * radius**2, rel=0.02)


def test_balanced_discs_keep_area_and_centre() -> None:
    at = (-380, 280)
    seen = highlight(Field(cats_eye=1.0, balanced=True), 20.0, at)
    assert (seen > 0.5).sum() == pytest.approx(math.pi * 20**2, rel=0.02)
    x, y = offsets()
    centre = (seen * x).sum() / seen.sum(), (seen * y).sum() / seen.sum()
    assert centre == pytest.approx((0, 0), abs=0.05)
    nx, ny = np.array(at) / math.hypot(*at)
    across, along = (seen * (x * ny - y * nx) ** 2).sum(), (seen * (x * nx + y * ny) ** 2).sum()
    assert across > 1.5 * along


def test_on_the_axis_nothing_is_cut() -> None:
    for bokeh in ("extended_box", Aperture(blades=5, rotation_deg=7)):
        iris = bokeh if isinstance(bokeh, Aperture) else Aperture()
        image, coc = torch.rand(1, SIZE, SIZE), torch.full((SIZE, SIZE), 20.0)
        view = FrameView(SIZE, SIZE)
        plain = scatter_blur(image, coc, kernel=bokeh)
        _, clip = field_clip(Field(cats_eye=1e-4), coc, view, iris=iris)
        cut = scatter_blur(image, coc, kernel=bokeh, clip=clip)
        torch.testing.assert_close(cut, plain, rtol=0, atol=2e-3)


def test_screen_relative_cuts_the_middle_of_every_side_alike() -> None:
    field = Field(cats_eye=0.9, screen_relative=True)
    share = lens_area(0.9) / math.pi
    half = 0.5 / share  # of what the disc's light rises to
    side = (highlight(field, 20.0, (400, 0)) > half).sum()
    top = (highlight(field, 20.0, (0, 300)) > half).sum()
    assert side == pytest.approx(top, rel=0.03)
    assert side == pytest.approx(share * math.pi * 400, rel=0.03)
    by_corner = Field(cats_eye=0.9)
    assert (highlight(by_corner, 20.0, (0, 300)) > half).sum() > 1.1 * top


def test_softness_is_the_width_of_the_edge() -> None:
    at = (400, 0)
    hard = highlight(Field(cats_eye=1.0), 30.0, at)[MIDDLE]
    soft = highlight(Field(cats_eye=1.0, cats_eye_softness=0.5), 30.0, at)[MIDDLE]
    ramp = [int(((row > 0.1 * row.max()) & (row < 0.9 * row.max())).sum()) for row in (hard, soft)]
    assert ramp[0] <= 4
    assert ramp[1] == pytest.approx(0.8 * 0.5 * 30, abs=3)


@pytest.mark.parametrize("side", range(4), ids=["left", "right", "top", "bottom"])
def test_a_barn_door_hides_its_share_at_its_own_side(side: int) -> None:
    doors = tuple(0.5 if index == side else 0.0 for index in range(4))
    place = [(-400, 0), (400, 0), (0, -300), (0, 300)][side]
    away = [(400, 0), (-400, 0), (0, 300), (0, -300)][side]
    seen = highlight(Field(doors=doors), 24.0, place)  # type: ignore[arg-type]
    x, y = offsets()
    along = [x, -x, y, -y][side]
    assert seen[along < -1].max() < 1e-6
    assert (seen > 1).sum() == pytest.approx(math.pi * 24**2 / 2, rel=0.05)
    untouched = highlight(Field(doors=doors), 24.0, away)  # type: ignore[arg-type]
    np.testing.assert_allclose(untouched, highlight(Field(), 24.0, away), atol=1e-4)


@pytest.mark.parametrize("coc", [12.0, -12.0])
def test_an_astigmatic_disc_is_an_ellipse_towards_the_axis(coc: float) -> None:
    """Its half axes are the two radii, by second moments."""
    at = (240, 180)
    share = (math.hypot(*at) / CORNER) ** 2
    seen = highlight(Field(astigmatism_px=20.0), coc, at)
    seen /= seen.sum()
    x, y = offsets()
    nx, ny = np.array(at) / math.hypot(*at)
    outward = 2 * math.sqrt((seen * (x * nx + y * ny) ** 2).sum())
    across = 2 * math.sqrt((seen * (x * ny - y * nx) ** 2).sum())
    assert outward == pytest.approx(abs(coc + 20 * share), rel=0.06)
    assert across == pytest.approx(abs(coc - 20 * share), rel=0.12, abs=0.4)


def test_field_curvature_moves_the_focus_in_the_corners() -> None:
    field = Field(curvature_px=9.0)
    coc, clip = field_clip(field, torch.full((601, 801), -3.0), VIEW)
    assert clip is None
    assert float(coc[300, 400]) == pytest.approx(-3, abs=1e-3)
    assert float(coc[0, 0]) == pytest.approx(6, abs=0.05)
    y, x = 100, 700
    share = ((x - 400) ** 2 + (y - 300) ** 2) / CORNER**2
    assert float(coc[y, x]) == pytest.approx(-3 + 9 * share, abs=1e-2)


def test_no_seam_in_a_frame_of_5000_px() -> None:
    """Any part of a wide frame is what it is alone."""
    width, height, margin = 5000, 48, 40
    image = torch.rand(3, height, width, generator=torch.Generator().manual_seed(2))
    coc = 14 + 4 * torch.sin(torch.arange(width) / 300).expand(height, width)
    field = Field(cats_eye=1.0, astigmatism_px=4.0)
    bokeh = Aperture(blades=6)

    def blurred(columns: slice) -> torch.Tensor:
        part = coc[:, columns].contiguous()
        signed, clip = field_clip(field, part, FrameView(width, height, columns.start))
        return scatter_blur(image[:, :, columns], signed.abs(), kernel=bokeh, clip=clip)

    whole = blurred(slice(0, width))
    for start in (500, 1000, 2030, 4070, 4500):
        part = blurred(slice(start, start + 240))
        inside = slice(margin, 240 - margin)
        expected = whole[:, :, start + margin : start + 240 - margin]
        torch.testing.assert_close(part[:, :, inside], expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cats_eye": 2.0}, r"0\.\.1.5, got 2"),
        ({"doors": (0, 0, 1, 0)}, "four numbers"),
        ({"cats_eye_softness": -1.0}, "cats_eye_softness"),
        ({"astigmatism_px": math.nan}, "astigmatism_px"),
    ],
)
def test_fields_that_cannot_be(options: dict[str, float], message: str) -> None:
    with pytest.raises(LensBlurError, match=message):
        Field(**options)  # type: ignore[arg-type]
