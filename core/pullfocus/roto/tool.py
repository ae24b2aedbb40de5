# SPDX-License-Identifier: Apache-2.0
"""Mattes that somebody else finds: a command, an installed plug-in, an ONNX network.

No weights come with pullfocus. What a command reads and writes is in docs/mattes.md. A plug-in is
an entry point of the group ``pullfocus.mattes`` that names a `MatteMethod`.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from pullfocus.errors import MatteError
from pullfocus.plate.colour import linear_to_display
from pullfocus.roto.in_time import Followed
from pullfocus.roto.keys import Marked
from pullfocus.roto.outline import overlap, signed_distance
from pullfocus.roto.settings import FollowSettings
from pullfocus.roto.shot_matte import Report, ShotMatte
from pullfocus.shot import Shot

__all__ = ["LayerMarks", "MatteMethod", "PlateFrames", "method_named", "run_command", "run_method"]

GROUP = "pullfocus.mattes"
_TAIL = 3  # lines of a failed tool's output that are shown
_UNTOLD = 128  # of a picture of strokes


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerMarks:
    """What was marked of one layer; keys of all are frame indices, 0..T-1."""

    keys: Mapping[int, np.ndarray]
    """Exact mattes (H, W) float32, 0..1."""
    boxes: Mapping[int, tuple[int, int, int, int]]
    """x, y, width, height in px from the top left."""
    strokes: Mapping[int, tuple[np.ndarray, np.ndarray]]
    """Inside and outside, (H, W) bool."""

    @classmethod
    def of(cls, marks: Sequence[Marked], frames: Sequence[int]) -> LayerMarks:
        """Sort marks by kind."""
        at = {frame: t for t, frame in enumerate(frames)}

        def chosen(kind: str) -> Iterator[tuple[int, Marked]]:
            return ((at[m.mark.frame], m) for m in marks if m.mark.kind == kind)

        return cls(
            keys={t: m.planes[0] for t, m in chosen("key")},
            boxes={t: m.box for t, m in chosen("box") if m.box is not None},
            strokes={t: (m.planes[0], m.planes[1]) for t, m in chosen("scribble")},
        )


class PlateFrames(Sequence[np.ndarray]):
    """The plate as 8-bit sRGB frames (H, W, 3), read when asked for."""

    def __init__(self, shot: Shot) -> None:
        self._shot = shot

    def __len__(self) -> int:
        return len(self._shot.frames)

    def __getitem__(self, t):  # type: ignore[no-untyped-def]
        if isinstance(t, slice):
            return [self[n] for n in range(*t.indices(len(self)))]
        if not -len(self) <= t < len(self):
            raise IndexError(t)
        display = linear_to_display(self._shot.plate.read(t % len(self)))
        return (display.clip(0, 1) * 255 + 0.5).astype(np.uint8)


class MatteMethod(Protocol):
    """What a plug-in is: frames and marks in, one matte a frame out."""

    def __call__(
        self, frames: Sequence[np.ndarray], marks: LayerMarks, report: Callable[[float], None]
    ) -> Iterable[np.ndarray]:
        """Return T mattes (H, W), 0..1, of one layer; report the fraction done."""
        ...


def method_named(name: str) -> MatteMethod:
    """Return an installed plug-in by name, or an ONNX file's network.

    Raises:
        MatteError: neither is there.
    """
    if name.lower().endswith(".onnx"):
        from pullfocus.roto.onnx_model import onnx_method

        return onnx_method(Path(name))
    known = {one.name: one for one in importlib.metadata.entry_points(group=GROUP)}
    if name not in known:
        there = ", ".join(sorted(known)) or "none is installed"
        raise MatteError(f"expected --matte-model FILE.onnx or a plug-in ({there}), got {name!r}")
    try:
        return known[name].load()
    except (ImportError, AttributeError) as error:
        raise MatteError(f"the matte plug-in {name} cannot be loaded: {error}") from error


def run_method(
    method: MatteMethod,
    shot: Shot,
    by_layer: Mapping[str, Sequence[Marked]],
    *,
    report: Report,
) -> list[ShotMatte]:
    """Let a plug-in find every layer's mattes.

    Raises:
        MatteError: too few or too many mattes, or one of another size.
    """
    frames, out = PlateFrames(shot), []
    for layer, marks in by_layer.items():
        said = LayerMarks.of(marks, shot.frames)
        found = method(frames, said, lambda f, layer=layer: report(f"matte {layer}", f))  # type: ignore[misc]
        mattes = [_checked(matte, shot, f"the plug-in's matte of {layer}") for matte in found]
        if len(mattes) != len(frames):
            raise MatteError(
                f"the plug-in's matte of {layer}: expected {len(frames)} frames, got {len(mattes)}"
            )
        out.append(_shot_matte(layer, shot, mattes, said))
    return out


def run_command(
    command: str, shot: Shot, by_layer: Mapping[str, Sequence[Marked]], *, report: Report
) -> list[ShotMatte]:
    """Let a command find every layer's mattes.

    Raises:
        MatteError: it cannot be started, fails, or leaves a frame out.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise MatteError(f"--matte-command: {error} in {command!r}") from error
    for place in ("{plate}", "{keys}", "{out}"):
        if not any(place in word for word in words):
            raise MatteError(f"--matte-command: expected {place} in it, got {command!r}")
    if "{" not in words[0] and shutil.which(words[0]) is None:  # before the plate is written for it
        raise MatteError(f"--matte-command: cannot start {words[0]}: no such command")
    with tempfile.TemporaryDirectory(prefix="pullfocus-mattes-") as folder:
        places = {name: Path(folder) / name for name in ("plate", "keys", "out")}
        for made in places.values():
            made.mkdir()
        _hand_over(shot, by_layer, places["plate"], places["keys"], report)
        said = [_filled(word, places) for word in words]
        report("matte command", 0.0)
        _run(said)
        report("matte command", 1.0)
        return [
            _shot_matte(
                layer,
                shot,
                [_returned(places["out"], layer, frame, shot) for frame in shot.frames],
                LayerMarks.of(marks, shot.frames),
            )
            for layer, marks in by_layer.items()
        ]


