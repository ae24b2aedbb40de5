# SPDX-License-Identifier: Apache-2.0
"""Plain words on a solve, and the floor they rest on."""

import numpy as np
import pytest
import torch
from pullfocus.model.floor import Floor, sharpest_seen
from pullfocus.model.shot_model import ShotModel, build_model
from pullfocus.solve.closing import closing_words, doubted_mattes
from pullfocus.solve.settings import SolveSettings

from tests.solve import drawn

BOX = slice(16, 48), slice(30, 66)
RADII = [[0.0, 0, 0, 3, 3, 3], [3.0, 3, 3, 0, 0, 0]]


def exact_model() -> ShotModel:
    """A shot of two still layers, and a model that holds the truth of it."""
    observed = drawn.shot([BOX], RADII)
    model = build_model(observed, SolveSettings().model)
    height, width = drawn.HEIGHT, drawn.WIDTH
    with torch.no_grad():
        for index, layer in enumerate(model.layers):
            # the atlas, looked up where the frame's pixels lie in it
            texel = layer.mapping(0, model.frame_box())
            scale = float(texel[0, 0, 1] - texel[0, 0, 0])
            rows, columns = layer.texture.size
            x = ((torch.arange(columns) - texel[0, 0, 0]) / scale).round().long()
            y = ((torch.arange(rows) - texel[1, 0, 0]) / scale).round().long()
            truth = torch.from_numpy(drawn.picture(index))
            inner = truth[(y + 20).clamp(0, len(truth) - 1)][:, (x + 30).clamp(0, width + 59)]
            layer.texture.set_linear(inner)
            radii = torch.tensor(RADII[index])[:, None, None].clamp(min=0.02)
            layer.coc.lattice.copy_(torch.log(torch.expm1(radii)).expand_as(layer.coc.lattice))
    assert height == observed.height
    return model


@pytest.fixture(scope="module")
def model() -> ShotModel:
    return exact_model()


def test_what_is_seen_sharp_in_some_frame_is_known_to_be(model):
    for grid in sharpest_seen(model).grids:
        seen = grid[grid < 100]
        assert seen.size
        assert np.median(seen) < 0.5


def test_an_exact_solve_is_relied_on_and_a_wrong_one_is_not(model):
    good = Floor(model, model.linear_atlases()).frame(4)
    assert good.kept[BOX].mean() > 0.5
    wrong = exact_model()
    with torch.no_grad():
        wrong.layers[0].texture.texels[..., :3] = wrong.layers[0].texture.texels[..., :3].flip(0)
    bad = Floor(wrong, wrong.linear_atlases()).frame(4)
    assert bad.kept[BOX].mean() < 0.25 * good.kept[BOX].mean()
    assert bad.left[BOX].mean() > 0.5
    assert not (bad.left & (bad.needed < 0.5)).any()
    in_focus = np.zeros_like(bad.kept)
    doubt = bad.confidence(bad.kept, in_focus)
    assert (doubt[bad.needed == 1] <= bad.kept[bad.needed == 1] + 1e-6).all()
    assert (doubt[bad.needed == 0] == 1).all()  # nothing to change: as good as it gets
    assert (bad.confidence(bad.kept, in_focus + 1) == 1).all()


def test_three_sentences(model):
    trusts, left, would_help = closing_words(model)
    assert trusts.startswith("Trusts ")
    assert trusts.endswith(".")
    assert left.startswith("Left ")
    assert would_help.endswith(".")


def test_no_layer_more_is_asked_for_once_parts_were_sought():
    wrong = exact_model()
    with torch.no_grad():
        wrong.layers[1].texture.texels[..., :3] = wrong.layers[1].texture.texels[..., :3].flip(0)
    assert "a layer more within bg" in closing_words(wrong)[2]
    after = closing_words(wrong, parts_sought=True)[2]
    assert "a layer more" not in after
    assert "What was left within bg bends or changes; no part moves apart." in after


def test_a_layer_that_is_never_in_focus_is_named():
    model = exact_model()
    with torch.no_grad():
        model.layers[1].coc.lattice.fill_(3.0)
    assert "most of bg is never in focus" in closing_words(model)[2]


def test_doubted_mattes_are_named_by_frame():
    observed = drawn.shot([BOX], RADII)
    assert doubted_mattes(observed) == []
    doubted = np.zeros((1, drawn.COUNT), bool)
    doubted[0, [2, 3]] = True
    object.__setattr__(observed, "doubted", doubted)
    (line,) = doubted_mattes(observed)
    assert line == "matte layer0: frames 2-3 contradict their neighbours; there it counts less"
