# SPDX-License-Identifier: Apache-2.0
"""What happens to a picture behind the lens: exposure, grading, noise, 8 bits, compression."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np

__all__ = ["Grade", "compress", "random_grade", "record"]


@dataclass(frozen=True, kw_only=True)
class Grade:
    """Exposure and colour grading, the same for a defocused frame and its sharp twin."""

    gain: tuple[float, float, float]
    """Multiplies R, G, B (display-encoded)."""
    gamma: float
    saturation: float
    lift: float

    def apply(self, display: np.ndarray) -> np.ndarray:
        """Grade a picture (..., 3), display-encoded, and clip it to 0..1 as a recording is."""
        graded = np.clip(display, 0, 1) ** self.gamma * np.asarray(self.gain, np.float32)
        grey = graded.mean(axis=-1, keepdims=True)
        graded = grey + self.saturation * (graded - grey)
        return np.clip(self.lift + (1 - self.lift) * graded, 0, 1).astype(np.float32)


def random_grade(rng: np.random.Generator) -> Grade:
    """A look between dull, dark, bright and garish; a quarter of all are left as shot."""
    if rng.random() < 0.25:
        return Grade(gain=(1.0, 1.0, 1.0), gamma=1.0, saturation=1.0, lift=0.0)
    exposure = 2 ** rng.uniform(-0.8, 0.5)
    red, green, blue = (float(exposure * v) for v in rng.uniform(0.85, 1.15, 3))
    return Grade(
        gain=(red, green, blue),
        gamma=float(2 ** rng.uniform(-0.5, 0.5)),
        saturation=float(rng.choice([0.0, 1.0], p=[0.08, 0.92]) * rng.uniform(0.6, 1.3)),
        lift=float(rng.uniform(0, 0.08)),
    )


def compress(picture: np.ndarray, *, codec: str, quality: int) -> np.ndarray:
    """Encode and decode one 8-bit picture (H, W, 3), R G B.

    Args:
        picture: uint8; sides even for h264.
        codec: jpeg or h264 (one intra frame).
        quality: JPEG quality 1..100, or the constant rate factor of H.264, 0..51.
    """
    if codec == "jpeg":
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]  # type: ignore[index]
    import av

    held = io.BytesIO()
    with av.open(held, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(quality), "preset": "ultrafast", "threads": "1"}
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    held.seek(0)
    with av.open(held, "r") as written:
        return next(written.decode(video=0)).to_ndarray(format="rgb24")


def record(rng: np.random.Generator, display: np.ndarray) -> np.ndarray:
    """Record a picture as cameras do: noise, 8 bits, and half of the time compression.

    Args:
        rng: random numbers.
        display: (H, W, 3) float32 0..1, display-encoded.

    Returns:
        (H, W, 3) float32 0..1 on the steps of 8 bits.
    """
    noisy = display
    if rng.random() < 0.7:
        read, shot = rng.uniform(0, 0.012), rng.uniform(0, 0.02)
        grain = rng.standard_normal(display.shape, np.float32)
        if rng.random() < 0.3:  # demosaiced or denoised: grain of more than one pixel
            grain = cv2.GaussianBlur(grain, (0, 0), 0.7) * 2.2
        noisy = display + grain * (read + shot * np.sqrt(display))
    bits = np.clip(np.round(noisy * 255), 0, 255).astype(np.uint8)
    way = rng.random()
    if way < 0.3:
        bits = compress(bits, codec="jpeg", quality=int(rng.integers(45, 98)))
    elif way < 0.4:
        bits = compress(bits, codec="h264", quality=int(rng.integers(16, 30)))
    return bits.astype(np.float32) * np.float32(1 / 255)