def _filled(word: str, places: Mapping[str, Path]) -> str:
    for name, path in places.items():
        word = word.replace(f"{{{name}}}", str(path))
    return word


def _hand_over(
    shot: Shot, by_layer: Mapping[str, Sequence[Marked]], plate: Path, keys: Path, report: Report
) -> None:
    frames = PlateFrames(shot)
    for t, frame in enumerate(shot.frames):
        cv2.imwrite(str(plate / f"plate.{frame:04d}.png"), frames[t][..., ::-1])
        report("plate for the tool", (t + 1) / len(frames))
    listed = []
    for layer, marks in by_layer.items():
        for marked in marks:
            mark = marked.mark
            entry: dict[str, object] = {}
            if marked.box is not None:
                entry = {"box": list(marked.box)}
            else:
                name = f"{layer}.{mark.frame:04d}.png"
                picture = marked.planes[0] * 255 + 0.5
                if mark.kind == "scribble":
                    picture = np.full(marked.planes[0].shape, _UNTOLD)
                    picture[marked.planes[0]], picture[marked.planes[1]] = 255, 0
                cv2.imwrite(str(keys / name), picture.astype(np.uint8))
                entry = {"file": name}
            listed.append({"layer": layer, "frame": mark.frame, "kind": mark.kind, **entry})
    facts = {
        "format": "pullfocus keys 1",
        "frames": list(shot.frames),
        "width": shot.width,
        "height": shot.height,
        "marks": listed,
    }
    (keys / "keys.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")


def _run(words: Sequence[str]) -> None:
    try:
        child = subprocess.Popen(
            list(words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    except OSError as error:
        raise MatteError(f"--matte-command: cannot start {words[0]}: {error.strerror}") from error
    try:
        said, _ = child.communicate()
    finally:
        if child.poll() is None:  # we are being stopped: so is the tool
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5)
            child.kill()
    if child.returncode:
        tail = " / ".join(said.strip().splitlines()[-_TAIL:]) or "it said nothing"
        raise MatteError(f"--matte-command: {words[0]} failed ({child.returncode}): {tail}")


def _returned(folder: Path, layer: str, frame: int, shot: Shot) -> np.ndarray:
    from pullfocus.plate.image import read_picture
    from pullfocus.plate.sequence import matte_role

    for kind in ("exr", "png"):
        path = folder / f"{layer}.{frame:04d}.{kind}"
        if path.is_file():
            _, picture = read_picture(path, frame=frame, role=matte_role(layer))
            values = picture.colour.max(axis=2)
            if picture.alpha is not None and float(picture.alpha.min()) < 0.996:
                values = picture.alpha
            return _checked(values, shot, f"--matte-command: {path.name}")
    raise MatteError(
        f"--matte-command: expected {layer}.{frame:04d}.png or .exr in {{out}}, found neither"
    )


def _checked(matte: np.ndarray, shot: Shot, what: str) -> np.ndarray:
    values = np.asarray(matte)
    if values.shape != (shot.height, shot.width):
        raise MatteError(f"{what}: expected {shot.width}x{shot.height}, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise MatteError(f"{what}: expected numbers, got NaN or Inf")
    return values.clip(0, 1).astype(np.float16)


def _shot_matte(
    layer: str, shot: Shot, mattes: Sequence[np.ndarray], marks: LayerMarks
) -> ShotMatte:
    """Confidence is what a tool's mattes of key frames share with the keys."""
    limit = FollowSettings().working_px
    scale = min(1.0, limit / max(shot.width, shot.height))
    size = (max(1, round(shot.width * scale)), max(1, round(shot.height * scale)))
    agreed = [overlap(mattes[t], key) for t, key in marks.keys.items()]
    confidence = float(np.mean(agreed)) if agreed else 1.0
    outlines = []
    for matte in mattes:
        small = cv2.resize(matte.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        outlines.append(Followed(signed_distance(small), 0.0, confidence))
    if not any((matte > 0.5).any() for matte in mattes):
        raise MatteError(f"matte {layer}: expected the subject in a frame, got none from the tool")
    return ShotMatte(
        layer=layer,
        frames=shot.frames,
        width=shot.width,
        height=shot.height,
        outlines=tuple(outlines),
        exact={t: matte.astype(np.float32) for t, matte in enumerate(mattes)},
    )
