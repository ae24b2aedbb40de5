# SPDX-License-Identifier: Apache-2.0
"""Geometry, motion and lens of the market clip; independent of pullfocus."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from market_paint import (
    STREET_HALF_WIDTH,
    TEXELS_PER_METRE,
    WALL_DISTANCE,
    WALL_HEIGHT,
)
from market_subject import Cutout

SUPERSAMPLING = 2
CAMERA_HEIGHT = 1.0
SUBJECT_DISTANCE = 3.0
BOARD_LEFT, BOARD_WIDTH, BOARD_HEIGHT = 0.25, 0.9, 1.7  # metres


# --- camera and scene ----------------------------------------------------------------------------


@dataclass
class Scene:
    """Geometry and its motion. Frames are real numbers, so motion can be asked past the end.

    The camera looks along z and is shifted, never turned, so that depth depends on the row alone;
    it slides sideways (parallax) and shakes a little. Row offsets are in pixels below the horizon.
    """

    width: int
    height: int
    frames: int
    max_radius: float
    turning: bool
    seed: int
    pull: tuple[float, float] = (0.0, 1.0)
    """Between which places focus goes: 0 is the wall, 1 the subject."""
    shake: float = 1.0
    """How far the camera shakes, times what it usually does."""
    pulls: int = 1
    """How often focus goes there and back."""

    slide: float = 1.0
    """How far it slides, the same."""
    board: float = 0.0
    """Metres to a board that stands before the wall; 0: there is none."""

    def __post_init__(self) -> None:
        self.focal = 1.1 * self.width
        # One strength for the lens: wall and subject are `max_radius` apart in focus.
        self.lens = self.max_radius / (1 / SUBJECT_DISTANCE - 1 / WALL_DISTANCE)
        rng = np.random.default_rng(self.seed + 1)
        self.phases = rng.uniform(0, 2 * np.pi, 4)
        self._rows = np.linspace(-1.2, 1.2, 40001)
        depth = 1 / self._disparity(self._rows)
        along = np.hypot(np.diff(depth), np.diff(self._rows * depth))
        self._down = np.concatenate([[0], np.cumsum(along)])
        self._down -= np.interp(CAMERA_HEIGHT / WALL_DISTANCE, self._rows, self._down)

    def time(self, frame: float) -> float:
        """0 at the first frame, 1 at the last."""
        return frame / max(self.frames - 1, 1)

    def camera_x(self, frame: float) -> float:
        """Where the camera stands, metres to the right of the middle."""
        return self.slide * 0.30 * (self.time(frame) - 0.5)

    def pan(self, frame: float) -> tuple[float, float]:
        """Where the optical axis meets the picture, in px from the top left corner."""
        t, (a, b, c, d) = self.time(frame), self.phases
        unit = self.width / 256
        x = self.shake * (1.3 * np.sin(7 * t + a) + 0.5 * np.sin(19 * t + b)) + 5 * (t - 0.5)
        y = self.shake * (0.9 * np.sin(8 * t + c) + 0.4 * np.sin(23 * t + d))
        return self.width / 2 + unit * x, 0.36 * self.height + unit * y

    def focus_disparity(self, frame: float) -> float:
        """Far, near, far, within `pull`."""
        share = 0.5 - 0.5 * np.cos(2 * np.pi * self.pulls * self.time(frame))
        near = self.pull[0] + (self.pull[1] - self.pull[0]) * share
        return 1 / WALL_DISTANCE + near * (1 / SUBJECT_DISTANCE - 1 / WALL_DISTANCE)

    def coc(self, frame: float, disparity: np.ndarray | float) -> np.ndarray:
        """Signed radius in px: near negative, far positive (thin lens)."""
        return self.lens * (self.focus_disparity(frame) - np.asarray(disparity))

    def _disparity(self, slope: np.ndarray) -> np.ndarray:
        """1 / z by slope below the horizon: floor and wall, joined by a smooth cove."""
        floor, wall = slope / CAMERA_HEIGHT, 1 / WALL_DISTANCE
        return 0.5 * (floor + wall + np.sqrt((floor - wall) ** 2 + 0.006**2))

    def background_rows(self, rows: np.ndarray, frame: float) -> tuple[np.ndarray, np.ndarray]:
        """Disparity, and metres down the wall and on along the floor, for picture rows (px)."""
        slope = (rows - self.pan(frame)[1]) / self.focal
        return self._disparity(slope), np.interp(slope, self._rows, self._down)

    def subject_pose(self, frame: float) -> tuple[np.ndarray, float, float]:
        """2x3 matrix from card metres (x right, y up) to picture px; disparity; turn in radians."""
        t = self.time(frame)
        disparity = 1 / (SUBJECT_DISTANCE + 0.08 * np.cos(np.pi * t))
        steps = 0.0 if self.turning else 1.0
        # The camera sees feet at its own height below the horizon.
        foot_x = 0.62 * (0.5 - t) + 0.12 if not self.turning else 0.45 * (0.5 - t)
        bob = 0.018 * abs(np.sin(2 * np.pi * 1.6 * t)) * steps
        lean = np.radians(2.2) * np.sin(2 * np.pi * 1.6 * t) * steps
        pan_x, pan_y = self.pan(frame)
        scale = self.focal * disparity
        x = pan_x + scale * (foot_x - self.camera_x(frame))
        y = pan_y + scale * (CAMERA_HEIGHT - 0.045 - bob)
        c, s = scale * np.cos(lean), scale * np.sin(lean)
        return np.array([[c, s, x], [s, -c, y]]), disparity, np.radians(40) * t


def render_background(
    scene: Scene, mips: list[np.ndarray], frame: float, margin: int
) -> np.ndarray:
    """Linear RGB of the bare street on the supersampled grid with `margin` px around."""
    rows, columns = grid(scene, margin)
    disparity, down = scene.background_rows(rows, frame)
    metres_per_px = 1 / (disparity * scene.focal)
    x = (columns[None] - scene.pan(frame)[0]) * metres_per_px[:, None] + scene.camera_x(frame)
    u = ((x + STREET_HALF_WIDTH) * TEXELS_PER_METRE).astype(np.float32)
    v = ((down + WALL_HEIGHT) * TEXELS_PER_METRE).astype(np.float32)
    v = np.broadcast_to(v[:, None], u.shape)
    # One sample covers fewer texels across than down the foreshortened floor: take the middle.
    across = metres_per_px * TEXELS_PER_METRE / SUPERSAMPLING
    along = np.abs(np.gradient(down)) * TEXELS_PER_METRE
    level = np.clip(np.log2(np.maximum(np.sqrt(across * along), 1)), 0, len(mips) - 1)
    result = np.zeros((*u.shape, 3), np.float32)
    for k, mip in enumerate(mips):
        weight = np.clip(1 - np.abs(level - k), 0, 1).astype(np.float32)
        if weight.any():
            step = 2.0**k
            sample = cv2.remap(
                mip, (u + 0.5) / step - 0.5, (v + 0.5) / step - 0.5, cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT,
            )  # fmt: skip
            result += weight[:, None, None] * sample
    return result


def grid(scene: Scene, margin: int) -> tuple[np.ndarray, np.ndarray]:
    """Sample positions in px, 0 at the outer edge of the frame: rows, columns."""

    def line(size: int) -> np.ndarray:
        return (np.arange((size + 2 * margin) * SUPERSAMPLING) + 0.5) / SUPERSAMPLING - margin

    return line(scene.height), line(scene.width)


def render_board(scene: Scene, street: np.ndarray, frame: float, margin: int) -> np.ndarray:
    """Linear premultiplied RGBA of the board alone, on the supersampled grid.

    Its picture is a piece of the street's, upside down, so that nothing of the wall goes on in it.
    """
    rows, columns = grid(scene, margin)
    (pan_x, pan_y), scale = scene.pan(frame), scene.focal / scene.board
    x = (columns - pan_x) / scale + scene.camera_x(frame) - BOARD_LEFT
    y = (rows - pan_y) / scale - CAMERA_HEIGHT + BOARD_HEIGHT
    cover = [
        ((place * scale * SUPERSAMPLING + 0.5).clip(0, 1))
        * (((size - place) * scale * SUPERSAMPLING + 0.5).clip(0, 1))
        for place, size in ((y, BOARD_HEIGHT), (x, BOARD_WIDTH))
    ]
    u = np.broadcast_to((x * TEXELS_PER_METRE + 40)[None], (len(y), len(x)))
    v = np.broadcast_to((y * TEXELS_PER_METRE + 20)[:, None], (len(y), len(x)))
    flipped = np.ascontiguousarray(street[::-1, ::-1])
    colour = cv2.remap(
        flipped, u.astype(np.float32), v.astype(np.float32), cv2.INTER_AREA,
        borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    alpha = (cover[0][:, None] * cover[1][None]).astype(np.float32)[..., None]
    return np.concatenate([colour * alpha, alpha], -1)


def card_positions(
    scene: Scene, frame: float, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Card metres seen at picture positions (px)."""
    matrix = scene.subject_pose(frame)[0]
    inverse = np.linalg.inv(matrix[:, :2])
    dx, dy = columns[None] - matrix[0, 2], rows[:, None] - matrix[1, 2]
    return inverse[0, 0] * dx + inverse[0, 1] * dy, inverse[1, 0] * dx + inverse[1, 1] * dy


