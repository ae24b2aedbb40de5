# SPDX-License-Identifier: Apache-2.0
"""Fades, at both ends and there and back, are found with their light; nothing else is one."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.errors import PlateError
from pullfocus.observe.cuts import check_one_shot
from pullfocus.observe.fades import Fades, find_fades, reduced
from pullfocus.observe.flow import grey
from pullfocus.plate.colour import display_to_linear, linear_to_display

MARKET = Path(__file__).parents[1] / "clips" / "market"
Frames = list[np.ndarray]
LENGTH = 5
SHARES = np.arange(1, LENGTH + 1) / (LENGTH + 1)


@pytest.fixture(scope="module")
def market() -> Frames:
    """The bundled clip, whose focus is pulled all the time, float32 display-encoded."""
    paths = sorted(MARKET.glob("plate.*.png"))
    frames = [cv2.imread(str(path)) for path in paths]
    return [f[..., ::-1].astype(np.float32) / 255 for f in frames if f is not None]


def found(frames: Frames) -> Fades | None:
    return find_fades([reduced(display_to_linear(frame)) for frame in frames])


def in_display(frame: np.ndarray, share: float, other: float | np.ndarray) -> np.ndarray:
    return np.asarray(share * frame + (1 - share) * other, np.float32)


def in_light(frame: np.ndarray, share: float, other: float | np.ndarray) -> np.ndarray:
    there = display_to_linear(np.asarray(other, np.float32))
    return linear_to_display(in_display(display_to_linear(frame), share, there))


def faded(frames: Frames, mix: Callable, other: float | Frames, *, out: bool = False) -> Frames:
    """Frames with a fade over the first or last five of them."""
    shown = list(frames)
    for t, share in enumerate(SHARES):
        at = len(frames) - 1 - t if out else t
        into = other if isinstance(other, float) else other[at]
        shown[at] = mix(frames[at], share, into)
    return shown


@pytest.mark.parametrize("out", [False, True])
@pytest.mark.parametrize(
    ("mix", "level"), [(in_display, 0.0), (in_light, 0.0), (in_light, 1.0), (in_display, 1.0)]
)
def test_fades_are_found(market: Frames, mix: Callable, level: float, out: bool) -> None:
    fades = found(faded(market, mix, level, out=out))
    assert fades is not None
    (fade,) = fades.found
    count = len(market)
    expected = tuple(range(count - LENGTH, count)) if out else tuple(range(LENGTH))
    assert fade.frames == expected
    assert fade.kind == ("white" if level else "black")
    # white over display-encoded values is no gain and offset of light
    assert fade.explained == (mix is in_light or level == 0)
    assert fades.untold.any() != fade.explained
    if mix is in_light:
        gains = fades.light[list(expected), 0].mean(-1)
        np.testing.assert_allclose(gains, SHARES[::-1] if out else SHARES, rtol=0.12)


def test_a_frame_without_its_fade_is_the_frame(market: Frames) -> None:
    shown = faded(market, in_light, 0.0)
    fades = found(shown)
    assert fades is not None
    for t in range(LENGTH):
        assert np.abs(fades.relit(t, shown[t]) - market[t]).mean() < 0.02
    assert fades.relit(LENGTH, shown[LENGTH]) is shown[LENGTH]


def test_black_frames_tell_nothing(market: Frames) -> None:
    shown = faded(market, in_light, 0.0)
    shown[0] = np.zeros_like(shown[0])
    fades = found(shown)
    assert fades is not None
    assert fades.untold.tolist() == [True] + [False] * (len(market) - 1)


@pytest.mark.parametrize("mix", [in_display, in_light])
@pytest.mark.parametrize("out", [False, True])
def test_dissolves_are_found(market: Frames, mix: Callable, out: bool) -> None:
    other = [np.ascontiguousarray(np.flipud(frame)) for frame in market]
    fades = found(faded(market, mix, other, out=out))
    assert fades is not None
    (fade,) = fades.found
    assert fade.kind == "another shot"
    count = len(market)
    assert fade.frames == (tuple(range(count - LENGTH, count)) if out else tuple(range(LENGTH)))
    assert fades.untold.sum() == LENGTH
    first = range(1001, 1001 + count)
    assert fade.note(first) == (
        "plate: frames 1016-1020 dissolve into another shot; left as shot, --frames 1001-1015"
        " leaves them out"
        if out
        else "plate: frames 1001-1005 dissolve from another shot; left as shot, --frames 1006-1020"
        " leaves them out"
    )


def test_both_ends(market: Frames) -> None:
    fades = found(faded(faded(market, in_light, 0.0), in_light, 1.0, out=True))
    assert fades is not None
    assert [fade.note(range(1, 21)) for fade in fades.found] == [
        "plate: fades in from black in frames 1-5; kept as shot, its light is taken out for the"
        " solve",
        "plate: fades out to white in frames 16-20; kept as shot, its light is taken out for the"
        " solve",
    ]


def whip(frame: np.ndarray) -> Frames:
    wide = np.concatenate([frame, frame[:, ::-1], frame[::-1], frame], 1)
    shown, x = [], 0
    for speed in (60, 42, 30, 12, 5, 1, 1, 1, 1, 1):
        shown.append(cv2.blur(wide[:, x : x + frame.shape[1]], (max(1, speed // 2), 1)))
        x += speed
    return shown


def test_nothing_else_is_a_fade(market: Frames, rng: np.random.Generator) -> None:
    def lit(gains: np.ndarray | list[float]) -> Frames:
        return [
            linear_to_display((display_to_linear(f) * np.float32(g)).clip(0, 1))
            for f, g in zip(market, gains, strict=False)
        ]

    count = len(market)
    lamp = np.ones((3, *market[0].shape), np.float32)  # goes on in a half of the room
    lamp[:2, :, : market[0].shape[1] // 2] = 0.1
    racks = (7, 6, 4, 2, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1)
    entering = [f.copy() for f in market]
    for t in range(6):
        entering[t][:, 40 * t :] = 0.02  # a door slides open
    cases = {
        "plate": market,
        "backwards": market[::-1],
        "every third": market[::3],
        "flicker": lit(1 + 0.05 * np.sin(2.1 * np.arange(count))),
        "a ramp of half a stop": lit(2 ** np.linspace(-0.5, 0, count)),
        "a ramp of a stop": lit(2 ** np.linspace(0, 1, count)),
        "a flash": lit([3, 2.5, 1.5, *[1.0] * (count - 3)]),
        "a flash that burns out": lit([50, 9, 3, *[1.0] * (count - 3)]),
        "a strobe": lit([1.0 if t % 2 else 0.15 for t in range(count)]),
        "a lamp": [
            linear_to_display(display_to_linear(f) * lamp[min(t, 2)]) for t, f in enumerate(market)
        ],
        "a door": entering,
        "whip pan": whip(market[0]),
        "focus racked": [
            cv2.GaussianBlur(f, (0, 0), s) for f, s in zip(market, racks, strict=False)
        ],
        "noise": [f + rng.normal(0, 0.04, f.shape).astype(np.float32) for f in market],
        "a still": [market[0]] * 6,
        "a lamp that goes out for a while": [
            linear_to_display(display_to_linear(f) * lamp[0 if 8 <= t < 12 else 2])
            for t, f in enumerate(market)
        ],
        "lights at half": lit([1.0] * 8 + [0.6] * 4 + [1.0] * (count - 12)),
        "somebody before the lens": [
            np.where(np.abs(np.arange(f.shape[1]) - 60 * (t - 7)) < 90, 0.03, f.swapaxes(1, 2))
            .swapaxes(1, 2)
            .astype(np.float32)
            for t, f in enumerate(market)
        ],
        "two frames": market[:2],
        "nothing": [np.zeros((40, 64, 3), np.float32)] * 8,
        "white": [np.ones((40, 64, 3), np.float32)] * 8,
        "a cut": [*[np.ascontiguousarray(f[::-1]) for f in market[:5]], *market[5:]],
    }
    names = {name: fades.found for name, case in cases.items() if (fades := found(case))}
    assert names == {}


DIP = (0.8, 0.55, 0.2, 0.0, 0.3, 0.6, 0.85)
FIRST = 7


def dipped(frames: Frames, mix: Callable, level: float) -> Frames:
    shown = list(frames)
    for t, share in enumerate(DIP, FIRST):
        shown[t] = mix(frames[t], share, level)
    return shown


@pytest.mark.parametrize(
    ("mix", "level"), [(in_display, 0.0), (in_light, 0.0), (in_light, 1.0), (in_display, 1.0)]
)
def test_a_fade_and_back_is_found(market: Frames, mix: Callable, level: float) -> None:
    fades = found(dipped(market, mix, level))
    assert fades is not None
    (fade,) = fades.found
    assert fade.frames == tuple(range(FIRST, FIRST + len(DIP)))
    assert fade.within
    assert fade.explained == (mix is in_light or level == 0)
    if fade.explained:
        assert np.flatnonzero(fades.untold).tolist() == [FIRST + 3]
        colour = "white" if level else "black"
        assert fade.note(range(1, 21)) == (
            f"plate: fades to {colour} and back in frames 8-14; kept as shot, its light is taken"
            " out for the solve"
        )
    if mix is in_light:
        gains = fades.light[list(fade.frames), 0].mean(-1)
        np.testing.assert_allclose(gains, DIP, rtol=0.12, atol=2e-3)


def test_a_shot_may_fade_more_than_once(market: Frames) -> None:
    shown = faded(market, in_light, 0.0)
    for t, share in zip(range(11, 14), (0.6, 0.2, 0.6), strict=True):
        shown[t] = in_light(market[t], share, 0.0)
    fades = found(shown)
    assert fades is not None
    assert [fade.frames for fade in fades.found] == [(0, 1, 2, 3, 4), (11, 12, 13)]
    check_one_shot(range(1, 21), greys(shown), fades)


def greys(frames: Frames) -> list[np.ndarray]:
    return [grey(frame) for frame in frames]


def test_through_black_into_another_shot_is_a_cut(market: Frames) -> None:
    shown = dipped([*market[:11], *(f[::-1] for f in market[11:])], in_light, 0.0)
    with pytest.raises(PlateError, match="got a cut at frame 12; solve one with --frames 1-11 or"):
        check_one_shot(range(1, 21), greys(shown), found(shown))


@pytest.mark.parametrize("mix", [in_display, in_light])
def test_a_dissolve_within_is_a_cut(market: Frames, mix: Callable) -> None:
    other = [np.ascontiguousarray(np.flipud(frame)) for frame in market]
    shown = [*market[:7], *market[7:12], *other[12:]]
    for t, share in zip(range(7, 12), SHARES[::-1], strict=True):
        shown[t] = mix(market[t], share, other[t])
    fades = found(shown)
    assert fades is not None
    with pytest.raises(
        PlateError,
        match=r"got a dissolve in frames 1008-1012; solve one with --frames 1001-1007"
        " or --frames 1013-1020, or take it as one with --ignore-cuts",
    ):
        check_one_shot(range(1001, 1021), greys(shown), fades)
