# SPDX-License-Identifier: Apache-2.0
"""A textured card that crosses a textured wall while focus is pulled, drawn without our code."""

from dataclasses import dataclass

import cv2
import numpy as np

COUNT, HEIGHT, WIDTH = 9, 120, 200


@dataclass(frozen=True)
class Clip:
    frames: list[np.ndarray]
    """(H, W, 3) uint8 RGB."""
    alphas: list[np.ndarray]
    """(H, W) float32, in focus."""


def _noise(rng: np.random.Generator, height: int, width: int, tint: tuple) -> np.ndarray:
    fine, coarse = (
        cv2.resize(
            rng.random((height // n + 1, width // n + 1, 3)).astype(np.float32),
            (width, height),
            interpolation=cv2.INTER_CUBIC,
        )
        for n in (3, 12)
    )
    return ((0.5 * fine + 0.5 * coarse).clip(0, 1) * np.array(tint)).astype(np.float32)


def draw(centres: list[float], *, blur: bool = True) -> Clip:
    """Draw a card with its centre at these x (px)."""
    rng = np.random.default_rng(3)
    wall = _noise(rng, HEIGHT, WIDTH, (0.5, 0.7, 0.5))
    card = _noise(rng, 70, 54, (1.0, 0.45, 0.3))
    shape = np.zeros((70, 54), np.float32)
    cv2.ellipse(shape, (27, 35), (26, 34), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    frames, alphas = [], []
    for t, x in enumerate(centres):
        move = np.array([[1, 0, x - 27], [0, 1, 30 + 0.5 * t]], np.float32)
        alpha = cv2.warpAffine(shape, move, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
        front = cv2.warpAffine(card, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        share = t / max(1, len(centres) - 1)
        near, far = (0.3 + 2.0 * share, 2.3 - 2.0 * share) if blur else (0.3, 0.3)
        light = cv2.GaussianBlur(front * alpha[..., None], (0, 0), near)
        cover = cv2.GaussianBlur(alpha, (0, 0), near)[..., None]
        light = light + (1 - cover) * cv2.GaussianBlur(wall, (0, 0), far)
        frames.append((np.sqrt(light.clip(0, 1)) * 255 + 0.5).astype(np.uint8))
        alphas.append(alpha)
    return Clip(frames, alphas)


def wave(angles: list[float], gains: list[float] | None = None) -> Clip:
    """Draw a card that stands, with an arm (14 px wide) that turns by itself; angles in degrees."""
    rng = np.random.default_rng(5)
    wall = _noise(rng, HEIGHT, WIDTH, (0.5, 0.7, 0.5))
    skin = _noise(rng, HEIGHT, WIDTH, (1.0, 0.45, 0.3))
    frames, alphas = [], []
    for t, angle in enumerate(angles):
        alpha = np.zeros((HEIGHT, WIDTH), np.float32)
        cv2.ellipse(alpha, (80 + t, 70), (24, 40), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
        turn = np.deg2rad(angle)
        hand = (int(90 + t + 58 * np.cos(turn)), int(55 + 58 * np.sin(turn)))
        cv2.line(alpha, (90 + t, 55), hand, 1.0, 14, cv2.LINE_AA)
        light = skin * alpha[..., None] + wall * (1 - alpha[..., None])
        light = light * (1 if gains is None else gains[t])
        frames.append((np.sqrt(light.clip(0, 1)) * 255 + 0.5).astype(np.uint8))
        alphas.append(alpha)
    return Clip(frames, alphas)