def render_subject(scene: Scene, cutout: Cutout, frame: float, margin: int) -> np.ndarray:
    """Linear premultiplied RGBA of the subject alone, on the supersampled grid."""
    x, y = card_positions(scene, frame, *grid(scene, margin))
    v = (cutout.height - y) * cutout.scale
    if cutout.radius is None:
        u = (x + cutout.half_width) * cutout.scale
        return _sample(cutout.rgba, u, v)
    radius = np.interp(v, np.arange(len(cutout.radius)), cutout.radius, left=0, right=0)
    across = np.clip(x / np.maximum(radius, 1e-6), -1, 1)
    turn = scene.subject_pose(frame)[2]
    u = ((np.arcsin(across) + turn) / (2 * np.pi) + 0.5) % 1 * (cutout.rgba.shape[1] - 1)
    skin = _sample(cutout.rgba, u, v)
    shade = 0.30 + 0.75 * np.sqrt(1 - across**2) * (1 - 0.25 * across)
    sample_px = cutout_px(scene, frame)
    cover = np.clip((radius - np.abs(x)) * sample_px + 0.5, 0, 1)
    ends = np.clip(np.minimum(y, cutout.height - y) * sample_px + 0.5, 0, 1)
    cover *= ends
    rgb = skin[..., :3] / np.maximum(skin[..., 3:], 1e-3)
    rgba = np.concatenate([rgb * shade[..., None], np.ones_like(rgb[..., :1])], -1)
    return (rgba * cover[..., None]).astype(np.float32)


