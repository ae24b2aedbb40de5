# SPDX-License-Identifier: Apache-2.0
"""The paper's reblur of the flat composite, and where atlases lie."""

import numpy as np
import pytest
import torch
from pullfocus.model.formation import LayerFrame, LensSettings, flat_reblur, reblur, sharp
from pullfocus.model.grid import Box
from pullfocus.model.layout import atlas_layout
from pullfocus.model.settings import ModelSettings, NetworkSettings
from pullfocus.model.shot_model import build_model
from pullfocus.observe.observed import Observed

from cuda_lensblur import scatter_blur

FRAME = Box(0, 0, 40, 30)


def layer(box: Box, radius: float, value: float, alpha: float = 1.0) -> LayerFrame:
    shape = box.height, box.width
    colour = torch.full((3, *shape), value)
    texel = torch.zeros(2, *shape)
    return LayerFrame(
        "x", box, colour, torch.full((1, *shape), alpha), texel, torch.full(shape, radius)
    )


def test_constant_light_stays_constant_whatever_the_radii() -> None:
    box = FRAME.grown(6)
    back = layer(box, 3.0, 0.25)
    back.radius_px[:, :20] = 0.0
    out = flat_reblur([back], FRAME, LensSettings())
    torch.testing.assert_close(out, torch.full((3, 30, 40), 0.25))


def test_without_blur_it_is_the_sharp_composite() -> None:
    layers = [layer(Box(5, 5, 10, 10), 0.0, 0.9, 0.5), layer(FRAME.grown(2), 0.0, 0.2)]
    torch.testing.assert_close(flat_reblur(layers, FRAME, LensSettings()), sharp(layers, FRAME))


def test_one_layer_is_the_layered_blur() -> None:
    back = layer(FRAME.grown(6), 4.0, 0.5)
    back.colour[:, 10:20, 10:30] = 1.5
    out = flat_reblur([back], FRAME, LensSettings())
    torch.testing.assert_close(out, reblur([back], FRAME, LensSettings()))


def test_radii_are_composited_like_colour() -> None:
    box = FRAME.grown(8)
    front = layer(box, 4.0, 0.8, 0.5)
    back = layer(box, 2.0, 0.3)
    back.colour[:, 10:16, 10:30] = 1.0
    composite = 0.5 * front.colour + 0.5 * back.colour
    stack = torch.cat([composite, torch.ones_like(composite[:1])])
    blurred = scatter_blur(stack, torch.full(stack.shape[1:], 3.0))
    rows, columns = FRAME.inside(box)
    expected = (blurred[:3] / blurred[3:])[:, rows, columns]
    torch.testing.assert_close(flat_reblur([front, back], FRAME, LensSettings()), expected)


def still(width: int, height: int, shift: float = 0.0, coc: np.ndarray | None = None) -> Observed:
    motion = np.tile(np.eye(3), (2, 3, 1, 1))
    motion[:, :, 0, 2] = shift * np.arange(3)
    mattes = np.zeros((1, 3, height, width), np.uint8)
    mattes[:, :, height // 4 : height // 2, width // 4 : width // 2] = 255
    return Observed(
        frames=(1, 2, 3),
        layer_names=("fg", "bg"),
        width=width,
        height=height,
        colorspace="lin_rec709_srgb",
        plate=np.full((3, height, width, 3), 0.5, np.float16),
        mattes=mattes,
        coc=coc,
        motion=motion,
        residual=np.zeros((2, 3, 4, 6, 2), np.float32),
    )


def test_a_still_camera_has_the_papers_atlas() -> None:
    window = ModelSettings(atlas="window", texels_per_px=1.0)
    for index in (0, 1):
        layout = atlas_layout(still(512, 288), index, window, 24.0)
        assert (layout.width, layout.height) == (640, 360)
        middle = layout.to_atlas[0] @ [255.5, 143.5, 1]
        if index == 1:
            np.testing.assert_allclose(middle[:2], [319.5, 179.5])


def test_a_pan_stays_on_its_atlas() -> None:
    observed = still(64, 36, shift=40.0)
    layout = atlas_layout(observed, 1, ModelSettings(atlas="window", texels_per_px=1.0), 0.0)
    for t in range(3):
        for corner in ([0, 0, 1], [63, 35, 1]):
            x, y, _ = layout.to_atlas[t] @ corner
            assert 0 <= x <= layout.width - 1
            assert 0 <= y <= layout.height - 1


PAPER = {"mapping": "network", "matte": "network", "atlas": "window", "texels_per_px": 1.0}


@pytest.mark.parametrize("reblur_kind", ["layered", "flat", "none"])
@pytest.mark.parametrize("texture", ["texels", "decoder", "network"])
def test_every_mixture_forms_a_frame_of_the_right_size(reblur_kind: str, texture: str) -> None:
    # few octaves: between two texels nothing happens that a drawn atlas would miss
    networks = NetworkSettings(width=32, atlas_octaves=1)
    kinds = {**PAPER, "reblur": reblur_kind, "texture": texture, "networks": networks}
    model = build_model(still(32, 20), ModelSettings(**kinds))  # type: ignore[arg-type]
    with torch.no_grad():
        assert model.reblur(1).shape == (3, 20, 32)
        assert model.reblur(1, atlases=model.step_atlases()).shape == (3, 20, 32)
        direct = model.sharp(1)
        drawn = model.frame(1, overscan=False, atlases=model.linear_atlases())
    torch.testing.assert_close(sharp(drawn, model.frame_box()), direct, atol=1e-3, rtol=1e-2)


def test_a_given_coc_is_the_radius_of_the_flat_blur() -> None:
    coc = np.full((3, 20, 32), 2.0, np.float16)
    settings = ModelSettings(**PAPER, reblur="flat", texture="decoder")  # type: ignore[arg-type]
    model = build_model(still(32, 20, coc=coc), settings)
    with torch.no_grad():
        layers = model.frame(0)
        assert {layer.box for layer in layers} == {model.frame_box().grown(3)}
        assert all(bool((layer.radius_px == 2).all()) for layer in layers)


def test_same_seed_same_networks() -> None:
    settings = ModelSettings(**PAPER, texture="decoder")  # type: ignore[arg-type]
    first, again, other = (build_model(still(32, 20), settings, seed=s) for s in (1, 1, 2))
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    assert not torch.equal(first.layers[0].texture.noise, other.layers[0].texture.noise)
