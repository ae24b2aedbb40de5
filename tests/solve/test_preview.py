# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pullfocus.solve.preview import PreviewRow, contact_sheet, render_row, spread, write_preview
from solve import standin


def row(frame=1, height=90, width=160, radius=3.0, mattes=1):
    y, x = np.mgrid[:height, :width].astype(np.float32)
    plate = np.stack([x / width, y / height, np.full_like(x, 0.3)], -1)
    matte = ((x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2).astype(np.float32)
    return PreviewRow(
        frame=frame,
        plate=plate,
        sharp=plate,
        reblur=plate,
        mattes=(matte,) * mattes,
        coc_radius_px=np.full((height, width), radius, np.float32) * matte,
    )


@given(st.integers(1, 500), st.integers(1, 8))
def test_frames_are_spread(count, wanted):
    chosen = spread(count, wanted)
    assert len(chosen) == min(count, wanted)
    assert chosen == sorted(set(chosen))
    assert 0 <= chosen[0] <= chosen[-1] < count


@pytest.mark.parametrize(("height", "width"), [(90, 160), (288, 512), (40, 30), (1, 1)])
@pytest.mark.parametrize("mattes", [0, 1, 3])
def test_any_shape_makes_a_sheet(height, width, mattes):
    sheet = contact_sheet([row(height=height, width=width, mattes=mattes)] * 2)
    assert sheet.dtype == np.uint8
    assert sheet.ndim == 3
    assert sheet.std() > 1


def test_a_perfect_reblur_is_black_and_an_error_is_not():
    good = contact_sheet([row()])
    worse = row()
    worse = PreviewRow(**{**worse.__dict__, "reblur": worse.plate + 0.1})
    bad = contact_sheet([worse])
    last = slice(-250, -20)
    assert bad[40:60, last].mean() > good[40:60, last].mean() + 50


def test_nan_and_light_above_one_are_drawn():
    broken = row()
    broken.sharp[0, 0] = np.nan
    broken.sharp[1, 1] = 50.0
    contact_sheet([broken])


def test_layers_are_placed_where_they_lie(tmp_path):
    observed = standin.Observed(standin.make_shot())
    rendered = render_row(standin.Model(), observed, 2)
    assert rendered.mattes[0].sum() == 14 * 18
    assert rendered.mattes[0][6, 14] == 1
    assert rendered.coc_radius_px[6, 14] == pytest.approx(4.0)
    assert rendered.coc_radius_px[0, 0] == pytest.approx(0.5)
    path = tmp_path / "preview.png"
    write_preview(path, standin.Model(), observed)
    assert cv2.imread(str(path)) is not None
