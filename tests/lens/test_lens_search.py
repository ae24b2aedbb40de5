# SPDX-License-Identifier: Apache-2.0
"""The plate's own lens, found in plates that were blurred by a lens that is known."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pullfocus import checkpoint
from pullfocus.errors import PullfocusError
from pullfocus.lens import search as lens_search
from pullfocus.lens.search import find_plate_lens
from pullfocus.lens.virtual import VirtualLens
from pullfocus.model.colour import to_display
from pullfocus.model.glass import spread
from pullfocus.model.plate_lens import PlateLens, plate_lens_from_record, read_plate_lens
from pullfocus.model.shot_model import ModelSettings, ShotModel, build_model
from pullfocus.observe.observed import Observed
from pullfocus.refocus.new_lens import NewLens

from cuda_lensblur import Aperture, Field, FrameView

COUNT, HEIGHT, WIDTH = 4, 96, 128
RADII = np.linspace(5.0, 9.0, COUNT)


def shot(lens: PlateLens, *, before: bool = False) -> tuple[ShotModel, VirtualLens]:
    """A wall with lamps going out of focus, seen through a lens; a little noise on the plate."""
    random = torch.Generator().manual_seed(4)
    radius = np.broadcast_to(RADII[:, None, None], (COUNT, HEIGHT, WIDTH)).astype(np.float16)
    observed = Observed(
        frames=tuple(range(1001, 1001 + COUNT)),
        layer_names=("bg",),
        width=WIDTH,
        height=HEIGHT,
        colorspace="lin_rec709_srgb",
        plate=np.zeros((COUNT, HEIGHT, WIDTH, 3), np.float16),
        mattes=np.zeros((0, COUNT, HEIGHT, WIDTH), np.uint8),
        coc=radius,
        motion=np.tile(np.eye(3), (1, COUNT, 1, 1)),
        residual=np.zeros((1, COUNT, 6, 8, 2), np.float32),
    )
    model = build_model(observed, ModelSettings(overscan_px=60))
    texture = model.layers[0].texture
    height, width = texture.texels.shape[:2]
    dark = 0.1 * torch.rand(height, width, 3, generator=random)
    lamps = (torch.rand(height, width, 1, generator=random) > 0.997).float()
    texture.set_linear(dark + 25 * lamps * torch.rand(height, width, 3, generator=random))
    sign, frame = -1.0 if before else 1.0, model.frame_box()
    seen = []
    with torch.no_grad():
        for t in range(COUNT):
            (wall,) = model.frame(t, overscan=True)
            place = FrameView(WIDTH, HEIGHT, wall.box.left, wall.box.top)
            stack = torch.cat([wall.colour * wall.alpha, wall.alpha])
            light, coverage = spread(stack, sign * wall.radius_px, lens.glass, place)
            rows, columns = frame.inside(wall.box)
            shown = (light / coverage.clamp(min=1e-4))[:, rows, columns]
            seen.append(to_display(shown).permute(1, 2, 0))
    plate = torch.stack(seen)
    plate = (plate + 0.01 * torch.randn(plate.shape, generator=random)).clamp(0, 1)
    model.observed = replace(observed, plate=plate.numpy().astype(np.float16))
    depth = np.full((2, 2), 20.0 * sign, np.float32)
    return model, VirtualLens((depth,), 4096.0, np.zeros(COUNT), 0.1, 9.0)


def turned(found: float, true: float, blades: int) -> float:
    """Degrees between two irises, over the angle between two corners."""
    period = 360 / blades
    return abs((found - true + period / 2) % period - period / 2)


@pytest.mark.slow
@pytest.mark.parametrize("before", [False, True], ids=["behind", "before"])
def test_blades_rotation_and_cats_eye_are_found(before: bool) -> None:
    true = PlateLens(blades=5, rotation_deg=20.0, cats_eye=0.8)
    model, virtual = shot(true, before=before)
    found = find_plate_lens(model, virtual)
    assert found.blades == 5
    assert turned(found.rotation_deg, 20.0, 5) < 6
    assert found.cats_eye == pytest.approx(0.8, rel=0.15)
    assert found.roundness < 0.25
    assert found.squeeze == pytest.approx(1, abs=0.08)
    assert found.gain > 0.2


@pytest.mark.slow
def test_colour_and_squeeze_are_found() -> None:
    model, virtual = shot(PlateLens(squeeze=1.4, axial_px=(0.7, 0.0, -0.7)))
    found = find_plate_lens(model, virtual)
    assert found.squeeze == pytest.approx(1.4, abs=0.12)
    assert found.axial_px == pytest.approx((0.7, 0.0, -0.7), abs=0.15)
    assert found.blades == 0 or found.roundness > 0.5


@pytest.mark.slow
def test_a_round_lens_stays_round() -> None:
    model, virtual = shot(PlateLens())
    assert find_plate_lens(model, virtual) == PlateLens()
    assert find_plate_lens(model, None) == PlateLens()


@pytest.mark.parametrize(
    ("true", "found"),
    [((0.8, 0.8, 0.8), (0.0, 0.0, 0.0)), ((0.9, 0.4, -0.1), (0.5, 0.0, -0.5))],
    ids=["radii alone", "colour too"],
)
def test_radii_that_are_off_are_no_colour(true: tuple, found: tuple) -> None:
    model, virtual = shot(PlateLens(axial_px=true))
    fit, proof = lens_search._halves(model, virtual, range(COUNT), 0)
    lens = lens_search._with_colour(fit, proof, PlateLens())
    assert lens.axial_px == pytest.approx(found, abs=0.15)


@pytest.mark.parametrize(("count", "apart"), [(32, 1), (300, 7)])
def test_frames_that_prove_are_not_those_that_were_fitted_over_again(
    count: int, apart: int
) -> None:
    """Focus goes out once in all that time: the most blurred frames lie side by side."""

    def frame(t: int, **_: object) -> list[SimpleNamespace]:
        blur = torch.full((4, 4), 2.0 - abs(t / count - 0.5))
        return [SimpleNamespace(alpha=torch.ones(1, 4, 4), radius_px=blur)]

    observed = SimpleNamespace(frames=range(count), width=512)
    model = SimpleNamespace(observed=observed, frame=frame)
    chosen = lens_search._chosen(model)  # type: ignore[arg-type]
    assert len(chosen) == 8
    assert np.diff(sorted(chosen)).min() >= apart


def test_what_is_no_larger_than_the_errors_of_a_solve_is_not_said() -> None:
    tiny = PlateLens(squeeze=1.04, cats_eye=0.1, axial_px=(0.1, 0.0, -0.1))
    assert lens_search._worth_saying(tiny) == PlateLens()
    plain = PlateLens(blades=5, squeeze=0.8, cats_eye=0.3, axial_px=(0.5, 0.0, 0.0))
    assert lens_search._worth_saying(plain) == plain


def test_what_is_found_is_said_in_one_line() -> None:
    given = PlateLens(blades=6, cats_eye=0.5, gain=0.3)
    assert given.words() == (
        "lens: 6 blades turned by 0 degrees, roundness 0.00; cat's eye 0.50"
        " (explains 30% of what a round one does not)"
    )
    assert PlateLens(squeeze=1.5).words() == "lens: squeeze 1.50"  # given: nothing was proved
    assert PlateLens().words() == "lens: round; nothing else is proved"


def test_a_lens_is_kept_until_the_solve_goes_on(tmp_path: Path, monkeypatch) -> None:
    looked = []
    monkeypatch.setattr(
        lens_search,
        "find_plate_lens",
        lambda *_: looked.append(1) or PlateLens(blades=5, rotation_deg=3.0),
    )

    def asked() -> PlateLens:
        model = SimpleNamespace(lens=None)
        return lens_search.plate_lens_of(tmp_path, model, None, "auto")  # type: ignore[arg-type]

    tensors = {"x": torch.zeros(1)}
    checkpoint.save(tmp_path / "checkpoint.safetensors", tensors, {"step": 3})
    assert asked() == asked() == PlateLens(blades=5, rotation_deg=3.0)
    assert len(looked) == 1
    (tmp_path / "lens.json").write_text("{")
    assert asked().blades == 5
    checkpoint.save(tmp_path / "checkpoint.safetensors", tensors, {"step": 4})
    assert asked().blades == 5
    assert len(looked) == 3


def test_lens_files(tmp_path: Path) -> None:
    lens = PlateLens(blades=7, rotation_deg=12.5, cats_eye=0.4, axial_px=(0.5, 0.0, -0.25))
    path = tmp_path / "lens.json"
    lens.write(path)
    assert read_plate_lens(path) == lens
    passes = tmp_path / "passes.json"
    passes.write_text(json.dumps({"plate_lens": lens.record()}))
    assert read_plate_lens(passes) == lens
    for text, message in (
        ("{", "a lens file"),
        ("[]", "list"),
        ('{"blade": 5}', "'blade'"),
        ('{"blades": 2}', "0 or at least 3, got 2"),
        ('{"blades": 5.5}', "whole blades"),
        ('{"axial_px": [1]}', "red, green, blue"),
        ('{"cats_eye": "much"}', "another record"),
    ):
        path.write_text(text)
        with pytest.raises(PullfocusError, match=message):
            read_plate_lens(path)
    with pytest.raises(PullfocusError, match="expected a lens file"):
        read_plate_lens(tmp_path / "none.json")
    assert plate_lens_from_record({}) == PlateLens()


def test_refocus_starts_from_the_plates_lens() -> None:
    plate = PlateLens(blades=5, rotation_deg=9.0, cats_eye=0.6, axial_px=(0.5, 0.0, -0.5))
    wide = NewLens(aperture=2.0).starting_from(plate)
    assert wide.bokeh == Aperture(blades=5, rotation_deg=9.0)
    assert wide.field == Field(cats_eye=0.6, balanced=True)
    assert wide.axial_px == (1.0, 0.0, -1.0)
    own = NewLens(bokeh=Aperture(blades=8), field=Field(cats_eye=0.2), axial_px=(0.0, 1.0, 0.0))
    assert own.starting_from(plate) == own
    assert NewLens().starting_from(PlateLens()) == NewLens()
