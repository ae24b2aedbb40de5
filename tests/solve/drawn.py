# SPDX-License-Identifier: Apache-2.0
"""Small shots drawn and blurred here, without any of the code under test."""

import math

import cv2
import numpy as np
from pullfocus.observe.observed import Observed
from pullfocus.plate.colour import display_to_linear, linear_to_display
from scipy.signal import fftconvolve

COUNT, HEIGHT, WIDTH = 6, 64, 96


def disc(radius: float) -> np.ndarray:
    """Kernel of a hard disc, area-sampled."""
    reach, fine = math.ceil(radius) + 1, 16
    steps = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    inside = (np.hypot(steps[:, None], steps) <= radius).astype(float)
    size = 2 * reach + 1
    kernel = inside.reshape(size, fine, size, fine).mean((1, 3))
    return kernel / kernel.sum()


def picture(seed: int) -> np.ndarray:
    """Scene-linear light with detail."""
    noise = np.random.default_rng(seed).random((HEIGHT + 40, WIDTH + 60, 3)).astype(np.float32)
    image = cv2.GaussianBlur(noise, (0, 0), 1.2)
    return display_to_linear((image - image.min()) / np.ptp(image))


def blurred(image: np.ndarray, radius: float) -> np.ndarray:
    if radius == 0:
        return image
    kernel = disc(radius)
    planes = [fftconvolve(image[..., c], kernel, "same") for c in range(image.shape[-1])]
    return np.stack(planes, -1).astype(np.float32)


def shot(boxes: list[tuple[slice, slice]], radii: list[list[float]], coc: bool = False) -> Observed:
    """Still layers, front to back: boxes, then the wall; `radii[layer][frame]`."""
    layers = len(boxes) + 1
    mattes = np.zeros((len(boxes), COUNT, HEIGHT, WIDTH), np.uint8)
    plate = np.zeros((COUNT, HEIGHT, WIDTH, 3), np.float16)
    given = np.zeros((COUNT, HEIGHT, WIDTH), np.float16)
    inner = slice(20, 20 + HEIGHT), slice(30, 30 + WIDTH)
    for t in range(COUNT):
        frame = blurred(picture(layers - 1), radii[-1][t])
        given[t] = radii[-1][t]
        for layer in reversed(range(len(boxes))):
            matte = np.zeros(frame.shape[:2], np.float32)
            matte[inner][boxes[layer]] = 1
            mattes[layer, t] = matte[inner] * 255
            stack = np.dstack([picture(layer) * matte[..., None], matte])
            seen = blurred(stack, radii[layer][t])
            frame = seen[..., :3] + (1 - seen[..., 3:]) * frame
            given[t][boxes[layer]] = radii[layer][t]
        plate[t] = linear_to_display(frame[inner])
    names = tuple(f"layer{index}" for index in range(len(boxes)))
    return Observed(
        frames=tuple(range(COUNT)),
        layer_names=(*names, "bg"),
        width=WIDTH,
        height=HEIGHT,
        colorspace="lin_rec709_srgb",
        plate=plate,
        mattes=mattes,
        coc=given if coc else None,
        motion=np.tile(np.eye(3), (layers, COUNT, 1, 1)),
        residual=np.zeros((layers, COUNT, 8, 12, 2), np.float32),
    )
