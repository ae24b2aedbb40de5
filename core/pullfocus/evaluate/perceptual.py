# SPDX-License-Identifier: Apache-2.0
"""How people would see the difference: FLIP, FovVideoVDP and LPIPS, by libraries of their own.

None is needed: each is imported when it is asked for. Pictures are float (H, W, 3), display-encoded
0..1.

| name | package | measures | better |
|---|---|---|---|
| flip | flip-evaluator (BSD) | a frame: 0 for none, 1 for the largest difference | less |
| fvvdp | pyfvvdp (CC BY-NC, not commercial) | a clip: quality in JOD, 10 is perfect | more |
| lpips | lpips (BSD), torchvision and its AlexNet | a frame: distance in a network | less |
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pullfocus.errors import PassesError

__all__ = [
    "CLIP_METRICS",
    "FRAME_METRICS",
    "chosen",
    "clip_metric",
    "flip",
    "frame_metric",
    "missing",
]

PictureMetric = Callable[[np.ndarray, np.ndarray], float]
ClipMetric = Callable[[Callable[[int], tuple[np.ndarray, np.ndarray]], int, float], float]

FRAME_METRICS = ("flip", "lpips")
CLIP_METRICS = ("fvvdp",)
_PACKAGES = {"flip": "flip-evaluator", "lpips": "lpips", "fvvdp": "pyfvvdp"}
_MODULES = {"flip": "flip_evaluator", "lpips": "lpips", "fvvdp": "pyfvvdp"}
_DISPLAY = "standard_fhd"  # 24 inch, 200 cd/m^2, seen from 60 cm


def missing(name: str) -> str:
    """Return why a metric cannot be measured here; empty if it can.

    Raises:
        PassesError: there is no such metric.
    """
    if name not in _MODULES:
        raise PassesError(f"expected metrics of {', '.join(_MODULES)}, got {name!r}")
    import importlib

    try:
        importlib.import_module(_MODULES[name])
    except ImportError as error:
        absent = getattr(error, "name", None) or _MODULES[name]
        return f"{_PACKAGES[name]} is not installed ({absent} is missing)"
    except (RuntimeError, AttributeError) as error:  # torchvision of another torch; old numpy
        return f"{_PACKAGES[name]} does not load: {str(error).splitlines()[0]}"
    return ""


def flip(result: np.ndarray, truth: np.ndarray) -> float:
    """Mean LDR-FLIP (Andersson et al. 2020) at 67 px a degree, its default."""
    import flip_evaluator

    pictures = (np.ascontiguousarray(p, np.float32).clip(0, 1) for p in (truth, result))
    _, mean, _ = flip_evaluator.evaluate(*pictures, "LDR", applyMagma=False)
    return float(mean)


def _lpips() -> PictureMetric:
    import lpips
    import torch

    network = lpips.LPIPS(net="alex", verbose=False)

    def measure(result: np.ndarray, truth: np.ndarray) -> float:
        def planes(picture: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(np.asarray(picture, np.float32) * 2 - 1).permute(2, 0, 1)[None]

        with torch.no_grad():
            return float(network(planes(result), planes(truth)))

    return measure


def _alexnet_is_here() -> bool:
    """Tell whether torchvision's weights were fetched before: no default measure may fetch them."""
    import torch

    return any(Path(torch.hub.get_dir()).glob("checkpoints/alexnet-*.pth"))


def frame_metric(name: str) -> PictureMetric:
    """Return a metric of two pictures, result first; `missing` says whether it is there."""
    return flip if name == "flip" else _lpips()


def _fvvdp(read: Callable[[int], tuple[np.ndarray, np.ndarray]], count: int, rate: float) -> float:
    import pyfvvdp
    import torch
    from pyfvvdp.video_source import fvvdp_video_source_dm

    height, width = read(0)[0].shape[:2]

    class Frames(fvvdp_video_source_dm):
        """Hands over frame by frame, as luminance of the display, so that a clip need not fit."""

        def get_video_size(self) -> tuple[int, int, int]:
            return height, width, count

        def get_frames_per_second(self) -> float:
            return rate

        def _luminance(self, picture: np.ndarray, device: Any) -> torch.Tensor:
            values = torch.from_numpy(np.asarray(picture, np.float32)).to(device)
            light = self.dm_photometry.forward(values.permute(2, 0, 1)[None, :, None])
            return sum(  # type: ignore[return-value]
                light[:, c : c + 1] * share for c, share in enumerate(self.color_to_luminance)
            )

        def get_test_frame(self, frame: int, device: Any) -> torch.Tensor:
            return self._luminance(read(frame)[0], device)

        def get_reference_frame(self, frame: int, device: Any) -> torch.Tensor:
            return self._luminance(read(frame)[1], device)

    metric = pyfvvdp.fvvdp(display_name=_DISPLAY, heatmap=None, quiet=True)
    quality, _ = metric.predict_video_source(Frames(display_photometry=_DISPLAY))
    return float(quality)


def clip_metric(name: str) -> ClipMetric:
    """Return a metric of a whole clip: `read(i)` gives (result, truth) of frame i of `count`."""
    assert name in CLIP_METRICS
    return _fvvdp


def chosen(names: Sequence[str] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the metrics to measure, and lines on what is left out.

    Args:
        names: what was asked for, all of which must be there; None: FLIP and LPIPS if they are
            there, LPIPS without fetching its network.

    Raises:
        PassesError: a metric that was asked for is unknown or not installed.
    """
    if names is None:
        why = missing("flip")
        seen = () if missing("lpips") or not _alexnet_is_here() else ("lpips",)
        return (*(() if why else ("flip",)), *seen), (f"no FLIP: {why}",) if why else ()
    for name in names:
        why = missing(name)
        if why:
            raise PassesError(f"expected the metric {name}, got none: {why}")
    return tuple(dict.fromkeys(names)), ()
