# SPDX-License-Identifier: Apache-2.0
"""Every control of the lens: it does something, what it says, and keeps light."""

import inspect
import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from pullfocus.cli.refocus import Highlights, refocus
from pullfocus.errors import PullfocusError
from pullfocus.model.glass import spread
from pullfocus.refocus.asked import asked_lens, known_distances
from pullfocus.refocus.bloom import bloomed
from pullfocus.refocus.clipping import clip_level
from pullfocus.refocus.focus import Distance, parse_focus
from pullfocus.refocus.new_lens import Bloom, NewLens, axial_shift
from pullfocus.refocus.refocus import Refocuser

from cuda_lensblur import Aperture, Field, FrameView, scatter_blur
from tests.model.card_shot import card_model

COUNT, HEIGHT, WIDTH = 6, 48, 64
CARD = (slice(14, 36), slice(20, 46))
FOCUS = np.linspace(-5.0, 5.0, COUNT)
DEPTH = {"card": -3.0, "bg": 4.0}
SPOT = 61


@pytest.fixture(scope="module")
def view() -> Refocuser:
    """A card before a wall, both with lights that clip, focus pulled through both."""
    random = torch.Generator().manual_seed(1)
    plate = np.full((COUNT, HEIGHT, WIDTH, 3), 0.4, np.float16)
    plate[:, 2:6, 2:8] = 1.0
    model = card_model(CARD, (COUNT, HEIGHT, WIDTH), focus=FOCUS, depth=DEPTH, plate=plate)
    for layer in model.layers:
        height, width = layer.texture.texels.shape[:2]
        dark = 0.3 * torch.rand(height, width, 3, generator=random)
        lights = (torch.rand(height, width, 1, generator=random) > 0.98).float()
        layer.texture.set_linear(dark + lights)
    return Refocuser(model)


def options() -> dict[str, Any]:
    """What the command line takes for the lens, at its defaults."""
    return {name: one.default for name, one in inspect.signature(refocus).parameters.items()}


# option -> a turned value, and what it needs to act on
TURNED: dict[str, tuple[Any, dict[str, Any]]] = {
    "aperture": (1.6, {}),
    "f_stop": (1.4, {"plate_f_stop": 2.8}),
    "plate_f_stop": (5.6, {"plate_f_stop": 2.8, "f_stop": 2.8}),
    "near": (0.4, {}),
    "far": (0.4, {}),
    "max_radius": (1.5, {}),
    "blades": (3, {}),
    "rotation": (40.0, {"blades": 3}),
    "roundness": (0.7, {"blades": 3}),
    "squeeze": (2.0, {}),
    "rim": (0.6, {}),
    "inner_ring": (0.6, {}),
    "spherical": (0.8, {}),
    "bokeh_noise": (0.8, {}),
    "bokeh_noise_size": (0.9, {"bokeh_noise": 0.8}),
    "bokeh_noise_seed": (7, {"bokeh_noise": 0.8}),
    "cats_eye": (1.0, {}),
    "cats_eye_softness": (0.8, {"cats_eye": 1.0}),
    "screen_relative": (True, {"cats_eye": 1.0}),
    "barn_doors": ("0.6,0,0,0.3", {}),
    "door_softness": (1.0, {"barn_doors": "0.6,0,0,0.3"}),
    "axial": (2.0, {}),
    "axial_colours": ("red-cyan", {"axial": 2.0}),
    "astigmatism": (3.0, {}),
    "field_curvature": (3.0, {}),
    "bloom": (0.8, {"bloom_threshold": 0.1}),
    "bloom_size": (4.0, {"bloom": 0.8, "bloom_threshold": 0.1}),
    "bloom_threshold": (0.1, {"bloom": 0.8}),
    "switch_sides": (True, {"near": 0.4}),
    "highlight_gain": (4.0, {}),
    "highlights": (Highlights.bright, {"highlight_gain": 4.0}),
    "preview": (True, {"aperture": 3.0}),
}
_ELSEWHERE = frozenset(
    "folder out focus focus_point keep_sharp kernel plate_lens focus_mattes overlay atlas frames "
    "plate matte skip_existing progress threads filmback focal_length distance".split()
)


def test_the_list_below_is_whole() -> None:
    """A new option of the lens has to be turned here too."""
    assert set(TURNED) == set(options()) - _ELSEWHERE


@pytest.mark.parametrize("name", TURNED)
def test_no_control_is_without_effect(view: Refocuser, name: str) -> None:
    value, needs = TURNED[name]
    before = asked_lens({**options(), **needs})
    after = asked_lens({**options(), **needs, name: value})
    clipped = 0.5 if name == "highlights" else view.clipped
    view._clipped = clipped * (3 if name == "highlights" else 1)
    shown = [view.frame(3, focus=0.5, lens=lens) for lens in (before, after)]
    view._clipped = None
    change = np.abs(shown[1].colour - shown[0].colour)
    assert change.max() > (1e-3 if name == "preview" else 0.01), name
    assert change.mean() > 1e-4, name


