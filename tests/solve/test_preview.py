# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pullfocus.bake.frame import frame_planes
from pullfocus.model.floor import Floor
from pullfocus.model.shot_model import ShotModel, build_model
from pullfocus.passes.contract import pass_table
from pullfocus.solve.preview import (
    PreviewRow,
    contact_sheet,
    floor_of,
    render_row,
    spread,
    write_preview,
)
from pullfocus.solve.settings import SolveSettings
from solve import drawn, standin


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


def half_known_model() -> ShotModel:
    """A card out of focus that is noise, so unexplained, before a wall in focus."""
    box = slice(16, 48), slice(30, 66)
    model = build_model(drawn.shot([box], [[3.0] * 6, [0.0] * 6]), SolveSettings().model)
    with torch.no_grad():
        for layer, radius in zip(model.layers, (3.0, -8.0), strict=True):
            texels = layer.texture.texels[..., :3]
            texels[:] = torch.from_numpy(np.random.default_rng(1).random(texels.shape))
            layer.coc.lattice.fill_(radius)
    return model


def test_confidence_is_that_of_the_pass_and_has_a_panel():
    model = half_known_model()
    floor = floor_of(model)
    shown = render_row(model, model.observed, 2, floor)
    atlases = model.linear_atlases()
    planes = frame_planes(
        model,
        2,
        pass_table(model.layer_names, coc_signed=False),
        plate=None,
        atlases=atlases,
        floor=Floor(model, atlases),
    )
    (baked,) = (plane.data for plane in planes if plane.name == "confidence")
    np.testing.assert_allclose(shown.confidence, baked, atol=1e-5)
    assert shown.confidence[30:34, 44:52].mean() < 0.5 < shown.confidence[:8].min()
    with_panel = contact_sheet([shown])
    bare = contact_sheet([PreviewRow(**{**shown.__dict__, "confidence": None})])
    width = bare.shape[1]
    assert (with_panel[:, :width] == bare).all()
    panel = with_panel[26:-26, width:]
    assert panel.max() == 255
    assert panel.min() < 24


def test_nothing_tells_confidence_without_a_lens_or_at_small_atlases():
    model = half_known_model()
    model.hold_atlases_at(1)
    assert floor_of(model) is None
    assert floor_of(standin.Model()) is None
    still = render_row(standin.Model(), standin.Observed(standin.make_shot()), 2)
    assert still.confidence is None
