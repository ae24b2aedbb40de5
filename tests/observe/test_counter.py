# SPDX-License-Identifier: Apache-2.0
"""A running time code is found whole, whatever moves behind it, and nothing else is one."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.observe.overlay import find_overlay

MARKET = Path(__file__).parents[1] / "clips" / "market"
HEIGHT, WIDTH, COUNT = 144, 256, 20
RUNNING = np.arange(WIDTH) > 122  # the frames of a time code; its other digits stand still


def panned(wall: np.ndarray, speed: int = 3) -> np.ndarray:
    """A camera that pans so many px a frame, (T, h, w, 3) display-encoded."""
    frames = [wall[:HEIGHT, speed * t : speed * t + WIDTH] for t in range(COUNT)]
    return np.repeat(np.stack(frames)[..., None], 3, -1).astype(np.float32) / 255


def market() -> np.ndarray:
    frames = [cv2.imread(str(path)) for path in sorted(MARKET.glob("plate.*.png"))]
    return np.stack([f for f in frames if f is not None]).astype(np.float32) / 255


def coded(
    frames: np.ndarray, *, box: bool = False, tone: float = 1.0, size: float = 0.4, first: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The same with a time code burnt in; returns frames and where ink ever is."""
    out = frames.copy()
    ever = np.zeros(frames.shape[1:3], bool)
    for t in range(len(frames)):
        number = first + t
        code = f"01:00:{number // 24:02d}:{number % 24:02d}"
        cover = np.zeros(frames.shape[1:3], np.uint8)
        cv2.putText(cover, code, (70, 132), cv2.FONT_HERSHEY_DUPLEX, size, 255, 1, cv2.LINE_AA)
        if box:
            out[t, 118:138, 62:176] = 0.02
        share = (cover / np.float32(255))[..., None]
        out[t] = out[t] * (1 - share) + share * tone
        ever |= cover > 127
    return out, ever


@pytest.mark.parametrize("scene", ["pan", "market", "still"])
@pytest.mark.parametrize("box", [False, True])
def test_a_time_code_is_found(wall: np.ndarray, scene: str, box: bool) -> None:
    scenes = {"pan": panned(wall), "market": market(), "still": panned(wall, 0)}
    frames, ink = coded(scenes[scene], box=box, first=9)
    overlay = find_overlay(frames.astype(np.float16))
    # where a camera stands still nothing tells digits that stand still from the wall
    assert overlay.mask[ink & RUNNING if scene == "still" else ink].mean() > 0.97
    ys, xs = np.nonzero(ink)
    near = np.zeros_like(ink)
    near[ys.min() - 8 : ys.max() + 9, xs.min() - 12 : xs.max() + 13] = True
    if box:
        near[112:144, 56:182] = True
    assert not (overlay.mask & ~near).any()
    (note,) = [line for line in overlay.notes() if "time code" in line]
    assert note.startswith("plate: a running time code at ")
    assert note.endswith(" stays as it is")


def test_in_noise_and_through_a_codec(wall: np.ndarray, rng: np.random.Generator) -> None:
    frames, ink = coded(panned(wall), first=9)
    noisy = (frames + rng.normal(0, 0.02, frames.shape)).clip(0, 1)
    packed = []
    for frame in noisy:
        _, data = cv2.imencode(
            ".jpg", np.round(frame * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 60]
        )
        packed.append(cv2.imdecode(data, cv2.IMREAD_COLOR).astype(np.float32) / 255)
    assert find_overlay(np.stack(packed)).mask[ink & RUNNING].mean() > 0.95


def test_dark_digits(wall: np.ndarray) -> None:
    frames, ink = coded(0.3 + 0.7 * panned(wall), tone=0.0, first=9)
    assert find_overlay(frames.astype(np.float16)).mask[ink & RUNNING].mean() > 0.95


def test_nothing_else_runs(wall: np.ndarray, rng: np.random.Generator) -> None:
    moving = panned(wall)
    still = panned(wall, 0)
    blinks = still.copy()
    blinks[::2, 60:70, 60:80] = 1.0  # a lamp
    sparkles = moving.copy()
    sparkles[rng.random(sparkles.shape[:3]) > 0.98] = 1.0
    clipped = (moving * 2.5).clip(0, 1)  # leaves before a white sky
    dark = (moving * 2.5 - 1.5).clip(0, 1)
    walks = np.full_like(still, 0.8)
    for t in range(COUNT):
        x = 10 + 8 * t
        walks[t, 60:100, x : x + 4] = walks[t, 60:100, x + 8 : x + 12] = 0.1  # legs, posts
    weave = still.copy()
    cells = rng.random((24, 32)) > 0.5
    for t in range(COUNT):  # a basket, carried by slowly
        x = 4 + t // 3
        weave[t, 60:84, 90:106] = np.where(cells[:, x : x + 16], 0.9, 0.1)[..., None]
    scenes = {
        "pan": moving,
        "fast pan": panned(wall, 11),
        "still": still,
        "noise": still + rng.normal(0, 0.05, still.shape),
        "flicker": still * (1 + 0.2 * (np.arange(COUNT) % 2))[:, None, None, None],
        "a lamp blinks": blinks,
        "snow": sparkles,
        "clipped": clipped,
        "crushed": dark,
        "legs": walks,
        "a weave that drifts": weave,
        "market": market(),
        "few frames": coded(moving)[0][:5],
        "black": np.zeros_like(moving),
    }
    found = {name: find_overlay(one).counters for name, one in scenes.items()}
    assert {name: patches for name, patches in found.items() if patches} == {}