def test_focus_in_metres_is_where_the_thin_lens_has_it(view: Refocuser) -> None:
    """The card at 10 cm; the wall is as far as its depth says."""
    metres = known_distances(36.0, 50.0, 2.0, "card=10cm")
    assert metres is not None
    told = Refocuser(view.model, view.atlases, metres)
    card, wall = (view.depth_of(name, 0) for name in ("card", "bg"))
    far = metres.camera.distance_m(wall, card, 0.1, WIDTH)
    assert told.depth_of(Distance(0.1), 0) == pytest.approx(card)
    track = told.track(parse_focus(f"1001:10cm 1006:{far:.6f}m"))
    assert track[[0, -1]] == pytest.approx([card, wall], abs=1e-3)
    with pytest.raises(PullfocusError, match="needs --filmback"):
        view.track(parse_focus("2m"))
    with pytest.raises(PullfocusError, match="expected all of --filmback"):
        known_distances(36.0, None, 2.0, "card=2m")
    with pytest.raises(PullfocusError, match=r"WHAT=3\.2m"):
        known_distances(36.0, 50.0, 2.0, "card=2")


def test_every_field_of_the_lens_is_reached_by_an_option() -> None:
    """What Python can set, the command line can."""
    default = asked_lens(options())
    changed = set()
    for name, (value, needs) in TURNED.items():
        lens = asked_lens({**options(), **needs, name: value})
        changed |= {
            one.name
            for one in fields(NewLens)
            if getattr(lens, one.name) != getattr(default, one.name)
        }
    assert changed == {one.name for one in fields(NewLens)}


