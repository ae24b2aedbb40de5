# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
import torch
from pullfocus.errors import SolveError
from pullfocus.model.grid import Box
from pullfocus.model.settings import ModelSettings
from pullfocus.model.shot_model import build_model
from pullfocus.observe.proxy import proxied
from pullfocus.solve.lifted import lift

from tests.solve import drawn

SETTINGS = ModelSettings()
PROXY = 48


@pytest.fixture
def observed(tmp_path):
    shot = drawn.shot([(slice(16, 48), slice(30, 66))], [[1.0] * 6, [3.0] * 6])
    motion = shot.motion.copy()
    for t in range(drawn.COUNT):  # a slow zoom and pan
        motion[:, t] = [[1 + 0.01 * t, 0, 1.5 * t - 3], [0, 1 + 0.01 * t, 0.5 * t], [0, 0, 1]]
    return replace(shot, motion=motion, folder=tmp_path)


def solved(observed):
    """Stand in for a solve: every parameter somewhere else than at its start."""
    model = build_model(proxied(observed, PROXY), SETTINGS)
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            size = 0.02 if "texels" in name else 0.3
            parameter += size * torch.randn(parameter.shape, generator=random)
        for layer in model.layers:  # smooth: what both sizes can show
            height, width = layer.texture.size
            x, y = torch.linspace(0, 3, width)[None], torch.linspace(0, 2, height)[:, None]
            wave = 0.5 + 0.3 * torch.sin(x + y)
            layer.texture.texels[..., :3] = wave[..., None]
            layer.texture.texels[..., 3] = 0.01 * wave
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    return model, {**tensors, "atlas_level": torch.tensor(0)}


@torch.no_grad()
def test_a_lifted_model_shows_what_its_proxy_shows(observed):
    small, tensors = solved(observed)
    large = lift(observed, SETTINGS, PROXY, tensors)
    for t in (0, 2, 5):
        for index in range(2):
            # what the layer's atlas holds, and the same piece twice as large
            inner = (Box(18, 11, 12, 10), Box(8, 6, 32, 20))[index]
            plate = (Box(36, 22, 24, 20), Box(16, 12, 64, 40))[index]
            own, lifted = small.layer_frame(index, t, inner), large.layer_frame(index, t, plate)

            def shrunk(image):
                return torch.nn.functional.avg_pool2d(image[None], 2)[0]

            torch.testing.assert_close(
                shrunk(lifted.radius_px[None]) / 2, own.radius_px[None], atol=0.01, rtol=0.01
            )
            torch.testing.assert_close(shrunk(lifted.colour), own.colour, atol=1e-2, rtol=0)
            if index == 0:
                assert (shrunk(lifted.alpha) - own.alpha).abs().mean() < 0.02


def test_texels_are_of_the_plates_size(observed):
    _, tensors = solved(observed)
    large = lift(observed, SETTINGS, PROXY, tensors)
    plain = build_model(observed, SETTINGS)
    for one, other in zip(large.layers, plain.layers, strict=True):
        assert one.texture.size == other.texture.size
        np.testing.assert_allclose(
            one.mapping.jacobian(1, Box(20, 20, 8, 8)).detach().mean((2, 3)),
            1.01 * SETTINGS.texels_per_px * np.eye(2),
            atol=0.3,
        )


def test_the_slope_of_a_lifted_mapping_is_the_slope_of_what_it_maps(observed):
    _, tensors = solved(observed)
    mapping = lift(observed, SETTINGS, PROXY, tensors).layers[1].mapping
    box, step = Box(30, 20, 6, 5), 0.25
    closed = mapping.jacobian(3, box).detach()
    points = box.points()
    for axis in range(2):
        shift = torch.zeros(2)
        shift[axis] = step
        ahead, behind = (mapping.texels_at(3, points + s * shift) for s in (1, -1))
        slope = ((ahead - behind) / (2 * step)).detach().T.reshape(2, box.height, box.width)
        torch.testing.assert_close(closed[:, axis], slope, atol=5e-3, rtol=0)
    torch.testing.assert_close(
        mapping.texels_at(3, points).detach().T.reshape(2, box.height, box.width),
        mapping(3, box).detach(),
        atol=1e-3,
        rtol=0,
    )


def test_a_checkpoint_of_another_shot_is_refused(observed):
    _, tensors = solved(observed)
    del tensors["model.stack.1.coc.lattice"]
    with pytest.raises(SolveError, match="does not fit"):
        lift(observed, SETTINGS, PROXY, tensors)
