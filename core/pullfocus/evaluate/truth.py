# SPDX-License-Identifier: Apache-2.0
"""A clip whose sharp frames, matte, background and circle of confusion are known."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pullfocus.errors import PassesError, PlateError
from pullfocus.plate.exr import read_exr

__all__ = ["TruthClip", "TruthFrame", "open_truth"]

_NEEDED = ("plate", "sharp")
_OPTIONAL = ("alpha", "clean", "truth", "region")
_SUFFIX = {"truth": "exr"}


@dataclass(frozen=True, kw_only=True)
class TruthFrame:
    """One frame. Pictures are float32 (H, W, 3), display-encoded 0..1; the rest is (H, W)."""

    number: int
    plate: np.ndarray
    """The misfocused footage."""
    sharp: np.ndarray
    alpha: np.ndarray | None
    """Coverage of the subject, 0..1."""
    clean: np.ndarray | None
    """The sharp background alone, whole frame."""
    coc: np.ndarray | None
    """Signed radius in px of what is seen: near negative, far positive."""
    coc_subject: np.ndarray | None
    """The same of the subject; 0 outside it."""
    coc_background: np.ndarray | None
    region: np.ndarray | None = None
    """What is measured apart, such as a mouth: 1 inside, 0 outside."""


@dataclass(frozen=True)
class TruthClip:
    """A folder of such frames, read one by one."""

    folder: Path
    frames: tuple[int, ...]
    parts: tuple[str, ...]
    """Which of plate, sharp, alpha, clean, truth, region there are."""
    digits: int = 4

    def path(self, part: str, frame: int) -> Path:
        """File of one part of one frame."""
        name = f"{part}.{frame:0{self.digits}d}.{_SUFFIX.get(part, 'png')}"
        return self.folder / name

    def read(self, frame: int) -> TruthFrame:
        """Read one frame.

        Raises:
            PassesError: no such frame, or a file of it is damaged, of another size, or lacks a
                channel.
        """
        if frame not in self.frames:
            raise PassesError(
                f"expected a frame of {self.frames[0]}-{self.frames[-1]}, got {frame}:"
                f" no truth in {self.folder}"
            )
        plate = self._picture("plate", frame)
        sharp = self._picture("sharp", frame, like=plate)
        alpha = clean = None
        if "alpha" in self.parts:
            alpha = self._picture("alpha", frame, like=plate, grey=True)
        if "clean" in self.parts:
            clean = self._picture("clean", frame, like=plate)
            if alpha is not None:
                # A compact clip stores only what the subject hides.
                clean = np.where(alpha[..., None] > 0, clean, sharp)
        region = None
        if "region" in self.parts:
            region = self._picture("region", frame, like=plate, grey=True)
        truth = TruthFrame(
            number=frame,
            plate=plate,
            sharp=sharp,
            alpha=alpha,
            clean=clean,
            coc=None,
            coc_subject=None,
            coc_background=None,
            region=region,
        )
        return self._with_coc(truth) if "truth" in self.parts else truth

    def _with_coc(self, frame: TruthFrame) -> TruthFrame:
        path = self.path("truth", frame.number)
        try:
            channels = read_exr(path)
        except PlateError as error:
            raise PassesError(str(error)) from error
        if "coc.X" not in channels:
            raise PassesError(
                f"expected the channel coc.X, got {', '.join(sorted(channels))} in {path}"
            )
        _check_size(channels["coc.X"], frame.plate, path)
        return replace(
            frame,
            coc=channels["coc.X"],
            coc_subject=channels.get("cocfg.X"),
            coc_background=channels.get("cocbg.X"),
        )

    def _picture(
        self, part: str, frame: int, *, like: np.ndarray | None = None, grey: bool = False
    ) -> np.ndarray:
        import cv2

        path = self.path(part, frame)
        mode = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
        image = cv2.imread(str(path), mode | cv2.IMREAD_ANYDEPTH)
        if image is None:
            raise PassesError(f"expected a readable picture, got a damaged {path}")
        values = image.astype(np.float32) / (65535 if image.dtype == np.uint16 else 255)
        if not grey:
            values = np.ascontiguousarray(values[..., ::-1])
        if like is not None:
            _check_size(values, like, path)
        return values


def _check_size(values: np.ndarray, like: np.ndarray, path: Path) -> None:
    if values.shape[:2] != like.shape[:2]:
        raise PassesError(
            f"expected {like.shape[1]}x{like.shape[0]} px like the plate,"
            f" got {values.shape[1]}x{values.shape[0]} in {path}"
        )


def open_truth(folder: Path | str) -> TruthClip:
    """Find the frames and parts of a truth clip; no pixel is read.

    `plate.####.png` and `sharp.####.png` are needed; `alpha`, `clean`, `region` (PNG) and `truth`
    (EXR with `coc.X` and, by layer, `cocfg.X`, `cocbg.X`) may be missing, but not for some frames
    only.

    Raises:
        PassesError: no such folder, a part or frame is missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise PassesError(f"expected a folder with a truth clip, got no folder at {folder}")
    found: dict[str, dict[int, int]] = {}
    for path in folder.iterdir():
        match = re.fullmatch(r"([a-z]+)\.(\d+)\.(png|exr)", path.name)
        if match and _SUFFIX.get(match[1], "png") == match[3]:
            found.setdefault(match[1], {})[int(match[2])] = len(match[2])
    for part in _NEEDED:
        if part not in found:
            raise PassesError(f"expected {part}.####.png in the truth clip, got none in {folder}")
    frames = tuple(sorted(found["plate"]))
    parts = tuple(part for part in (*_NEEDED, *_OPTIONAL) if part in found)
    for part in parts:
        missing = [frame for frame in frames if frame not in found[part]]
        if missing:
            raise PassesError(
                f"expected {part} for every plate frame, got none for frame {missing[0]}"
                f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''} in {folder}"
            )
    return TruthClip(folder, frames, parts, digits=min(found["plate"].values()))
