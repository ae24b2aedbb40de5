# SPDX-License-Identifier: Apache-2.0
"""A frame through a new lens, against layers spread and composited in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pullfocus.errors import PullfocusError
from pullfocus.model.formation import sharp
from pullfocus.model.grid import Box
from pullfocus.model.shot_model import build_model
from pullfocus.refocus.focus import parse_focus
from pullfocus.refocus.new_lens import NewLens
from pullfocus.refocus.refocus import Refocuser
from pullfocus.refocus.render import focus_tint

from cuda_lensblur import Aperture, reference
from cuda_lensblur.kernel import disc_kernel
from tests.model.card_shot import card_model

COUNT, HEIGHT, WIDTH = 8, 48, 64
CARD = (slice(14, 36), slice(20, 46))
FOCUS = np.linspace(-3.0, 3.0, COUNT)
DEPTH = {"card": -2.0, "bg": 2.0}


@pytest.fixture(scope="module")
def view() -> Refocuser:
    """A card before a wall, both textured, the camera still, focus pulled from near to far."""
    model = card_model(CARD, (COUNT, HEIGHT, WIDTH), focus=FOCUS, depth=DEPTH)
    random = torch.Generator().manual_seed(1)
    for layer in model.layers:
        height, width = layer.texture.texels.shape[:2]
        layer.texture.set_linear(torch.rand(height, width, 3, generator=random))
    return Refocuser(model)


def spread(view: Refocuser, index: int, t: int, radius: float) -> np.ndarray:
    """One layer (4, H, W) premultiplied and spread, from far outside the frame, float64."""
    margin = 14
    wide = Box(0, 0, WIDTH, HEIGHT).grown(margin)
    with torch.no_grad():
        layer = view.model.layer_frame(index, t, wide, view.atlases[index])
        stack = torch.cat([layer.colour * layer.alpha, layer.alpha]).double()
    planes = torch.full((1, wide.height, wide.width), radius, dtype=torch.float64)
    out = reference.forward(stack[None], planes, disc_kernel("soap_bubble"))[0]
    return out[:, margin:-margin, margin:-margin].numpy()


@pytest.mark.parametrize(("focus", "aperture"), [("card", 1.0), ("bg", 1.0), ("0.5", 0.7)])
def test_two_layers_composed_in_float64(view: Refocuser, focus: str, aperture: float) -> None:
    track = view.track(parse_focus(focus))
    shown = view.frame(3, focus=float(track[3]), lens=NewLens(aperture=aperture))
    at = DEPTH.get(focus, None)
    mid = float(view.virtual.focus.mean())  # depths are relative to where focus is on average
    at = float(focus) - mid if at is None else at
    front, back = (
        spread(view, i, 3, aperture * abs(DEPTH[name] - at))
        for i, name in enumerate(("card", "bg"))
    )
    expected = front[:3] + (1 - front[3]) * back[:3] / back[3]
    error = np.abs(shown.colour.transpose(2, 0, 1) - expected)
    assert error.mean() < 4e-3
    assert error.max() < 0.05
    np.testing.assert_allclose(shown.matte, front[3], atol=0.03)


def test_signs_near_and_far(view: Refocuser) -> None:
    card, wall = (24, 32), (4, 6)
    on_wall = view.frame(2, focus=view.depth_of("bg", 2))
    assert on_wall.coc[card] == pytest.approx(-4, abs=0.2)
    assert on_wall.coc[wall] == pytest.approx(0, abs=0.2)
    on_card = view.frame(2, focus=view.depth_of("card", 2), lens=NewLens(far=0.5))
    assert on_card.coc[card] == pytest.approx(0, abs=0.2)
    assert on_card.coc[wall] == pytest.approx(2, abs=0.2)
    held = view.frame(2, focus=view.depth_of("card", 2), lens=NewLens(max_radius_px=1.5))
    assert held.coc[wall] == pytest.approx(1.5)


def test_deep_focus_is_the_sharp_model(view: Refocuser) -> None:
    shown = view.frame(5, focus=None, lens=NewLens(aperture=0))
    with torch.no_grad():
        layers = view.model.frame(5, overscan=False, atlases=view.atlases)
        expected = sharp(layers, view.model.frame_box()).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(shown.colour, expected, atol=1e-5)


def test_the_plates_own_blur_is_the_reblur(view: Refocuser) -> None:
    shown = view.frame(1, focus=None)
    with torch.no_grad():
        reblur = view.model.reblur(1).permute(1, 2, 0).numpy()
    assert np.abs(shown.colour - reblur).mean() < 0.01


def test_a_kept_layer_is_sharp_before_the_plates_own_blur(view: Refocuser) -> None:
    shown = view.frame(7, focus=None, keep_sharp=frozenset(["card"]))
    with torch.no_grad():
        in_focus = view.model.sharp(7).permute(1, 2, 0).numpy()
        blurred = view.model.reblur(7).permute(1, 2, 0).numpy()
    inside = (slice(18, 32), slice(24, 42))
    np.testing.assert_allclose(shown.colour[inside], in_focus[inside], atol=1e-4)
    wall = (slice(0, 8), slice(0, 12))
    assert np.abs(shown.colour[wall] - blurred[wall]).mean() < 0.01
    assert shown.coc[24, 32] == 0


def test_a_picked_place_is_in_focus_wherever_the_card_goes(view: Refocuser) -> None:
    card = view.track(parse_focus("30,25@1004"))
    wall = view.track(parse_focus("3,3@1004"))
    np.testing.assert_allclose(card, view.depth_of("card", 0), atol=0.2)
    np.testing.assert_allclose(wall, view.depth_of("bg", 0), atol=0.2)


def test_highlights_grow_and_take_the_shape_of_the_iris(view: Refocuser) -> None:
    focus = view.depth_of("card", 2)
    plain = view.frame(2, focus=focus)
    lifted = view.frame(2, focus=focus, lens=NewLens(highlight_gain=5, lift_bright=True))
    shaped = view.frame(2, focus=focus, lens=NewLens(bokeh=Aperture(blades=3)))
    assert lifted.colour[:8].max() > 1.3 * plain.colour[:8].max()  # the wall
    assert (lifted.colour > plain.colour - 1e-5).mean() > 0.99  # but where a texel undershoots zero
    in_focus = (slice(20, 30), slice(28, 40))
    np.testing.assert_allclose(lifted.colour[in_focus], plain.colour[in_focus], atol=0.02)
    assert np.abs(shaped.colour - plain.colour).max() > 0.02
    assert shaped.colour.mean() == pytest.approx(plain.colour.mean(), rel=0.02)


def test_tints_tell_near_from_far(view: Refocuser) -> None:
    tinted = focus_tint(view.frame(2, focus=view.depth_of("bg", 2)))
    card, wall = tinted[20:30, 28:40].mean((0, 1)), tinted[:8, :8].mean((0, 1))
    assert card.argmax() == 2
    assert wall.argmax() == 1


@pytest.mark.parametrize(
    ("focus", "message"),
    [
        ("hero", "card, bg, plate"),
        ("3,3@1", "a frame of the solve"),
        ("99,3@1004", "within 64x48"),
    ],
)
def test_what_is_not_there(view: Refocuser, focus: str, message: str) -> None:
    with pytest.raises(PullfocusError, match=message):
        view.track(parse_focus(focus))


def test_near_and_far_scale_as_the_aperture_does(view: Refocuser) -> None:
    both = view.frame(2, focus=None, lens=NewLens(near=3, far=3))
    wide = view.frame(2, focus=None, lens=NewLens(aperture=3))
    np.testing.assert_allclose(both.coc, wide.coc, atol=1e-6)
    np.testing.assert_allclose(both.colour, wide.colour, atol=1e-5)


def test_given_signs_are_the_plates_own(view: Refocuser) -> None:
    """Neither the lens's share nor its sign touches what was given."""
    observed, t = view.model.observed, 6
    assert observed.coc is not None
    signed = np.array(observed.coc)
    for index, focus in enumerate(FOCUS):
        signed[index] *= np.sign(DEPTH["bg"] - focus)
        signed[index][CARD] = abs(DEPTH["card"] - focus) * np.sign(DEPTH["card"] - focus)
    model = build_model(replace(observed, coc=signed), view.model.settings)
    shown = Refocuser(model).frame(t, focus=None)
    wall, card = (4, 6), (24, 32)
    assert shown.coc[wall] == pytest.approx(float(signed[t][wall]), abs=1e-3)
    assert shown.coc[card] == pytest.approx(float(signed[t][card]), abs=1e-3)


@pytest.mark.parametrize("near_is", [-1.0, 1.0])
def test_the_lens_follows_given_signs(view: Refocuser, near_is: float) -> None:
    observed = view.model.observed
    assert observed.coc is not None
    signed = np.array(observed.coc)
    for index, focus in enumerate(FOCUS):
        signed[index] = -near_is * (DEPTH["bg"] - focus)
        signed[index][CARD] = -near_is * (DEPTH["card"] - focus)
    lens = Refocuser(build_model(replace(observed, coc=signed), view.model.settings)).virtual
    assert np.sign(lens.focus[-1] - lens.focus[0]) == -near_is
