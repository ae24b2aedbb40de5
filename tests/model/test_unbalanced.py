# SPDX-License-Identifier: Apache-2.0
"""What a solve of round discs becomes when it looks through a cat's eye: the same picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pullfocus.model.plate_lens import PlateLens
from pullfocus.model.settings import ModelSettings
from pullfocus.model.shot_model import ShotModel, build_model
from pullfocus.model.solved_lens import SolvedLens, solved_lens_from
from pullfocus.model.unbalanced import unbalance
from pullfocus.observe.observed import Observed

COUNT, HEIGHT, WIDTH = 3, 96, 160


def wall(radius_px: float) -> ShotModel:
    """One layer with texture, all of it out of focus."""
    observed = Observed(
        frames=tuple(range(1, 1 + COUNT)),
        layer_names=("bg",),
        width=WIDTH,
        height=HEIGHT,
        colorspace="lin_rec709_srgb",
        plate=np.zeros((COUNT, HEIGHT, WIDTH, 3), np.float16),
        mattes=np.zeros((0, COUNT, HEIGHT, WIDTH), np.uint8),
        coc=None,
        motion=np.tile(np.eye(3), (1, COUNT, 1, 1)),
        residual=np.zeros((1, COUNT, 6, 8, 2), np.float32),
    )
    settings = ModelSettings(coc_start_px=radius_px * 512 / WIDTH, overscan_px=24 * 512 / WIDTH)
    model = build_model(observed, settings)
    texture = model.layers[0].texture
    random = torch.Generator().manual_seed(7)
    height, width = texture.texels.shape[:2]
    lamps = (torch.rand(height, width, 1, generator=random) > 0.995).float()
    texture.set_linear(0.1 + 8 * lamps.expand(height, width, 3))
    return model


@pytest.mark.parametrize("before", [False, True], ids=["behind", "before"])
def test_a_cats_eye_shows_what_its_balanced_form_did(before: bool) -> None:
    model = wall(6.0)
    depth = (torch.full((2, 2), -1.0 if before else 1.0),)
    seen = SolvedLens(PlateLens(cats_eye=1.0), depth, torch.zeros(1, 4), torch.zeros(COUNT))
    with torch.no_grad():
        plain = model.reblur(1)
        model.lens = seen
        balanced = model.reblur(1)
        model.lens = replace(seen, plate=PlateLens(cats_eye=1.0, solved=True))
        cut = model.reblur(1)
        unbalance(model)
        after = model.reblur(1)

    def apart(one: torch.Tensor) -> float:
        return float((one - balanced).square().mean().sqrt())

    assert apart(after) < 0.3 * apart(cut)
    assert apart(after) < 0.65 * apart(plain)


def test_a_lens_is_kept_with_its_sides() -> None:
    plate = PlateLens(blades=5, cats_eye=0.5, axial_px=(0.5, 0.0, -0.5), solved=True)
    assert solved_lens_from({}) is None
    alone = solved_lens_from(SolvedLens(plate).state())
    assert alone is not None
    assert alone.plate == plate
    texel = torch.stack(torch.meshgrid(torch.arange(8.0), torch.arange(4.0), indexing="xy"))
    assert bool((alone.side(0, 0, texel) == 1).all())
    # left half near, right half far; focus moves past both
    depth = torch.tensor([[-1.0, -1.0, 2.0, 2.0]])
    place = torch.tensor([[0.5, 0.25, 0.5 * 0.5 - 0.5, -0.375]])
    seen = SolvedLens(plate, (depth,), place, torch.tensor([0.0, 3.0, -3.0]))
    kept = solved_lens_from(seen.state())
    assert kept is not None
    sides = [kept.side(0, t, texel) for t in range(3)]
    assert sides[0][:, :3].eq(-1).all()
    assert sides[0][:, 5:].eq(1).all()
    assert sides[1].eq(-1).all()
    assert sides[2].eq(1).all()
    # twice as large: texels are half as far apart, colour twice as wide
    double = kept.lifted(2.0, [(np.array([0.5, 0.5]), np.array([-0.25, -0.25]))])
    assert double.plate.axial_px == (1.0, 0.0, -1.0)
    assert torch.equal(double.side(0, 0, 2 * texel + 0.5), sides[0])
