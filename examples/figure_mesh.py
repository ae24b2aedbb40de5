# SPDX-License-Identifier: Apache-2.0
"""A walking figure of many joints: bending limbs, a coat with running folds, thin hair and stalks.

Every frame has the same parts with the same topology; only vertices move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from head_mesh import hair, head
from tube_mesh import Part, smooth_path, tube

__all__ = ["Walk", "figure"]

_UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Walk:
    """Where the figure is and how it steps, by time in seconds."""

    start: tuple[float, float] = (0.78, 3.05)
    """x and y of the hip at time 0, metres."""
    velocity: tuple[float, float] = (-1.35, -0.10)
    """Metres a second."""
    steps_hz: float = 0.95
    """Full cycles, two steps each, a second."""
    heading_degrees: float = 40.0
    """0 walks to the left in profile, 90 towards the camera."""
    turn_degrees: float = 0.0
    """Turned so much further a second."""
    back_after: float | None = None
    """Seconds after which it walks back the way it came."""

    def place(self, time: float) -> np.ndarray:
        """x, y of the hip."""
        if self.back_after is not None and time > self.back_after:
            time = 2 * self.back_after - time
        return np.array(self.start) + np.array(self.velocity) * time


def _swing(angle: float, length: float, forward: np.ndarray) -> np.ndarray:
    """A limb that hangs down, swung forward by `angle` in radians."""
    return length * (forward * np.sin(angle) - _UP * np.cos(angle))


def figure(walk: Walk, time: float, *, seed: int = 5) -> list[Part]:
    """The parts at one time, metres, in the world."""
    phase = 2 * np.pi * walk.steps_hz * time
    heading = np.radians(walk.heading_degrees + walk.turn_degrees * time)
    forward = np.array([-np.cos(heading), -np.sin(heading), 0.0])
    lateral = np.array([-forward[1], forward[0], 0.0])
    place = walk.place(time)
    hip = np.array([*place, 0.90 + 0.022 * np.cos(2 * phase)])
    twist = 0.20 * np.sin(phase)
    hips = lateral * np.cos(twist) + forward * np.sin(twist)
    shoulders = lateral * np.cos(twist) - forward * np.sin(twist)
    chest = hip + 0.44 * _UP + forward * (0.03 + 0.012 * np.sin(2 * phase))
    parts: list[Part] = []
    for side, shift in ((1.0, 0.0), (-1.0, np.pi)):
        own = phase + shift
        parts += _leg(hip + side * 0.085 * hips - 0.02 * _UP, own, forward, lateral)
        parts += _arm(chest + side * 0.185 * shoulders, own + np.pi, side, forward, lateral)
    parts.append(_coat(hip, chest, phase, forward, lateral, shoulders))
    parts += _head(chest, phase, time, heading, seed)
    parts += _scarf(chest, time, forward, lateral)
    parts += _basket(chest + 0.185 * -shoulders, phase, time, forward, lateral, seed)
    return parts


def _leg(joint: np.ndarray, phase: float, forward: np.ndarray, lateral: np.ndarray) -> list[Part]:
    thigh = 0.06 + 0.47 * np.sin(phase)
    knee = 0.12 + 0.85 * max(0.0, np.sin(phase + 1.9)) ** 1.5
    middle = joint + _swing(thigh, 0.41, forward)
    ankle = middle + _swing(thigh - knee, 0.41, forward)
    path = smooth_path(
        np.array([joint, joint * 0.4 + middle * 0.6, middle, middle * 0.6 + ankle * 0.4, ankle]), 22
    )
    s = np.linspace(0, 1, 22)
    thick = np.interp(s, [0, 0.3, 0.52, 0.7, 1], [0.092, 0.082, 0.062, 0.063, 0.052])
    thick = thick * (1 + 0.03 * np.sin(26 * s + 3 * knee))
    toe = ankle + 0.17 * forward + (0.10 * np.sin(thigh - knee) - 0.045) * _UP
    foot = smooth_path(np.array([ankle + 0.05 * _UP, ankle - 0.05 * _UP - 0.05 * forward, toe]), 12)
    sole = np.interp(np.linspace(0, 1, 12), [0, 0.5, 0.9, 1], [0.05, 0.056, 0.042, 0.004])
    return [
        tube("denim", path, thick, lateral, repeat=(1, 2)),
        tube("boot", foot, sole, lateral, around=16),
    ]


def _arm_joints(
    shoulder: np.ndarray, phase: float, side: float, forward: np.ndarray, lateral: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    upper = 0.10 + 0.42 * np.sin(phase)
    bend = 0.35 + 0.25 * np.sin(phase)
    if side < 0:  # carries the basket
        upper, bend = 0.05 + 0.12 * np.sin(phase), 1.35 + 0.10 * np.sin(phase)
    elbow = shoulder + _swing(upper, 0.28, forward) + side * 0.07 * lateral
    return elbow, elbow + _swing(upper + bend, 0.25, forward)


def _arm(
    shoulder: np.ndarray, phase: float, side: float, forward: np.ndarray, lateral: np.ndarray
) -> list[Part]:
    elbow, wrist = _arm_joints(shoulder, phase, side, forward, lateral)
    path = smooth_path(
        np.array([shoulder, (shoulder + elbow) / 2, elbow, (elbow + wrist) / 2, wrist]), 18
    )
    s = np.linspace(0, 1, 18)
    thick = np.interp(s, [0, 0.15, 0.5, 1], [0.05, 0.064, 0.053, 0.045])
    thick = thick * (1 + 0.05 * np.sin(31 * s))
    hand = wrist + (wrist - elbow) * 0.42
    palm = np.interp(np.linspace(0, 1, 8), [0, 0.5, 0.9, 1], [0.028, 0.038, 0.028, 0.003])
    return [
        tube("plaid", path, thick, lateral, repeat=(1, 1)),
        tube("skin", smooth_path(np.array([wrist, hand]), 8), palm, lateral, around=12),
    ]


def _coat(
    hip: np.ndarray, chest: np.ndarray, phase: float, forward: np.ndarray, lateral: np.ndarray,
    shoulders: np.ndarray,
) -> Part:  # fmt: skip
    """From the neck to above the knees; folds run round it and the hem lags behind the legs."""
    rows, around = 30, 72
    lag = 0.045 * np.sin(phase - 0.9) * lateral + 0.03 * np.sin(2 * phase - 1.2) * forward
    hem = hip - 0.36 * _UP - 0.05 * forward + lag
    path = smooth_path(np.array([chest + 0.13 * _UP, chest + 0.06 * _UP, chest * 0.6 + hip * 0.4,
                                 hip - 0.02 * _UP, hem]), rows)  # fmt: skip
    s = np.linspace(0, 1, rows)
    wide = np.interp(s, [0, 0.1, 0.22, 0.5, 0.62, 1], [0.06, 0.17, 0.215, 0.175, 0.18, 0.265])
    deep = np.interp(s, [0, 0.1, 0.3, 0.5, 0.62, 1], [0.06, 0.11, 0.145, 0.13, 0.135, 0.21])
    angle = np.linspace(0, 2 * np.pi, around, endpoint=False)
    loose = np.clip((s - 0.45) / 0.55, 0, 1)[:, None]
    folds = np.sin(9 * angle + 1.5 * np.sin(phase) + 2 * s[:, None])
    folds = folds + 0.6 * np.sin(5 * angle - 2 * phase + 5 * s[:, None])
    kicked = 0.30 * np.cos(angle + np.pi / 2 * np.sign(np.sin(phase))) * np.sin(phase) ** 2
    shape = 1 + loose * (0.075 * folds + 0.3 * loose * kicked)
    shape = shape + 0.012 * np.sin(3 * angle + 30 * s[:, None])
    radii = np.stack([wide[:, None] * shape, deep[:, None] * shape], 1)
    turn = np.linspace(0, 1, rows)[:, None]
    side = shoulders * (1 - turn) + lateral * turn
    return tube("plaid", path, radii, side, around=around, repeat=(3, 2))


def _head(chest: np.ndarray, phase: float, time: float, heading: float, seed: int) -> list[Part]:
    turn = heading - np.pi / 2 - 0.25 * np.sin(1.7 * time)  # local -y to the heading
    nod = 0.06 * np.sin(2 * phase)
    c, s = np.cos(turn), np.sin(turn)
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(nod), -np.sin(nod)], [0, np.sin(nod), np.cos(nod)]])
    matrix = about_z @ about_x
    middle = chest + 0.29 * _UP + matrix @ np.array([0, -0.02, 0])
    own = head(0.25 + 0.25 * np.sin(9 * time)) + hair(
        np.random.default_rng(seed), time, strands=70, length=0.26, radius=0.0034, wind=2.2
    )
    neck = smooth_path(np.array([chest + 0.08 * _UP, middle - 0.05 * _UP]), 6)
    return [part.moved(matrix, middle) for part in own] + [
        tube("skin", neck, np.full(6, 0.055), np.array([1.0, 0.0, 0.0]))
    ]


def _scarf(chest: np.ndarray, time: float, forward: np.ndarray, lateral: np.ndarray) -> list[Part]:
    """A ring round the neck and two ends that fly behind."""
    angle = np.linspace(0, 2 * np.pi, 25)
    ring = chest + 0.135 * _UP + 0.075 * (
        np.cos(angle)[:, None] * lateral + np.sin(angle)[:, None] * forward
    )  # fmt: skip
    parts = [tube("knit", ring, np.full(25, 0.042), _UP, around=12, repeat=(1, 5))]
    s = np.linspace(0, 1, 20)[:, None]
    for turn, side, long in ((0.0, 0.05, 0.46), (1.9, -0.05, 0.36)):
        wave = np.sin(2 * np.pi * (1.4 * time - 0.9 * s) + turn) * s
        path = chest + 0.13 * _UP - 0.06 * forward + side * lateral
        path = path - forward * s * long * 0.75 - _UP * s**1.5 * long * 0.55
        path = path + 0.05 * wave * lateral + 0.035 * wave * _UP
        flat = np.stack([np.full(20, 0.052), np.full(20, 0.009)], -1)
        parts.append(tube("knit", path, flat, _UP, around=12, repeat=(1, 4)))
    return parts


def _basket(
    shoulder: np.ndarray, phase: float, time: float, forward: np.ndarray, lateral: np.ndarray,
    seed: int,
) -> list[Part]:  # fmt: skip
    """On the bent arm, with thin stalks and heads of flowers that nod."""
    elbow, wrist = _arm_joints(shoulder, phase + 2 * np.pi, -1.0, forward, lateral)
    top = elbow * 0.3 + wrist * 0.7 - 0.07 * _UP
    swing = 0.06 * np.sin(phase + 0.7)
    down = -_UP * np.cos(swing) + forward * np.sin(swing)
    body = top + down * np.linspace(0.06, 0.24, 10)[:, None]
    size = np.interp(np.linspace(0, 1, 10), [0, 0.9, 1], [0.135, 0.10, 0.02])
    angle = np.linspace(-np.pi / 2, np.pi / 2, 13)[:, None]
    handle = top + down * 0.07 - down * np.cos(angle) * 0.13 + forward * np.sin(angle) * 0.125
    parts = [
        tube("wicker", body, size, lateral, around=28, repeat=(4, 1)),
        tube("wicker", handle, np.full(13, 0.008), lateral, around=6),
    ]
    rng = np.random.default_rng(seed + 1)
    for _ in range(14):
        root = (
            top
            + down * 0.07
            + forward * rng.uniform(-0.1, 0.1)
            + lateral * rng.uniform(-0.08, 0.08)
        )
        lean = forward * rng.uniform(-0.5, 0.5) + lateral * rng.uniform(-0.4, 0.4)
        long, turn = rng.uniform(0.16, 0.36), rng.uniform(0, 2 * np.pi)
        s = np.linspace(0, 1, 8)[:, None]
        nod = np.sin(2 * np.pi * 1.9 * time + turn) * 0.022
        path = root + (_UP * s + lean * s**2) * long + nod * s**2 * forward
        parts.append(tube("stalk", path, np.full(8, 0.0032), lateral, around=4))
        ball = smooth_path(np.array([path[-1] - 0.016 * _UP, path[-1] + 0.016 * _UP]), 6)
        round_ = 0.019 * np.sqrt(np.clip(1 - np.linspace(-1, 1, 6) ** 2, 0.004, 1))
        parts.append(tube("petal", ball, round_, lateral, around=8))
    return parts