def cutout_px(scene: Scene, frame: float) -> float:
    """Supersampled pixels in a metre of the card."""
    return float(np.hypot(*scene.subject_pose(frame)[0][:, 0])) * SUPERSAMPLING


def _sample(texture: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return cv2.remap(
        texture, u.astype(np.float32) - 0.5, v.astype(np.float32) - 0.5, cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0),
    )  # fmt: skip


def motion(scene: Scene, cutout: Cutout, frame: float, in_front: np.ndarray) -> np.ndarray:
    """Flow of what is seen, px to the next frame, x right, y down: (H, W, 2)."""
    rows, columns = np.arange(scene.height) + 0.5, np.arange(scene.width) + 0.5
    disparity, _ = scene.background_rows(rows, frame)
    (x0, y0), (x1, y1) = scene.pan(frame), scene.pan(frame + 1)
    slide = scene.camera_x(frame) - scene.camera_x(frame + 1)
    across = (scene.focal * slide * disparity + x1 - x0)[:, None]
    flow = np.empty((scene.height, scene.width, 2), np.float32)
    flow[..., 0] = across
    flow[..., 1] = y1 - y0
    x, y = card_positions(scene, frame, rows, columns)
    if cutout.radius is not None:
        radius = np.interp(
            (cutout.height - y) * cutout.scale, np.arange(len(cutout.radius)), cutout.radius
        )
        turned = scene.subject_pose(frame)[2] - scene.subject_pose(frame + 1)[2]
        angle = np.arcsin(np.clip(x / radius, -1, 1)) + turned
        x = radius * np.sin(np.clip(angle, -np.pi / 2, np.pi / 2))
    matrix = scene.subject_pose(frame + 1)[0]
    moved_x = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] - columns[None]
    moved_y = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] - rows[:, None]
    return np.where(in_front[..., None], np.stack([moved_x, moved_y], -1), flow).astype(np.float32)


# --- lens ----------------------------------------------------------------------------------------


def disc(radius: float) -> np.ndarray:
    """A hard disc on the sample grid, each tap by the share of its area inside; sums to 1."""
    reach = int(np.ceil(max(radius - 0.5, 0)))
    fine = 11
    size = (2 * reach + 1) * fine
    axis = (np.arange(size) + 0.5) / fine - (reach + 0.5)
    inside = (axis[:, None] ** 2 + axis[None] ** 2 <= max(radius, 0.1) ** 2).astype(np.float64)
    taps = inside.reshape(2 * reach + 1, fine, 2 * reach + 1, fine).sum((1, 3))
    return (taps / taps.sum()).astype(np.float32)


def blur_constant(image: np.ndarray, radius: float) -> np.ndarray:
    """A premultiplied layer through a hard disc of `radius` samples; nothing outside."""
    return cv2.filter2D(image, -1, disc(radius), borderType=cv2.BORDER_CONSTANT)


def blur_rows(image: np.ndarray, radii: np.ndarray, step: float = 0.25) -> np.ndarray:
    """Every row spread by its own disc (light goes out from its source), then normalised."""
    scaled = np.abs(radii) / step
    total = np.zeros((*image.shape[:2], 4), np.float32)
    source = np.concatenate([image, np.ones_like(image[..., :1])], -1)
    for level in range(int(np.floor(scaled.min())), int(np.floor(scaled.max())) + 2):
        share = np.clip(1 - np.abs(scaled - level), 0, 1).astype(np.float32)
        rows = np.flatnonzero(share)
        if not len(rows):
            continue
        kernel = disc(level * step)
        reach = len(kernel) // 2
        # Only the rows that have this radius, and those that they reach.
        low, high = max(rows[0] - reach, 0), min(rows[-1] + reach + 1, len(image))
        band = source[low:high] * share[low:high, None, None]
        total[low:high] += cv2.filter2D(band, -1, kernel, borderType=cv2.BORDER_CONSTANT)
    return total[..., :3] / total[..., 3:]


def shrink(image: np.ndarray, margin: int) -> np.ndarray:
    """Supersampled with margin to pixels without: the mean over each pixel's area."""
    cut = margin * SUPERSAMPLING
    inner = image[cut:-cut, cut:-cut]
    height, width = inner.shape[0] // SUPERSAMPLING, inner.shape[1] // SUPERSAMPLING
    blocks = inner.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING, -1)
    return blocks.mean((1, 3))