def spot(lens: NewLens, coc: float, *, colour: tuple[float, ...] = (1, 1, 1)) -> np.ndarray:
    """What a highlight in the middle of the frame turns into, (3, h, w)."""
    stack = torch.zeros(4, SPOT, SPOT)
    stack[:3, SPOT // 2, SPOT // 2] = torch.tensor(colour, dtype=torch.float32)
    stack[3] = 1
    plane = torch.full((SPOT, SPOT), coc)
    return spread(stack, plane, lens.glass, FrameView(SPOT, SPOT))[0].numpy()


@pytest.mark.parametrize("pair", ["red-cyan", "green-magenta", "blue-yellow"])
@pytest.mark.parametrize("coc", [12.0, -12.0])
def test_axial_colour_is_a_radius_by_channel(pair: str, coc: float) -> None:
    lens = NewLens(axial_px=axial_shift(pair, 4.0))
    seen = spot(lens, coc)
    for channel, shift in zip(seen, lens.axial_px, strict=True):
        stack = torch.zeros(1, SPOT, SPOT)
        stack[0, SPOT // 2, SPOT // 2] = 1
        alone = scatter_blur(stack, torch.full((SPOT, SPOT), abs(coc + shift)))[0]
        np.testing.assert_allclose(channel, alone, atol=1e-7)
        assert channel.sum() == pytest.approx(1, rel=1e-4)
    assert max(lens.axial_px) - min(lens.axial_px) == 4


def test_spherical_aberration_differs_before_and_behind_the_focus() -> None:
    """Light over the disc goes as 1 + s (2 t^2 - 1), and the other way round before the focus."""
    lens = NewLens(bokeh=Aperture(spherical=0.7))
    y, x = np.mgrid[:SPOT, :SPOT] - SPOT // 2
    t = np.hypot(x, y) / 20
    for coc, sign in ((20.0, 1), (-20.0, -1)):
        seen = spot(lens, coc)[0] * math.pi * 20**2
        inside = t < 0.94
        np.testing.assert_allclose(
            seen[inside], 1 + sign * 0.7 * (2 * t[inside] ** 2 - 1), atol=0.02
        )
        assert seen.sum() == pytest.approx(math.pi * 400, rel=1e-4)


def test_an_odd_iris_stands_on_its_head_before_the_focus() -> None:
    lens = NewLens(bokeh=Aperture(blades=5, rotation_deg=90))
    behind, before = (spot(lens, coc)[0] for coc in (20.0, -20.0))
    np.testing.assert_allclose(before, behind[::-1, ::-1], atol=1e-7)
    assert np.abs(before - behind).max() > 5e-4
    picture = torch.zeros(8, 8)
    picture[:4] = 1
    behind, before = (spot(NewLens(bokeh=picture), coc)[0] for coc in (20.0, -20.0))
    np.testing.assert_allclose(before, behind[::-1, ::-1], atol=1e-7)


def test_noise_keeps_light_and_is_repeated_by_its_seed() -> None:
    seen = [spot(NewLens(bokeh=Aperture(noise=0.9, noise_seed=s)), 20.0)[0] for s in (3, 3, 4)]
    np.testing.assert_array_equal(seen[0], seen[1])
    assert np.abs(seen[2] - seen[0]).max() > 2e-4
    assert [one.sum() for one in seen] == pytest.approx([1, 1, 1], rel=1e-4)


def test_bloom_moves_light() -> None:
    colour = np.full((201, 241, 3), 0.2, np.float32)
    colour[98:104, 118:124] = 6.0
    bloom = Bloom(0.5, 12.0, 1.0)
    seen = bloomed(colour, bloom)
    assert seen.sum() == pytest.approx(colour.sum(), rel=1e-4)
    assert seen[100, 120, 0] == pytest.approx(6 - 0.5 * 5, abs=0.3)
    y, x = np.mgrid[-100:101, -120:121]
    scattered = (seen - colour)[..., 0] + 0.5 * np.maximum(colour[..., 0] - 1, 0)
    near = scattered[np.hypot(x, y - 0.5) < 12].sum() / scattered.sum()
    assert near == pytest.approx(0.5, abs=0.08)
    np.testing.assert_array_equal(bloomed(np.minimum(colour, 0.9), bloom), np.minimum(colour, 0.9))


def test_a_preview_is_close_and_keeps_light(view: Refocuser) -> None:
    lens = NewLens(aperture=3.0, field=Field(cats_eye=0.8), bokeh=Aperture(blades=6))
    full, preview = (
        view.frame(3, focus=0.5, lens=replace(lens, preview=preview)) for preview in (False, True)
    )
    assert np.abs(preview.colour - full.colour).mean() < 0.02
    assert preview.colour.mean() == pytest.approx(full.colour.mean(), rel=0.01)
    assert (preview.coc == full.coc).mean() > 0.98  # on silhouettes either side may be in front


def test_depth_edges_never_show_inside_foreground_bokeh(view: Refocuser) -> None:
    """What is behind a blurred card is as smooth as if the card had no edge there."""
    lens = NewLens(aperture=2.0, bokeh=Aperture(blades=6), field=Field(cats_eye=0.7))
    model = view.model
    texels = [layer.texture.texels.clone() for layer in model.layers]
    try:
        for layer, grey in zip(model.layers, (0.6, 0.2), strict=True):
            height, width = layer.texture.texels.shape[:2]
            layer.texture.set_linear(torch.full((height, width, 3), grey))
        flat = Refocuser(model)
        seen = flat.frame(3, focus=flat.depth_of("bg", 3), lens=lens)
    finally:
        with torch.no_grad():
            for layer, held in zip(model.layers, texels, strict=True):
                layer.texture.texels.copy_(held)
    # flat card over flat wall: colour is the matte alone, whatever the silhouette does to depth
    expected = 0.2 + 0.4 * seen.matte
    np.testing.assert_allclose(seen.colour[..., 0], expected, atol=2e-3)
    row = seen.matte[25]
    assert (np.diff(row[:33]) > -1e-4).all()  # and rises without a step back


def test_focus_mattes_are_the_two_sides_as_the_lens_shows_them(view: Refocuser) -> None:
    wide = NewLens(aperture=3.0)
    shown = view.frame(3, focus=0.5, lens=wide, mattes=True)
    assert shown.near is not None
    assert shown.far is not None
    np.testing.assert_allclose(shown.near, shown.matte, atol=1e-3)  # the card alone lies before it
    np.testing.assert_allclose(shown.near + shown.far, 1, atol=0.02)
    on_card = view.frame(3, focus=view.depth_of("card", 3), mattes=True)
    assert on_card.near is not None
    assert on_card.near.max() < 0.02
    switched = view.frame(3, focus=0.5, lens=replace(wide, switched=True), mattes=True)
    assert switched.far is not None
    np.testing.assert_allclose(switched.far, shown.near, atol=1e-5)
    assert view.frame(3, focus=0.5).near is None


def test_only_a_pile_of_px_at_the_top_proves_clipping(view: Refocuser) -> None:
    observed = view.model.observed
    assert clip_level(observed) == pytest.approx(1.0, abs=0.01)
    random = np.random.default_rng(0)
    ends = np.clip(random.gamma(2.0, 0.12, observed.plate.shape), 0, 4).astype(np.float16)
    assert clip_level(replace(observed, plate=ends)) == math.inf
    level = np.minimum(ends, np.float16(0.6))  # a sensor that clips below 1
    assert 0.3 < clip_level(replace(observed, plate=level)) < 0.34
    assert clip_level(replace(observed, plate=ends * np.float16(0))) == math.inf


def test_nothing_is_lifted_where_nothing_clips(view: Refocuser) -> None:
    lens = NewLens(highlight_gain=5.0)
    plain = view.frame(3, focus=0.5)
    view._clipped = math.inf
    lifted = view.frame(3, focus=0.5, lens=lens)
    bright = view.frame(3, focus=0.5, lens=replace(lens, lift_bright=True))
    view._clipped = None
    np.testing.assert_array_equal(lifted.colour, plain.colour)
    assert bright.colour.max() > 1.5 * plain.colour.max()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("barn_doors", "0.5,1", "four numbers such as"),
        ("barn_doors", "0,0,0,2", r"0\.\.0\.9"),
        ("axial_colours", "red-blue", "red-cyan, green-magenta, blue-yellow"),
        ("spherical", 3.0, "spherical"),
        ("f_stop", 2.0, "--plate-f-stop as well"),
    ],
)
def test_lenses_that_cannot_be(option: str, value: Any, message: str) -> None:
    with pytest.raises(PullfocusError, match=message):
        asked_lens({**options(), option: value})
