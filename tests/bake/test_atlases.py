# SPDX-License-Identifier: Apache-2.0
"""What leaves a solve: seen texels to the bit, the others continued from them."""

import numpy as np
import pytest
import torch
from pullfocus.bake import atlases
from pullfocus.bake.atlases import finished_atlases, used_texels
from pullfocus.kept import Keep
from pullfocus.model.shot_model import ModelSettings, ShotModel

from tests.model.card_shot import card_model

COUNT, HEIGHT, WIDTH = 3, 40, 64


@pytest.fixture(scope="module")
def model() -> ShotModel:
    """A square before a wall; every texel that no frame shows is a garish green."""
    square = (slice(12, 28), slice(20, 44))
    settings = ModelSettings(overscan_px=200.0)
    model = card_model(square, (COUNT, HEIGHT, WIDTH), names=("fg", "bg"), settings=settings)
    for index, layer in enumerate(model.layers):
        grey = torch.full((*layer.texture.texels.shape[:2], 3), 0.4)
        grey[torch.from_numpy(used_texels(model)[index]) == 0] = torch.tensor([0.0, 5.0, 0.0])
        layer.texture.set_linear(grey)
    return model


def test_what_frames_show_is_used(model: ShotModel) -> None:
    scale = model.settings.texels_per_px
    for index, area in ((0, 16 * 24), (1, HEIGHT * WIDTH)):
        used = used_texels(model)[index]
        assert used.sum() == pytest.approx(area * scale**2, rel=0.25)


def test_unseen_texels_continue_the_seen_ones(model: ShotModel) -> None:
    for index, (finished, raw) in enumerate(
        zip(finished_atlases(model), model.linear_atlases(), strict=True)
    ):
        seen = torch.from_numpy(used_texels(model)[index]) > 0
        torch.testing.assert_close(finished[seen], raw[seen], rtol=0, atol=0)
        torch.testing.assert_close(finished[..., 3], raw[..., 3], rtol=0, atol=0)
        border = finished[0, :, :3]  # far from what is seen
        assert (raw[0, :, 1] > 4.9).all()
        torch.testing.assert_close(border, torch.full_like(border, 0.4))


def test_used_texels_are_kept_to_the_bit(model: ShotModel, tmp_path, monkeypatch) -> None:
    keep, own = Keep(tmp_path, "one state"), used_texels(model)
    used_texels(model, keep)
    monkeypatch.setattr(atlases, "_looked_for", None)
    for kept, used in zip(used_texels(model, keep), own, strict=True):
        np.testing.assert_array_equal(kept, used)
