# SPDX-License-Identifier: Apache-2.0
"""Textures of the market clip, drawn from a seed: a street, and what painters need."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

TEXELS_PER_METRE = 160
WALL_DISTANCE = 7.0
NEAREST_FLOOR = 2.3
WALL_HEIGHT = 2.9
STREET_HALF_WIDTH = 4.8

Rng = np.random.Generator


# --- light -----------------------------------------------------------------------------------


def to_linear(display: np.ndarray) -> np.ndarray:
    """The sRGB curve undone: 0..1 display-encoded to 0..1 scene-linear."""
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def to_display(linear: np.ndarray) -> np.ndarray:
    """The sRGB curve: 0..1 scene-linear to 0..1 display-encoded."""
    light = np.clip(linear, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


# --- textures: display-encoded (H, W, 3), drawn like a poster painter would ----------------------


def fractal(rng: Rng, shape: tuple[int, int], cell: float, octaves: int = 5) -> np.ndarray:
    """Value noise in about -1..1; `cell` is the size in texels of its largest blobs."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    weight = 1.0
    for _ in range(octaves):
        grid = rng.uniform(-1, 1, (int(height / cell) + 3, int(width / cell) + 3))
        total += weight * cv2.resize(
            grid.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
        cell, weight = max(cell / 2, 1.5), weight * 0.55
    return total * 0.5


def colour(*levels: int) -> np.ndarray:
    """0..255 RGB to 0..1."""
    return np.array(levels, np.float32) / 255


def bricks(
    rng: Rng, shape: tuple[int, int], brick: tuple[int, int], base: np.ndarray
) -> np.ndarray:
    """A running bond of bricks of differing colour, with mortar."""
    height, width = shape
    high, wide = brick
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x += 1.5 * fractal(rng, shape, 90, 2)
    y += 1.5 * fractal(rng, shape, 90, 2)
    course = np.floor(y / high).astype(int)
    shifted = x + (course % 2) * wide / 2
    column = np.floor(shifted / wide).astype(int)
    tone = rng.uniform(-1, 1, (course.max() + 3, column.max() + 3, 2)).astype(np.float32)
    tone = tone[course + 1, column + 1]
    image = base * (1 + 0.24 * tone[..., :1]) + tone[..., 1:] * colour(14, 2, -8)
    edge = np.minimum(
        np.minimum(y % high, high - y % high) - 1.6,
        np.minimum(shifted % wide, wide - shifted % wide) - 1.6,
    )
    mortar = np.clip(0.6 - edge, 0, 1)[..., None]
    image = image * (1 - mortar) + colour(176, 166, 150) * mortar
    return image * (1 + 0.05 * fractal(rng, shape, 14, 3)[..., None])


def cobbles(rng: Rng, shape: tuple[int, int], stone: float) -> np.ndarray:
    """Cobble stones: cells around jittered points, dark joints, rounded shading, grit."""
    height, width = shape[0] // 2, shape[1] // 2
    stone /= 2
    rows, columns = int(height / stone) + 4, int(width / stone) + 4
    grid = np.stack(np.mgrid[:rows, :columns], -1).astype(float)
    grid[1::2, :, 1] += 0.5
    points = ((grid - 1.5 + rng.uniform(-0.27, 0.27, grid.shape)) * stone).reshape(-1, 2)
    pixels = np.stack(np.mgrid[:height, :width], -1).reshape(-1, 2)
    distance, index = cKDTree(points).query(pixels, k=2)
    joint = ((distance[:, 1] - distance[:, 0]) / stone).reshape(height, width)
    round_top = (1 - distance[:, 0] / stone).reshape(height, width)
    tone = rng.uniform(-1, 1, (len(points), 3))[index[:, 0]].reshape(height, width, 3)
    tone = tone * (0.10, 0.03, 0.05) + tone[..., :1] * 0.16
    image = colour(128, 122, 116) * (1 + tone) * (0.72 + 0.42 * np.clip(round_top, 0, 1)[..., None])
    image *= np.clip(joint * 5, 0.38, 1)[..., None]
    large = cv2.resize(image.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    large *= 1 + 0.05 * fractal(rng, shape, 7, 3)[..., None]
    return large * (1 + 0.16 * fractal(rng, shape, 260, 3)[..., None])


class Painter:
    """Anti-aliased shapes on a display-encoded canvas, in metres from a corner of it."""

    def __init__(self, canvas: np.ndarray, scale: float, origin: tuple[float, float]) -> None:
        self.canvas, self.scale, self.origin = canvas, scale, origin

    def at(self, x: float, y: float) -> tuple[int, int]:
        """Metres right of and above the origin to texels."""
        return (
            round((self.origin[0] + x) * self.scale),
            round((self.origin[1] - y) * self.scale),
        )

    def mask(self, corners: list[tuple[float, float]], soft: float = 0.7) -> np.ndarray:
        """Coverage of a polygon."""
        cover = np.zeros(self.canvas.shape[:2], np.float32)
        polygon = np.array([self.at(*corner) for corner in corners], np.int32)
        cv2.fillPoly(cover, [polygon], 1.0)
        return gaussian_filter(cover, soft) if soft else cover

    def fill(self, cover: np.ndarray, paint: np.ndarray) -> None:
        """Lay a colour or a whole texture where `cover` is 1."""
        self.canvas[...] = self.canvas * (1 - cover[..., None]) + paint * cover[..., None]

    def box(self, x: float, y: float, wide: float, high: float, paint: np.ndarray) -> None:
        """A rectangle from its lower left corner."""
        left, bottom = self.at(x, y)
        right, top = self.at(x + wide, y + high)
        left, top = max(left, 0), max(top, 0)
        patch = paint[top:bottom, left:right] if paint.ndim == 3 else paint
        self.canvas[top:bottom, left:right] = patch

    def disc(self, x: float, y: float, radius: float, paint: np.ndarray) -> None:
        """A ball with a highlight."""
        reach = round(radius * self.scale)
        for share, lift in ((1.0, 0.72), (0.82, 1.0), (0.35, 1.3)):
            shift = radius * (1 - share) * 0.45
            tint = tuple(float(v) for v in np.clip(paint * lift, 0, 1))
            cv2.circle(
                self.canvas,
                self.at(x - shift, y + shift),
                max(round(reach * share), 1),
                tint,
                -1,
                cv2.LINE_AA,
            )

    def text(self, x: float, y: float, words: str, high: float, paint: np.ndarray) -> None:
        """Capital letters `high` metres tall, from their lower left corner."""
        size = high * self.scale / 21
        cover = np.zeros(self.canvas.shape[:2], np.uint8)
        cv2.putText(
            cover, words, self.at(x, y), cv2.FONT_HERSHEY_DUPLEX, size, 255,
            max(round(size * 2.2), 1), cv2.LINE_AA,
        )  # fmt: skip
        self.fill(cover.astype(np.float32) / 255, paint)

    def line(self, start: tuple[float, float], end: tuple[float, float], wide: float,
             paint: np.ndarray) -> None:  # fmt: skip
        """A stroke."""
        cv2.line(
            self.canvas, self.at(*start), self.at(*end), tuple(float(v) for v in paint),
            max(round(wide * self.scale), 1), cv2.LINE_AA,
        )  # fmt: skip


FRUIT = [colour(214, 52, 40), colour(238, 146, 32), colour(122, 168, 44), colour(232, 202, 60)]


def crate(painter: Painter, rng: Rng, x: float, wide: float, fruit: np.ndarray) -> None:
    """A wooden crate heaped with fruit, standing at the foot of the wall."""
    for _ in range(int(wide * 110)):
        across = rng.uniform(0.04, wide - 0.04)
        heap = 0.30 + rng.uniform(0, 0.17) * np.sin(np.pi * across / wide)
        painter.disc(x + across, heap, rng.uniform(0.034, 0.046), fruit * rng.uniform(0.75, 1.1))
    for plank in range(3):
        wood = colour(176, 128, 76) * rng.uniform(0.75, 1.1)
        painter.box(x, 0.015 + plank * 0.10, wide, 0.085, wood)
        painter.line((x, 0.02 + plank * 0.10), (x + wide, 0.02 + plank * 0.10), 0.012, wood * 0.5)
    for post in (0.02, wide - 0.05):
        painter.box(x + post, 0.0, 0.035, 0.31, colour(120, 84, 48))


def paint_wall(canvas: np.ndarray, rng: Rng) -> None:
    """House fronts: brick, peeling plaster, a shop with awning, a door, posters, crates."""
    shape = canvas.shape[:2]
    scale = TEXELS_PER_METRE
    wall = Painter(canvas, scale, (STREET_HALF_WIDTH, WALL_HEIGHT))
    canvas[...] = bricks(rng, shape, (17, 46), colour(158, 86, 66))
    plaster = colour(214, 178, 116) * (1 + 0.09 * fractal(rng, shape, 60, 5)[..., None])
    house = wall.mask([(-0.95, -0.1), (-0.95, 3.2), (1.75, 3.2), (1.75, -0.1)])
    peeled = np.clip((fractal(rng, shape, 110, 5) + 0.42) * 9, 0, 1)
    wall.fill(house * peeled, plaster)
    third = wall.mask([(1.75, -0.1), (1.75, 3.2), (6.0, 3.2), (6.0, -0.1)])
    wall.fill(third, bricks(rng, shape, (30, 62), colour(132, 142, 148)))

    glass = colour(40, 52, 60) + 0.10 * np.clip(fractal(rng, shape, 220, 3), 0, 1)[..., None]
    green, white = colour(28, 84, 62), colour(238, 232, 214)
    # The shop on the left.
    wall.box(-3.5, 0.0, 2.3, 1.95, green)
    wall.box(-3.38, 0.42, 1.32, 1.02, glass)
    wall.box(-1.92, 0.10, 0.62, 1.40, glass * 0.8)
    for shelf in (0.50, 0.80, 1.10):
        wall.line((-3.38, shelf - 0.03), (-2.06, shelf - 0.03), 0.03, colour(150, 112, 70))
        for spot in np.arange(-3.31, -2.1, 0.115):
            paint = FRUIT[rng.integers(4)] if shelf < 1.0 else colour(196, 206, 190)
            wall.disc(spot, shelf + 0.025, 0.045, paint * rng.uniform(0.7, 1.0))
    for post in (-2.98, -2.52):
        wall.line((post, 0.42), (post, 1.44), 0.03, green * 1.2)
    wall.box(-3.45, 1.66, 2.2, 0.30, colour(20, 52, 92))
    wall.text(-3.30, 1.73, "MARKET HALL", 0.16, colour(246, 214, 110))
    for stripe in range(15):
        left = -3.62 + stripe * 0.168
        paint = colour(196, 46, 44) if stripe % 2 else white
        wall.fill(
            wall.mask(
                [(left + 0.02, 1.62), (left + 0.17, 1.62), (left + 0.168, 1.34), (left, 1.34)]
            ),
            paint * (0.95 - 0.2 * rng.uniform()),
        )
        wall.disc(left + 0.084, 1.33, 0.08, paint * 0.85)
    # A door and a window in the plastered house.
    wall.box(-0.66, 0.0, 0.74, 1.56, colour(236, 226, 204))
    wall.box(-0.60, 0.0, 0.62, 1.50, colour(36, 92, 148))
    for x, y, high in (
        (-0.54, 0.10, 0.52),
        (-0.26, 0.10, 0.52),
        (-0.54, 0.72, 0.66),
        (-0.26, 0.72, 0.66),
    ):
        wall.box(x, y, 0.22, high, colour(26, 70, 120))
        wall.line((x, y + high), (x + 0.22, y + high), 0.015, colour(92, 150, 200))
    wall.disc(-0.06, 0.70, 0.03, colour(232, 196, 92))
    wall.text(-0.45, 1.60, "24", 0.12, colour(60, 48, 40))
    wall.box(0.42, 0.62, 0.92, 1.06, white)
    wall.box(0.48, 0.68, 0.80, 0.94, glass * 1.25)
    wall.line((0.88, 0.68), (0.88, 1.62), 0.04, white)
    wall.line((0.48, 1.20), (1.28, 1.20), 0.04, white)
    for side in (0.14, 1.36):
        wall.box(side, 0.62, 0.26, 1.06, colour(44, 118, 108))
        for slat in np.arange(0.66, 1.66, 0.066):
            wall.line((side + 0.02, slat), (side + 0.24, slat), 0.018, colour(22, 74, 68))
    wall.box(0.36, 0.52, 1.04, 0.10, colour(132, 84, 58))
    for spot in np.arange(0.42, 1.36, 0.05):
        wall.disc(spot, 0.64 + rng.uniform(0, 0.12), 0.035, colour(70, 132, 52))
        wall.disc(spot, 0.68 + rng.uniform(0, 0.12), 0.028, FRUIT[rng.integers(4)])
    # Posters and a sign on the stone house.
    posters = [
        (2.02, "JAZZ", "SAT 9 PM", colour(232, 186, 48), colour(30, 30, 44)),
        (2.74, "TEA", "FROM 1892", colour(186, 58, 62), colour(244, 232, 206)),
        (3.46, "FAIR", "12-15 MAY", colour(64, 132, 172), colour(250, 244, 226)),
    ]
    for x, title, line, paper, ink in posters:
        y = 0.62 + rng.uniform(-0.05, 0.08)
        wall.box(x - 0.015, y - 0.015, 0.63, 0.89, colour(84, 80, 76))
        wall.box(x, y, 0.60, 0.86, paper * (1 + 0.06 * fractal(rng, shape, 80, 3)[..., None]))
        wall.text(x + 0.05, y + 0.64, title, 0.13, ink)
        wall.disc(x + 0.30, y + 0.38, 0.15, ink)
        for ray in np.linspace(0, 2 * np.pi, 13)[:-1]:
            reach = (0.17 * np.cos(ray), 0.17 * np.sin(ray))
            tip = (0.24 * np.cos(ray), 0.24 * np.sin(ray))
            middle = (x + 0.30, y + 0.38)
            wall.line(
                (middle[0] + reach[0], middle[1] + reach[1]),
                (middle[0] + tip[0], middle[1] + tip[1]), 0.022, ink,
            )  # fmt: skip
        wall.text(x + 0.05, y + 0.05, line, 0.062, ink)
    wall.box(2.1, 1.72, 1.9, 0.36, colour(70, 40, 30))
    wall.text(2.2, 1.80, "ANTIQUARIAT", 0.17, white)
    # Pipes where the houses meet, crates at the foot.
    for x in (-0.98, 1.75):
        wall.line((x, 0), (x, 3.2), 0.075, colour(92, 96, 96))
        wall.line((x - 0.015, 0), (x - 0.015, 3.2), 0.02, colour(164, 168, 166))
    for x, wide, kind in ((-3.45, 0.55, 1), (-2.85, 0.62, 0), (-1.15, 0.48, 2), (1.85, 0.6, 3),
                          (2.6, 0.5, 0), (3.9, 0.7, 1)):  # fmt: skip
        crate(wall, rng, x, wide, FRUIT[kind])
    height_above = np.linspace(WALL_HEIGHT, 0, shape[0])[:, None, None]
    canvas *= 1 - 0.45 * np.exp(-np.abs(height_above) / 0.10)
    canvas *= 0.93 + 0.10 * fractal(rng, shape, 330, 3)[..., None]


def paint_street(rng: Rng) -> np.ndarray:
    """Wall above floor in one display-encoded canvas; the ground line is `WALL_HEIGHT` down."""
    scale = TEXELS_PER_METRE
    width = round(2 * STREET_HALF_WIDTH * scale)
    wall = np.zeros((round(WALL_HEIGHT * scale), width, 3), np.float32)
    paint_wall(wall, rng)
    floor = cobbles(rng, (round((WALL_DISTANCE - NEAREST_FLOOR) * scale) // 2 * 2, width), 26)
    chalk = Painter(floor, scale, (STREET_HALF_WIDTH, 0.0))
    before = floor.copy()
    for row, x in enumerate((-2.1, -1.75, -2.1, -1.75, -2.1)):
        for cell in range(2 if x < -2 else 1):
            left, top = x + 0.7 * cell, -1.2 - 0.62 * row
            for k in range(4):
                corners = [
                    (left, top),
                    (left + 0.6, top),
                    (left + 0.6, top - 0.55),
                    (left, top - 0.55),
                ]
                chalk.line(corners[k], corners[(k + 1) % 4], 0.045, colour(232, 228, 214))
            chalk.text(
                left + 0.17, top - 0.42, str(row * 2 + cell + 1), 0.28, colour(240, 170, 160)
            )
    cover = Painter(floor, scale, (STREET_HALF_WIDTH, 0.0))
    for reach, tone in ((0.42, 0.30), (0.39, 0.46), (0.34, 0.34)):
        cv2.circle(
            floor,
            cover.at(0.95, -2.6),
            round(reach * scale),
            (tone, tone, tone * 0.96),
            -1,
            cv2.LINE_AA,
        )
    for step in np.arange(-0.28, 0.29, 0.08):
        reach = float(np.sqrt(0.32**2 - step**2))
        cover.line(
            (0.95 - reach, -2.6 + step), (0.95 + reach, -2.6 + step), 0.03, colour(150, 148, 140)
        )
    worn = np.clip(fractal(rng, floor.shape[:2], 24, 4) * 1.6 + 0.85, 0, 1)[..., None]
    floor = before * (1 - worn) + floor * worn
    floor *= (
        1
        - 0.4
        * np.exp(-np.linspace(0, WALL_DISTANCE - NEAREST_FLOOR, len(floor)) / 0.15)[:, None, None]
    )
    return np.clip(np.concatenate([wall, floor]), 0.01, 0.97)
