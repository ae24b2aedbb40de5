# SPDX-License-Identifier: Apache-2.0
"""A pan over a receding wall behind a card, both pulled through focus: radii given, signs not."""

import numpy as np
import pytest
from pullfocus.kept import Keep
from pullfocus.lens import virtual
from pullfocus.lens.virtual import fit_virtual_lens, layer_depths, layer_depths_of, virtual_lens_of
from pullfocus.model.grid import Box
from pullfocus.model.shot_model import ModelSettings, ShotModel, build_model
from pullfocus.observe.observed import Observed

COUNT, HEIGHT, WIDTH, PAN = 12, 96, 160, 3
CARD = (slice(30, 70), slice(60, 110))
CARD_DEPTH = -3.0


def true_coc(t: int, focus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signed radii of wall and card in frame t; the wall recedes to the right."""
    x = np.arange(WIDTH) + PAN * t
    wall = np.tile(x / 60.0, (HEIGHT, 1)) - focus[t]
    return wall.astype(np.float32), np.full((HEIGHT, WIDTH), CARD_DEPTH - focus[t], np.float32)


def model_of(focus: np.ndarray, *, card: bool = True) -> ShotModel:
    mattes = np.zeros((1 if card else 0, COUNT, HEIGHT, WIDTH), np.uint8)
    radius = np.zeros((COUNT, HEIGHT, WIDTH), np.float16)
    motion = np.tile(np.eye(3), (2 if card else 1, COUNT, 1, 1))
    for t in range(COUNT):
        wall, front = true_coc(t, focus)
        radius[t] = np.abs(wall)
        motion[-1, t, 0, 2] = PAN * t
        if card:
            mattes[0, t][CARD] = 255
            radius[t][CARD] = np.abs(front[CARD])
    layers = len(motion)
    return build_model(
        Observed(
            frames=tuple(range(COUNT)),
            layer_names=("card", "bg")[2 - layers :],
            width=WIDTH,
            height=HEIGHT,
            colorspace="lin_rec709_srgb",
            plate=np.zeros((COUNT, HEIGHT, WIDTH, 3), np.float16),
            mattes=mattes,
            coc=radius,
            motion=motion,
            residual=np.zeros((layers, COUNT, 12, 20, 2), np.float32),
        ),
        ModelSettings(),
    )


def test_signs_depth_and_focus_come_back() -> None:
    focus = np.linspace(-4.0, 4.0, COUNT)
    model = model_of(focus)
    lens = fit_virtual_lens(model)
    assert lens.trusted
    assert 0.8 * 8 < lens.pull_px < 8.4
    frame = Box(0, 0, WIDTH, HEIGHT)
    for t in (0, 5, 11):
        wall, card = true_coc(t, focus)
        texel = model.layers[1].mapping(t, frame).detach().numpy()
        hidden = np.zeros((HEIGHT, WIDTH), bool)
        hidden[CARD] = True
        found = lens.coc(1, t, texel)
        assert np.abs(found - wall)[~hidden][:].mean() < 0.2
        far = np.abs(wall) > 0.5
        assert (np.sign(found) == np.sign(wall))[far & ~hidden].mean() > 0.99
        # what the card hides in one frame was seen in another
        assert np.abs(found - wall)[hidden].mean() < 0.4
        own = model.layers[0].mapping(t, frame).detach().numpy()
        assert np.abs(lens.coc(0, t, own) - card)[CARD].mean() < 0.2


def test_signed_radii_are_continuous_where_the_sign_changes() -> None:
    focus = np.linspace(-4.0, 4.0, COUNT)
    model = model_of(focus)
    lens = fit_virtual_lens(model)
    t, frame = 8, Box(0, 0, WIDTH, HEIGHT)
    texel = model.layers[1].mapping(t, frame).detach().numpy()
    radius = model.radius(1, t, frame).numpy()
    signed = lens.signed(1, t, texel, radius)
    assert signed[5].min() < -0.5 < 0.5 < signed[5].max()
    assert np.abs(np.diff(signed[5])).max() < 0.2


def test_focus_that_stays_is_not_trusted() -> None:
    assert not fit_virtual_lens(model_of(np.full(COUNT, 1.0))).trusted


def test_given_radii_keep_their_size_and_given_signs_are_seen() -> None:
    focus = np.linspace(-4.0, 4.0, COUNT)
    model = model_of(focus)
    lens = fit_virtual_lens(model)
    t, frame = 8, Box(0, 0, WIDTH, HEIGHT)
    texel = model.layers[1].mapping(t, frame).detach().numpy()
    radius = model.radius(1, t, frame).numpy()
    np.testing.assert_array_equal(np.abs(lens.signed(1, t, texel, radius, given=True)), radius)
    assert not model.observed.coc_is_signed
    assert model.observed.coc is not None
    model.observed.coc[3, 0, 0] = -1
    del model.observed.__dict__["coc_is_signed"]
    assert model.observed.coc_is_signed


@pytest.mark.parametrize("upper_is_far", [True, False])
def test_one_layer_takes_the_lower_part_for_the_nearer(upper_is_far: bool) -> None:
    focus = np.linspace(-3.0, 3.0, COUNT)
    model = model_of(focus, card=False)
    depth = np.linspace(2, -2, HEIGHT)[:, None] * (1 if upper_is_far else -1)
    assert model.observed.coc is not None
    model.observed.coc[:] = np.abs(depth - focus[:, None, None]) + np.zeros((1, 1, WIDTH))
    lens = fit_virtual_lens(model)
    texel = model.layers[0].mapping(0, Box(0, 0, WIDTH, HEIGHT)).detach().numpy()
    found = lens.depth_at(0, texel)
    assert found[5].mean() - found[-5].mean() == pytest.approx(3.6, abs=0.5)
    # the unit of the record is that of the radii, and it rises where the eye goes deeper
    record = lens.record(model.observed.frames, {})["focus"]
    rise = record["11"] - record["0"]
    assert rise == pytest.approx(6 if upper_is_far else -6, abs=0.4)


def test_a_kept_lens_is_the_fitted_one_to_the_bit(tmp_path, monkeypatch) -> None:
    model, keep = model_of(np.linspace(-4.0, 4.0, COUNT)), Keep(tmp_path, "one state")
    fitted = fit_virtual_lens(model)
    depths = layer_depths(model, fitted)
    virtual_lens_of(model, keep)
    layer_depths_of(model, fitted, keep)
    monkeypatch.setattr(virtual, "fit_virtual_lens", None)
    monkeypatch.setattr(virtual, "layer_depths", None)
    lens = virtual_lens_of(model, keep)
    for one, other in zip(lens.depth, fitted.depth, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(lens.focus, fitted.focus)
    assert (lens.cell, lens.rmse_px, lens.pull_px) == (fitted.cell, fitted.rmse_px, fitted.pull_px)
    assert layer_depths_of(model, lens, keep) == depths
