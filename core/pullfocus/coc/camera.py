# SPDX-License-Identifier: Apache-2.0
"""What happens to a picture behind the lens: grading, softness, noise, halos, 8 bits, compression.

None of it changes the circle of confusion: what a soft camera shows at its sharpest has radius 0.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np

__all__ = [
    "Grade",
    "compress",
    "denoise",
    "random_grade",
    "record",
    "sharpen",
    "soften",
    "subsample_chroma",
]


_STILL = {"jpeg": (".jpg", cv2.IMWRITE_JPEG_QUALITY), "vp8": (".webp", cv2.IMWRITE_WEBP_QUALITY)}


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


def soften(picture: np.ndarray, *, sigma_px: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """Make a picture (H, W, 3) as soft as a camera is in focus.

    Args:
        picture: float32, display-encoded.
        sigma_px: of a Gaussian: optical low-pass filter, demosaicing.
        scale: recorded with so many times the pixels a side, 0.3..1, and enlarged again, as webcams
            and streams are.
    """
    if sigma_px > 0:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma_px)
    if scale < 1:
        height, width = picture.shape[:2]
        few = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(picture, few, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return picture


def sharpen(picture: np.ndarray, *, sigma_px: float, amount: float) -> np.ndarray:
    """Add a halo to every edge, as cameras do: unsharp mask of (H, W, 3) float32."""
    return picture + np.float32(amount) * (picture - cv2.GaussianBlur(picture, (0, 0), sigma_px))


def denoise(picture: np.ndarray, *, strength: float) -> np.ndarray:
    """Smooth what differs by less than ``strength`` (display-encoded): bilateral, 5 x 5 px."""
    return cv2.bilateralFilter(np.ascontiguousarray(picture, np.float32), 5, strength, 1.5)


def subsample_chroma(picture: np.ndarray, *, rows: bool) -> np.ndarray:
    """Keep colour of half the columns (4:2:2), and of half the rows too (4:2:0).

    Args:
        picture: (H, W, 3) float32, display-encoded R G B.
        rows: whether rows are halved too.
    """
    height, width = picture.shape[:2]
    # OpenCV's own conversion keeps chroma within 0..1; rows of it are Y, Cr, Cb.
    parts = cv2.cvtColor(np.ascontiguousarray(picture, np.float32), cv2.COLOR_RGB2YCrCb)
    few = (max(1, (width + 1) // 2), max(1, (height + 1) // 2) if rows else height)
    small = cv2.resize(parts[..., 1:], few, interpolation=cv2.INTER_AREA)
    parts[..., 1:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.cvtColor(parts, cv2.COLOR_YCrCb2RGB)


def compress(picture: np.ndarray, *, codec: str, quality: int) -> np.ndarray:
    """Encode and decode one 8-bit picture (H, W, 3), R G B.

    Args:
        picture: uint8; sides even for h264.
        codec: jpeg, vp8 (a lossy WebP: an intra frame of VP8, H.264's sibling, with its 4 x 4
            transform, prediction, deblocking and 4:2:0; needs no library beyond OpenCV) or h264
            (one intra frame, through PyAV).
        quality: of JPEG and WebP, 1..100, or the constant rate factor of H.264, 0..51.
    """
    if codec in _STILL:
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        suffix, flag = _STILL[codec]
        _, data = cv2.imencode(suffix, bgr, [flag, quality])
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


def record(rng: np.random.Generator, display: np.ndarray, *, h264: bool = True) -> np.ndarray:
    """Record a picture as cameras do, each of it now and then.

    Softness (half of the time), noise (two of three), noise reduction (one noisy picture of
    five), halos (one of four), thinner colour (one of five), 8 bits, compression (half).

    Args:
        rng: random numbers.
        display: (H, W, 3) float32 0..1, display-encoded.
        h264: False: VP8 in place of H.264, where PyAV lacks.

    Returns:
        (H, W, 3) uint8, display-encoded.
    """
    picture = display
    kind = rng.random()
    if kind < 0.4:
        picture = soften(picture, sigma_px=float(rng.uniform(0.25, 0.9)))
    elif kind < 0.5:
        picture = soften(picture, scale=float(rng.uniform(0.55, 0.95)))
    if rng.random() < 0.67:
        read, shot = rng.uniform(0, 0.012), rng.uniform(0, 0.02)
        grain = rng.standard_normal(display.shape, np.float32)
        if rng.random() < 0.3:  # demosaiced: grain of more than one pixel
            grain = cv2.GaussianBlur(grain, (0, 0), 0.7) * 2.2
        level = read + shot * np.sqrt(np.maximum(picture, 0))
        picture = picture + grain * level.astype(np.float32)
        if rng.random() < 0.2:
            strength = float(rng.uniform(1, 4)) * float(level.mean())
            picture = denoise(picture, strength=max(strength, 1e-3))
    if rng.random() < 0.25:
        sigma, amount = float(rng.uniform(0.6, 1.8)), float(rng.uniform(0.2, 1.2))
        picture = sharpen(picture, sigma_px=sigma, amount=amount)
    if rng.random() < 0.2:
        picture = subsample_chroma(np.clip(picture, 0, 1), rows=bool(rng.integers(2)))
    bits = np.clip(np.round(picture * 255), 0, 255).astype(np.uint8)
    way, fine = rng.random(), rng.random()
    if way < 0.25:
        bits = compress(bits, codec="jpeg", quality=45 + int(53 * fine))
    elif way < (0.35 if h264 else 0.5):
        bits = compress(bits, codec="vp8", quality=30 + int(60 * fine))
    elif way < 0.5:
        bits = compress(bits, codec="h264", quality=33 - int(17 * fine))
    return bits
