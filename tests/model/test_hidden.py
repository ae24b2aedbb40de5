# SPDX-License-Identifier: Apache-2.0
"""What a frame hides of the background lies where the frames that show it have it."""

from dataclasses import replace

import numpy as np
import torch
from pullfocus.model.hidden import tell_hidden
from pullfocus.model.settings import ModelSettings
from pullfocus.model.shot_model import ShotModel, build_model
from solve.drawn import COUNT, HEIGHT, WIDTH, shot

SLID = np.random.default_rng(2).normal(0, 1, (COUNT, 2))  # px, of the nearest ground


def slid(t: int, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """A wall above, ground below that comes nearer: (2, rows, columns) px."""
    near = ((rows - 28) / 20).clamp(0, 1.5)[:, None].expand(-1, len(columns))
    return torch.from_numpy(SLID[t]).float()[:, None, None] * near


def half_solved(seed: int | None = None) -> ShotModel:
    """A model that knows how the background moves wherever a wandering box shows it."""
    observed = shot([(slice(8, 40), slice(8, 40))], [[0.0] * COUNT] * 2)
    mattes = np.zeros_like(observed.mattes)
    for t in range(COUNT):
        mattes[0, t, 24:56, 4 + 12 * t : 26 + 12 * t] = 255
    model = build_model(replace(observed, mattes=mattes), ModelSettings())
    mapping = model.layers[1].mapping
    rows, columns = mapping.grid(1.0)
    for t in range(COUNT):
        field = slid(t, rows, columns)
        if seed is not None:  # nothing stands still
            field = 3 * torch.randn(field.shape, generator=torch.manual_seed(seed + t))
        mapping.add_unseen(t, field)
    with torch.no_grad():
        mapping.flutter.copy_(mapping.unseen)
    mapping.unseen.zero_()
    return model


def off(model: ShotModel, t: int) -> float:
    """Root mean square of what hidden places miss of the truth, px."""
    mapping, frame = model.layers[1].mapping, model.frame_box()
    with torch.no_grad():
        moved = mapping.displacement(t, frame)
    truth = slid(t, torch.arange(HEIGHT).float(), torch.arange(WIDTH).float())
    hidden = torch.from_numpy(model.observed.matte(0, t)) > 0.5
    return float((moved - truth)[:, hidden].square().mean().sqrt())


def seen_places(model: ShotModel, t: int) -> torch.Tensor:
    """Where what is seen lies in the atlas, (2, n)."""
    with torch.no_grad():
        texels = model.layers[1].mapping(t, model.frame_box())
    return texels[:, torch.from_numpy(model.observed.matte(0, t)) < 0.5]


def test_what_is_hidden_is_told_by_the_frames_that_show_it() -> None:
    model = half_solved()
    before = [off(model, t) for t in range(COUNT)]
    lay = [seen_places(model, t) for t in range(COUNT)]
    tell_hidden(model)
    after = [off(model, t) for t in range(COUNT)]
    assert np.mean(before) > 0.4  # px
    assert np.mean(after) < 0.4 * np.mean(before)
    for t in range(COUNT):  # what is seen stays, but for what cells blur next to the box
        moved = (seen_places(model, t) - lay[t]).norm(dim=0)
        assert float(moved.square().mean().sqrt()) < 0.1
        assert float(moved.median()) < 0.01
    once = model.layers[1].mapping.unseen.clone()
    tell_hidden(model)  # found anew, not on top
    torch.testing.assert_close(model.layers[1].mapping.unseen, once, atol=0.05, rtol=0)


def test_bars_tell_nothing_of_the_scene() -> None:
    told, spoiled = half_solved(), half_solved()
    bars = np.zeros((HEIGHT, WIDTH), bool)
    bars[:10] = True
    for model in (told, spoiled):
        model.observed = replace(model.observed, covered=bars)
    with torch.no_grad():
        flutter = spoiled.layers[1].mapping.flutter[:, :, :4]  # where nobody looks
        flutter += 2 * torch.randn(flutter.shape, generator=torch.manual_seed(7))  # px
    for model in (told, spoiled):
        tell_hidden(model)
    found, expected = (np.mean([off(m, t) for t in range(COUNT)]) for m in (spoiled, told))
    assert found < expected + 0.1


def test_where_nothing_stands_still_nothing_is_told() -> None:
    model = half_solved(seed=3)
    tell_hidden(model)
    assert not model.layers[1].mapping.unseen.any()


def test_it_can_be_left_out() -> None:
    observed = shot([(slice(8, 40), slice(8, 40))], [[0.0] * COUNT] * 2)
    model = build_model(observed, ModelSettings(background_still=False))
    assert model.layers[1].mapping.unseen is None
    assert not any(name.endswith("unseen") for name in model.state_dict())
    tell_hidden(model)


def test_subjects_have_nothing_to_be_told() -> None:
    assert half_solved().layers[0].mapping.unseen is None
