# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from pullfocus.model.formation import LayerFrame, LensSettings, reblur, sharp
from pullfocus.model.grid import Box

from cuda_lensblur.kernel import disc_kernel
from cuda_lensblur.reference import forward

FRAME = Box(0, 0, 24, 16)


def layer(name: str, box: Box, *, radius: float, seed: int, opaque: bool = False) -> LayerFrame:
    random = torch.Generator().manual_seed(seed)
    shape = (box.height, box.width)
    return LayerFrame(
        name,
        box,
        colour=torch.rand(3, *shape, generator=random),
        alpha=torch.ones(1, *shape) if opaque else torch.rand(1, *shape, generator=random),
        texel=torch.zeros(2, *shape),
        radius_px=torch.full(shape, float(radius)),
    )


def over_by_hand(layers: list[LayerFrame], y: int, x: int) -> torch.Tensor:
    """Eq. 1 at one pixel, front to back."""
    colour, through = torch.zeros(3), 1.0
    for one in layers:
        row, column = y - one.box.top, x - one.box.left
        if 0 <= row < one.box.height and 0 <= column < one.box.width:
            alpha = one.alpha[0, row, column]
            colour = colour + through * alpha * one.colour[:, row, column]
            through = through * (1 - alpha)
    return colour


def test_three_layers_composite_front_to_back() -> None:
    layers = [
        layer("hand", Box(-3, 2, 10, 9), radius=0, seed=1),
        layer("face", Box(4, 4, 30, 8), radius=0, seed=2),  # runs out of the frame
        layer("bg", FRAME.grown(2), radius=0, seed=3, opaque=True),
    ]
    shown = sharp(layers, FRAME)
    for y, x in ((0, 0), (5, 5), (4, 6), (11, 23), (15, 10)):
        torch.testing.assert_close(shown[:, y, x], over_by_hand(layers, y, x))


def test_in_focus_the_lens_shows_the_sharp_frame() -> None:
    layers = [
        layer("fg", Box(5, 3, 9, 8), radius=0, seed=1),
        layer("bg", FRAME, radius=0, seed=2, opaque=True),
    ]
    shown = reblur(layers, FRAME, LensSettings())
    torch.testing.assert_close(shown, sharp(layers, FRAME), rtol=0, atol=1e-6)


def test_every_layer_is_blurred_by_its_own_radius() -> None:
    layers = [
        layer("fg", Box(2, 1, 16, 13), radius=2.5, seed=1),
        layer("bg", FRAME.grown(7), radius=6, seed=2, opaque=True),
    ]
    shown = reblur(layers, FRAME, LensSettings(beta=3.0))
    stacks = []
    for one in layers:
        stack = torch.cat([one.colour * one.alpha, one.alpha]).double()
        wide = torch.nn.functional.pad(stack, (12, 12, 12, 12))
        radius = torch.full(wide.shape[1:], float(one.radius_px[0, 0]), dtype=torch.float64)
        blurred = forward(wide[None], radius[None], disc_kernel("soap_bubble", 3.0))[0]
        left, top = 12 - one.box.left, 12 - one.box.top
        if one is layers[0]:  # nothing of it spreads past the box it was evaluated on
            inside = blurred[:, 12 : 12 + one.box.height, 12 : 12 + one.box.width]
            blurred = torch.zeros_like(blurred)
            blurred[:, 12 : 12 + one.box.height, 12 : 12 + one.box.width] = inside
        stacks.append(blurred[:, top : top + FRAME.height, left : left + FRAME.width])
    front, back = stacks
    expected = front[:3] + (1 - front[3]) * back[:3] / back[3]
    torch.testing.assert_close(shown.double(), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("radius", [0.0, 0.4, 3.0, 9.0])
def test_an_even_wall_stays_even_to_the_frames_edge(radius: float) -> None:
    """The last layer is divided by its own weight, so the frame's edge does not darken."""
    wall = layer("bg", FRAME, radius=radius, seed=1, opaque=True)
    wall.colour.fill_(0.7)
    shown = reblur([wall], FRAME, LensSettings())
    torch.testing.assert_close(shown, torch.full_like(shown, 0.7), rtol=1e-4, atol=0)


def test_a_layer_out_of_the_frame_changes_nothing() -> None:
    back = layer("bg", FRAME, radius=1, seed=2, opaque=True)
    nothing = layer("fg", Box(0, 0, 0, 0), radius=1, seed=1)
    outside = layer("fg", Box(40, 2, 5, 5), radius=1, seed=1)
    alone = reblur([back], FRAME, LensSettings())
    for front in (nothing, outside):
        assert torch.equal(reblur([front, back], FRAME, LensSettings()), alone)
