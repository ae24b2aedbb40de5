# SPDX-License-Identifier: Apache-2.0
"""Draw clips that are hard to follow a matte through, one difficulty each, without our code.

    python benchmarks/matte_clips.py OUT [--only fast,leaves]

A body of limbs, or a card, textured, before a textured wall; layered disc blur in linear light.
Every folder holds plate.####.png and alpha.####.png (coverage in focus), 320x180.

| clip | what is hard |
|---|---|
| walks | limbs that swing: the outline never looks like the key's |
| fast | crosses at 18 px a frame, with motion blur |
| leaves | leaves the frame on one side for some frames and returns |
| hides | passes behind a post |
| alike | subject and wall are of the same colours |
| soft | the subject is never in focus: edges of up to 9 px radius |
| shakes | the camera shakes and turns, the subject stands and sways |
| fades | light falls by half and flickers, noise |
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT, COUNT, PAD = 320, 180, 20, 24
Limb = tuple[np.ndarray, np.ndarray, float, int]  # from, to, radius, texture


@dataclass(frozen=True)
class Recipe:
    """What makes a clip; functions of time 0..1, lengths in px."""

    place: Callable[[float], tuple[float, float]]
    swing: float = 0.0
    near: Callable[[float], float] = lambda s: 4 * s
    far: Callable[[float], float] = lambda s: 4 * (1 - s)
    camera: Callable[[float], tuple[float, float, float]] = lambda s: (6 * np.sin(5 * s), 2 * s, 0)
    """Shift, and turn in degrees."""
    shutter: float = 0.0
    """Of the time from frame to frame."""
    alike: bool = False
    post: bool = False
    gain: Callable[[float], float] = lambda s: 1.0
    noise: float = 0.004


CLIPS = {
    "walks": Recipe(lambda s: (70 + 180 * s, 92), swing=0.7),
    "fast": Recipe(lambda s: (-10 + 340 * s, 90), swing=0.2, shutter=0.5),
    "leaves": Recipe(lambda s: (235 + 150 * (1 - abs(2 * s - 1)), 90), swing=0.25),
    "hides": Recipe(lambda s: (60 + 200 * s, 92), swing=0.25, post=True),
    "alike": Recipe(lambda s: (80 + 160 * s, 92), swing=0.2, alike=True),
    "soft": Recipe(lambda s: (90 + 140 * s, 92), swing=0.3, near=lambda s: 9 - 4 * s),
    "shakes": Recipe(
        lambda s: (160 + 12 * np.sin(7 * s), 92),
        swing=0.3,
        camera=lambda s: (14 * np.sin(17 * s), 9 * np.sin(23 * s + 1), 2.5 * np.sin(9 * s)),
    ),
    "fades": Recipe(
        lambda s: (80 + 160 * s, 92),
        swing=0.3,
        gain=lambda s: (1 - 0.5 * s) * (1 + 0.05 * np.sin(40 * s)),
        noise=0.02,
    ),
}


def texture(rng: np.random.Generator, size: int, tint: tuple[float, float, float]) -> np.ndarray:
    """Draw patches, stripes and grain round a colour, linear (size, size, 3)."""
    out = np.zeros((size, size, 3), np.float32)
    for cell, share in ((3, 0.2), (9, 0.3), (40, 0.5)):
        small = rng.random((size // cell + 2, size // cell + 2, 3)).astype(np.float32)
        small = 0.3 * small + 0.7 * small[..., :1]  # light varies more than its hue
        out += share * cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
    for _ in range(size // 14):  # things with edges; half of them plain
        x, y, w, h = rng.integers(0, size, 4) // np.array([1, 1, 5, 5])
        patch, hue = out[y : y + h, x : x + w], rng.uniform(0.4, 1.5, 3)
        patch[:] = patch * hue if rng.random() < 0.5 else 0.5 * hue
    return (out.clip(0.02, 1) ** 1.6 * np.array(tint)).astype(np.float32)


def body(time: float, recipe: Recipe) -> list[Limb]:
    """Return capsules, the farthest first, px of the frame."""
    centre = np.array(recipe.place(time))
    phase = 2 * np.pi * 1.6 * time
    lean = 0.15 * recipe.swing * np.sin(phase)
    hip, neck = np.add(centre, (0, 14)), np.add(centre, (44 * lean, -40))
    limbs: list[Limb] = []

    def jointed(root: np.ndarray, angle: float, bend: float, length: float, radius: float, n: int):
        knee = root + length * np.array([np.sin(angle), np.cos(angle)])
        foot = knee + length * np.array([np.sin(angle - bend), np.cos(angle - bend)])
        limbs.extend([(root, knee, radius, n), (knee, foot, 0.8 * radius, n)])

    for side in (1, -1):
        step = recipe.swing * np.sin(phase + (side > 0) * np.pi)
        jointed(np.add(hip, (7 * side, 0)), 0.8 * step, max(0, step), 34, 12, 1)
        jointed(np.add(neck, (14 * side, 8)), -step, -0.5 - 0.3 * step, 26, 8, 2)
        if side > 0:
            limbs.append((hip, np.add(neck, (0, 10)), 24, 0))
            limbs.append((np.add(neck, (0, -19)), np.add(neck, (3, -24)), 16, 3))
    return limbs


def draw_limbs(limbs: list[Limb], skins: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return light and coverage of capsules, with PAD px around the frame."""
    ys, xs = np.mgrid[-PAD : HEIGHT + PAD, -PAD : WIDTH + PAD].astype(np.float32)
    light = np.zeros((*xs.shape, 3), np.float32)
    cover = np.zeros(xs.shape, np.float32)
    for start, end, radius, n in limbs:
        along = end - start
        length = float(np.hypot(*along))
        axis = along / max(length, 1e-6)
        u = (xs - start[0]) * axis[0] + (ys - start[1]) * axis[1]
        v = (ys - start[1]) * axis[0] - (xs - start[0]) * axis[1]
        inside = radius - np.hypot(v, u - u.clip(0, length))
        alpha = (inside + 0.5).clip(0, 1)[..., None].astype(np.float32)
        skin = skins[n]
        side = skin.shape[0]
        colour = cv2.remap(
            skin,
            (u + side / 2).astype(np.float32),
            (v + side / 2).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        shade = (0.75 + 0.25 * (v / radius).clip(-1, 1))[..., None]
        light = light * (1 - alpha) + alpha * colour * shade
        cover = cover * (1 - alpha[..., 0]) + alpha[..., 0]
    return light, cover


def blurred(plane: np.ndarray, radius: float) -> np.ndarray:
    """Blur by a disc, its rim shared by area."""
    if radius < 0.3:
        return plane
    reach = int(radius + 2)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = (radius + 0.5 - np.hypot(x, y)).clip(0, 1)
    return cv2.filter2D(plane, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def draw_clip(recipe: Recipe, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (plate, alpha), display-encoded (H, W, 3) and (H, W), 0..1."""
    rng = np.random.default_rng(seed)
    wall = texture(rng, 560, (0.55, 0.6, 0.7))
    tints = [(0.9, 0.45, 0.35), (0.4, 0.42, 0.75), (0.9, 0.45, 0.35), (0.9, 0.7, 0.5)]
    skins = [texture(rng, 64, (0.55, 0.6, 0.7) if recipe.alike else tint) for tint in tints]
    post = texture(rng, 400, (0.3, 0.5, 0.3))
    out = []
    for t in range(COUNT):
        light = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        alpha = np.zeros((HEIGHT, WIDTH), np.float32)
        moments = 7 if recipe.shutter else 1
        time = t / (COUNT - 1)
        for m in range(moments):
            s = time + ((m + 0.5) / moments - 0.5) * recipe.shutter / (COUNT - 1)
            one, cover = _moment(s, recipe, wall, skins, post)
            light, alpha = light + one / moments, alpha + cover / moments
        light = light * recipe.gain(time) + rng.normal(0, recipe.noise, light.shape)
        out.append((light.clip(0, 1) ** (1 / 2.2), alpha))
    return out


def _moment(s, recipe, wall, skins, post):  # type: ignore[no-untyped-def]
    full = (WIDTH + 2 * PAD, HEIGHT + 2 * PAD)
    x, y, turn = recipe.camera(s)
    matrix = cv2.getRotationMatrix2D((280, 280), turn, 1.0)
    matrix[:, 2] += (x - 280 + full[0] / 2, y - 280 + full[1] / 2)
    behind = cv2.warpAffine(wall, matrix, full, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
    light, cover = draw_limbs(body(s, recipe), skins)
    near, far = recipe.near(s), recipe.far(s)
    if recipe.post:
        where = np.zeros_like(cover)
        left = int(165 + PAD + x)
        where[:, left : left + 26] = 1
        front = cv2.resize(post, full)
        light = light * (1 - where[..., None]) + front * where[..., None]
        seen = cover * (1 - where)
        cover = cover * (1 - where) + where
    else:
        seen = cover
    soft = blurred(cover, near)[..., None]
    picture = blurred(light * cover[..., None], near) + (1 - soft) * blurred(behind, far)
    cut = (slice(PAD, -PAD), slice(PAD, -PAD))
    return picture[cut], seen[cut]


def main() -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default=",".join(CLIPS))
    options = parser.parse_args()
    for seed, (name, recipe) in enumerate(CLIPS.items()):
        if name not in options.only.split(","):
            continue
        folder = options.out / name
        folder.mkdir(parents=True, exist_ok=True)
        for t, (plate, alpha) in enumerate(draw_clip(recipe, seed + 1), 1):
            for kind, picture in (("plate", plate[..., ::-1]), ("alpha", alpha)):
                values = (picture * 255 + 0.5).clip(0, 255).astype(np.uint8)
                cv2.imwrite(str(folder / f"{kind}.{t:04d}.png"), values)


if __name__ == "__main__":
    main()
