# SPDX-License-Identifier: Apache-2.0
"""A proxy of an observed shot: the same measurements, on smaller frames.

Motion, mattes and radii are smooth; they are solved on it. Its frames are made one by one and lie
beside those that they were made from.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from pullfocus.errors import SolveError
from pullfocus.observe.observed import Observed, let_go
from pullfocus.observe.scale import Scale
from pullfocus.plate.colour import display_to_linear, linear_to_display

__all__ = ["AUTOMATIC_PX", "LEAST_PX", "WORTH_IT", "automatic_width", "proxied", "proxy_size"]

AUTOMATIC_PX = 640
"""Width of a proxy that nobody chose."""
LEAST_PX = 64
"""Width below which nothing can be solved."""
WORTH_IT = 1.25
"""Plates at least so much wider than that get one."""
_DRAFT, _OLD_S = ".proxy-", 86400.0
_PARTS = ("plate", "mattes", "mattes_given", "coc")
Report = Callable[[str, float], None]


def automatic_width(width: int) -> int:
    """Return the width of the proxy for a plate of a width, px; 0: it needs none."""
    return AUTOMATIC_PX if width >= WORTH_IT * AUTOMATIC_PX else 0


def proxy_size(size: tuple[int, int], width: int) -> tuple[int, int]:
    """Return the (width, height) of a proxy of a plate of that size."""
    return width, max(1, round(size[1] * width / size[0]))


def proxied(
    observed: Observed, width: int, *, report: Report = lambda stage, fraction: None
) -> Observed:
    """Return a shot's proxy, so many px wide; its frames are made where they are missing.

    Args:
        observed: the shot at its own size, in its cache.
        width: of the proxy, px; less than the plate's.
        report: called with a stage name and the fraction done.

    Raises:
        SolveError: they cannot be written.
    """
    assert observed.folder is not None
    plate = (observed.width, observed.height)
    size = proxy_size(plate, width)
    scale = Scale.between(size, plate)
    folder = observed.folder / f"proxy-{size[0]}x{size[1]}"
    try:
        if not folder.exists():
            _reduce(observed, size, folder, report)
    except OSError as error:
        raise SolveError(f"cannot write the proxy {folder}: {error.strerror}") from error
    held = {
        part: np.load(folder / f"{part}.npy", mmap_mode="r")
        for part in _PARTS
        if (folder / f"{part}.npy").exists()
    }
    none = np.zeros((0, len(observed.frames), size[1], size[0]), np.uint8)
    up = scale.to_plate()
    return replace(
        observed,
        width=size[0],
        height=size[1],
        plate=held["plate"],
        mattes=held.get("mattes", none),
        mattes_given=held.get("mattes_given"),
        coc=held.get("coc"),
        motion=np.linalg.inv(up) @ observed.motion @ up,
        residual=np.asarray(observed.residual) / np.array([scale.x, scale.y], np.float32),
    )


def _reduce(observed: Observed, size: tuple[int, int], folder: Path, report: Report) -> None:
    for left in folder.parent.glob(f"{_DRAFT}*"):  # by a run that was killed
        if time.time() - left.stat().st_mtime > _OLD_S:
            shutil.rmtree(left, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder.parent))
    shrink = size[0] / observed.width
    try:
        for part in _PARTS:
            whole = getattr(observed, part)
            if whole is None or not whole.size:
                continue
            stacks = whole[None] if part in ("plate", "coc") else whole
            shape = (*stacks.shape[:2], size[1], size[0], *stacks.shape[4:])
            small = np.lib.format.open_memmap(
                draft / f"{part}.npy",
                "w+",
                whole.dtype,
                shape[1:] if part in ("plate", "coc") else shape,
            )
            into = small[None] if part in ("plate", "coc") else small
            for layer, t in np.ndindex(stacks.shape[:2]):
                into[layer, t] = _smaller(part, stacks[layer, t], size, shrink)
                let_go(whole)
                let_go(small)
                report(f"making the proxy's {part}", (t + 1) / stacks.shape[1])
            small.flush()
        try:
            os.replace(draft, folder)  # noqa: PTH105 - one atomic step
        except OSError:
            if not folder.is_dir():  # else another process has made the same meanwhile
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _smaller(part: str, frame: np.ndarray, size: tuple[int, int], shrink: float) -> np.ndarray:
    """Reduce a frame of a part; light as light."""
    if part == "plate":
        linear = display_to_linear(np.asarray(frame, np.float32))
        return linear_to_display(np.asarray(cv2.resize(linear, size, interpolation=cv2.INTER_AREA)))
    if part == "coc":
        whole = np.asarray(frame, np.float32)
        return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA)) * shrink
    return np.asarray(cv2.resize(np.asarray(frame), size, interpolation=cv2.INTER_AREA))
