# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from pullfocus.model.looks import Looks
from pullfocus.model.settings import ModelSettings
from pullfocus.model.shot_model import build_model
from pullfocus.observe.proxy import proxied
from pullfocus.plate.colour import display_to_linear, linear_to_display
from pullfocus.solve import gather
from pullfocus.solve.gather import looks_with_detail, with_detail
from pullfocus.solve.initial import fuse, sharp_by_radius
from pullfocus.solve.lifted import lift

from tests.solve import drawn

SETTINGS = ModelSettings(exposure=False)
RADII = [[4.0, 0.0, 4.0, 4.0, 4.0, 4.0], [4.0, 4.0, 4.0, 4.0, 0.0, 4.0]]
BOX = slice(16, 48), slice(30, 66)


def lifted(observed, tmp_path, radii=RADII):
    """A solved proxy of half the width: radii known, atlases fused from its own frames."""
    observed = replace(observed, folder=tmp_path)
    small = build_model(proxied(observed, 48), SETTINGS)
    with torch.no_grad():
        for layer, known in zip(small.layers, radii, strict=True):
            for t, radius in enumerate(known):
                raw = torch.tensor(max(radius, 0.05) / 2).expm1().log()
                layer.coc.lattice[t] = raw
    for index, layer in enumerate(small.layers):
        layer.texture.set_linear(fuse(small, index, sharp_by_radius(small)))
    tensors = {f"model.{k}": v for k, v in small.state_dict().items()}
    tensors["atlas_level"] = torch.tensor(0)
    return lift(observed, SETTINGS, 48, tensors)


def drawn_atlases(model):
    drawn_now = []
    for index, layer in enumerate(model.layers):
        texels = torch.full_like(layer.texture.texels.detach(), torch.nan)
        for rows, strip in with_detail(model, index):
            texels[rows] = strip
        drawn_now.append(texels)
    return drawn_now


def shown(model, atlases, t):
    with torch.no_grad():
        for layer, texels in zip(model.layers, atlases, strict=True):
            layer.texture.texels.copy_(texels)
        picture = model.sharp(t).permute(1, 2, 0).numpy()
    return linear_to_display(picture)


def test_detail_that_one_frame_shows_sharp_comes_back_in_all(tmp_path):
    observed = drawn.shot([BOX], RADII)
    sharp = drawn.shot([BOX], [[0.0] * 6] * 2).plate_display(0)
    model = lifted(observed, tmp_path)
    before = shown(model, [layer.texture.texels.clone() for layer in model.layers], 0)
    model = lifted(observed, tmp_path)
    after = shown(model, drawn_atlases(model), 0)
    inner = np.zeros(sharp.shape[:2], bool)
    inner[4:-4, 4:-4] = True  # the wall next to the subject is seen sharp nowhere
    inner[6:58, 20:76] = False
    inner[22:42, 36:60] = True

    def error_db(picture):
        return -10 * np.log10(np.square(picture - sharp)[inner].mean())

    plate = error_db(observed.plate_display(0))
    assert error_db(before) > plate + 1
    assert error_db(after) > error_db(before) + 6


@pytest.mark.parametrize("texture", ["flat", "textured"])
def test_strips_leave_no_seam(tmp_path, monkeypatch, texture):
    observed = drawn.shot([BOX], RADII)
    if texture == "flat":
        observed.plate[:] = 0.5
    model = lifted(observed, tmp_path)
    found = []
    for rows in (10_000, 24, 16):
        monkeypatch.setattr(gather, "_ROWS", rows)
        found.append(drawn_atlases(model))
    for whole, cut, cut_again in zip(*found, strict=True):
        assert whole.isfinite().all()
        torch.testing.assert_close(cut, whole, rtol=0, atol=2e-6)
        torch.testing.assert_close(cut_again, whole, rtol=0, atol=2e-6)
        if texture == "flat":
            light = whole[..., :3].square()
            grey = float(display_to_linear(np.float32([0.5]))[0])
            assert float((light - grey).abs().max()) < 2e-3


def test_where_nothing_is_seen_the_proxys_colour_stays(tmp_path):
    observed = drawn.shot([BOX], RADII)
    observed.mattes[:, 1:] = 0  # the subject is in one frame alone
    model = lifted(observed, tmp_path)
    texels = drawn_atlases(model)[0]
    own = model.layers[0].texture.texels.detach()
    outside = torch.ones(own.shape[:2], dtype=torch.bool)
    outside[20:-20, 20:-20] = False
    torch.testing.assert_close(texels[outside], own[outside], atol=0.05, rtol=0)


def two_walls(tmp_path):
    """A wall of fine grain that is another one in the second half, lifted with two pictures."""
    observed = drawn.shot([], [[0.0] * 6])
    random = np.random.default_rng(5)
    for half in (slice(0, 3), slice(3, 6)):
        grain = cv2.GaussianBlur(random.random((drawn.HEIGHT, drawn.WIDTH, 3)), (0, 0), 0.7)
        observed.plate[half] = grain
    model = lifted(observed, tmp_path, [[0.0] * 6])
    wall = model.layers[0]
    wall.looks = Looks(torch.arange(6), torch.tensor([0.0, 5.0]), *wall.texture.size)
    return observed, model


def drawn_looks(model):
    offsets = torch.full_like(model.layers[0].looks.offsets.detach()[..., :3], torch.nan)
    for knot, rows, strip in looks_with_detail(model, 0):
        offsets[knot, rows] = strip
    return offsets


def test_pictures_over_time_take_the_detail_of_their_own_frames(tmp_path):
    observed, model = two_walls(tmp_path)
    atlases, offsets = drawn_atlases(model), drawn_looks(model)

    def error_db(t):
        missing = shown(model, atlases, t) - observed.plate_display(t)
        return -10 * np.log10(np.square(missing[4:-4, 4:-4]).mean())

    before = [error_db(t) for t in (0, 5)]
    with torch.no_grad():
        model.layers[0].looks.offsets[..., :3] = offsets
    after = [error_db(t) for t in (0, 5)]
    assert after[0] > before[0] + 1.5
    assert after[1] > before[1] + 1.5


def test_strips_of_pictures_leave_no_seam(tmp_path, monkeypatch):
    _, model = two_walls(tmp_path)
    found = []
    for rows in (10_000, 24):
        monkeypatch.setattr(gather, "_ROWS", rows)
        found.append(drawn_looks(model))
    assert found[0].isfinite().all()
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=2e-6)
