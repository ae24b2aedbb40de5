# SPDX-License-Identifier: Apache-2.0
"""Measures a shot once and keeps the result in the solve folder.

The cache holds the plate display-encoded in half floats, mattes in 8 bit, and the motion of
each layer. It is named by the shot's fingerprint and rebuilt when plate, mattes or settings change.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pullfocus.errors import MatteError, SolveError
from pullfocus.observe.blocks import find_blocks
from pullfocus.observe.ceiling import find_ceiling
from pullfocus.observe.cuts import check_one_shot
from pullfocus.observe.fades import Fades, find_fades, reduced
from pullfocus.observe.flow import Neighbours, grey
from pullfocus.observe.matte_doubt import carried_matte, doubted_frames
from pullfocus.observe.matte_edges import bring_to_edges
from pullfocus.observe.motion import chain_to_reference, reference_frame
from pullfocus.observe.observed import Observed, let_go
from pullfocus.observe.overlay import find_overlay
from pullfocus.observe.repeats import find_repeats
from pullfocus.observe.residual import chain_residuals
from pullfocus.plate.colour import linear_to_display
from pullfocus.plate.sequence import range_text
from pullfocus.shot import Shot

__all__ = ["ObserveSettings", "observe"]

_FORMAT = 8  # raise when the cache's contents change meaning
_HALF_MAX = 65504.0
_DRAFT = "measuring-"
_OURS = re.compile(rf"[0-9a-f]{{16}}|{_DRAFT}.*")
_UNUSED_S = 86400.0
Report = Callable[[str, float], None]


@dataclass(frozen=True)
class ObserveSettings:
    """How a shot is measured."""

    trim_px: int = 3
    """Inner edge of each matte that motion is not read from, px at 512 wide: rotos are rough."""
    clear_px: int = 16
    """Border around a layer in front that motion is not read from: its blur moves there."""
    ignore_cuts: bool = False
    """Whether frames of several shots are taken as one."""
    overlay: bool = True
    """Whether to look for bars and burnt-in words, and leave them out."""
    fades: bool = True
    """Whether to look for fades, at both ends and there and back, and take their light out."""
    repeats: bool = True
    """Whether to look for frames that are shown twice."""
    ceiling: bool = True
    """Whether clipped values only say at least."""
    matte_edges: bool = True
    """Whether mattes that are too wide or too tight all round are brought to the plate's edges."""


def observe(
    shot: Shot,
    cache_dir: Path,
    settings: ObserveSettings | None = None,
    *,
    report: Report = lambda stage, fraction: None,
) -> Observed:
    """Measure a shot, or read the measurement back when nothing has changed.

    Args:
        shot: the footage.
        cache_dir: folder of the cache; made when missing.
        settings: how to measure.
        report: called with a stage name and the fraction done.

    Raises:
        PullfocusError: unreadable frames, a hard cut, an all-empty matte, or a cache that cannot
            be written.
    """
    settings = settings or ObserveSettings()
    text = json.dumps([_FORMAT, shot.fingerprint(), asdict(settings)])
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    folder = cache_dir / key
    try:
        if not folder.exists():
            _measure(shot, folder, settings, report)
            _drop_others(cache_dir, keep=key)
    except OSError as error:
        raise SolveError(f"cannot write the observe cache {cache_dir}: {error.strerror}") from error
    return _load(shot, folder)


def _drop_others(cache_dir: Path, keep: str) -> None:
    for old in cache_dir.iterdir():
        if old.name != keep and _OURS.fullmatch(old.name) and old.is_dir() and _is_unused(old):
            shutil.rmtree(old, ignore_errors=True)


def _is_unused(folder: Path) -> bool:
    """Whether nobody has used it for a day: another machine may be reading or measuring there."""
    with contextlib.suppress(OSError):
        return time.time() - folder.stat().st_mtime > _UNUSED_S
    return False


def _load(shot: Shot, folder: Path) -> Observed:
    with contextlib.suppress(OSError):  # a folder that may only be read
        os.utime(folder)
    coc, given = folder / "coc.npy", folder / "mattes_given.npy"
    without = (0, len(shot.frames), shot.height, shot.width)
    return Observed(
        frames=shot.frames,
        layer_names=shot.layer_names,
        width=shot.width,
        height=shot.height,
        colorspace=shot.colorspace,
        plate=np.load(folder / "plate.npy", mmap_mode="r"),
        mattes=np.load(folder / "mattes.npy", mmap_mode="r")
        if shot.mattes
        else np.zeros(without, np.uint8),
        coc=np.load(coc, mmap_mode="r") if coc.exists() else None,
        motion=np.load(folder / "motion.npy"),
        residual=np.load(folder / "residual.npy", mmap_mode="r"),
        mattes_given=np.load(given, mmap_mode="r") if given.exists() else None,
        doubted=np.load(folder / "doubted.npy") if given.exists() else None,
        covered=_optional(folder / "covered.npy"),
        source=_optional(folder / "source.npy"),
        light=_optional(folder / "light.npy"),
        untold=_optional(folder / "untold.npy"),
        folder=folder,
        **_finds(folder),
    )


def _finds(folder: Path) -> dict[str, Any]:
    finds = json.loads((folder / "finds.json").read_text(encoding="utf-8"))
    return {**finds, "notes": tuple(finds["notes"])}


def _optional(path: Path) -> np.ndarray | None:
    return np.load(path) if path.exists() else None


def _measure(shot: Shot, folder: Path, settings: ObserveSettings, report: Report) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder.parent))
    try:
        greys, fades = _store_plate(shot, draft, settings, report)
        if not settings.ignore_cuts:
            check_one_shot(shot.frames, greys, fades)
        covered, source = _store_finds(shot, draft, settings, fades)
        if fades is not None:  # flow and motion are of the scene, not of its light
            plate = np.load(draft / "plate.npy", mmap_mode="r")
            for t in sorted({t for fade in fades.found for t in fade.frames}):
                greys[t] = grey(fades.relit(t, np.asarray(plate[t], np.float32)))
        mattes = _store_mattes(shot, draft, report)
        if settings.matte_edges:
            plate = np.load(draft / "plate.npy", mmap_mode="r")
            _add_notes(draft, bring_to_edges(plate, mattes, shot.layer_names, report))
        if shot.coc is not None:
            _store_coc(shot, draft)
        neighbours = Neighbours(greys)
        motion, residual = _layer_motion(shot, greys, mattes, covered, settings, neighbours, report)
        if _replace_doubted(shot, mattes, motion, draft, report):
            motion, residual = _layer_motion(
                shot, greys, mattes, covered, settings, neighbours, report
            )
        if source is not None:
            motion, residual = motion[:, source], residual[:, source]
        np.save(draft / "motion.npy", motion)
        np.save(draft / "residual.npy", residual)
        try:
            os.replace(draft, folder)  # noqa: PTH105 - one atomic step
        except OSError:
            if not folder.is_dir():  # else another process has measured the same meanwhile
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _store_plate(
    shot: Shot, draft: Path, settings: ObserveSettings, report: Report
) -> tuple[list[np.ndarray], Fades | None]:
    """Store the plate; returns what flow is taken on, and fades at its ends."""
    count = len(shot.frames)
    shape = (count, shot.height, shot.width, 3)
    plate = np.lib.format.open_memmap(draft / "plate.npy", "w+", np.float16, shape)
    greys, small = [], []
    for t in range(count):
        light = shot.plate.read(t)
        display = linear_to_display(light)
        plate[t] = display.clip(-_HALF_MAX, _HALF_MAX)
        greys.append(grey(display))
        small.append(reduced(light))
        let_go(plate)
        report("reading plate", (t + 1) / count)
    plate.flush()
    return greys, find_fades(small) if settings.fades else None


def _store_finds(
    shot: Shot, draft: Path, settings: ObserveSettings, fades: Fades | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Store what on the plate is no scene, and which frames are shown twice."""
    plate = np.load(draft / "plate.npy", mmap_mode="r")
    covered = source = None
    notes = [] if fades is None else [fade.note(shot.frames) for fade in fades.found]
    if settings.overlay:
        overlay = find_overlay(plate)
        if overlay.mask.any():
            covered = overlay.mask
            notes += overlay.notes()
            np.save(draft / "covered.npy", covered)
    if settings.repeats:
        found = find_repeats(plate, covered)
        repeated = [f for t, f in enumerate(shot.frames) if found[t] != t]
        if repeated:
            source = found
            notes.append(f"plate: frames {range_text(repeated)} repeat the one before them")
            np.save(draft / "source.npy", source)
    blocks = find_blocks(plate)
    if blocks is not None:
        notes.append(blocks.note())
    whole = plate
    if fades is not None:
        light = fades.light if source is None else fades.light[source]
        np.save(draft / "light.npy", light)
        if fades.untold.any():
            np.save(draft / "untold.npy", fades.untold)
        whole = [plate[t] for t in range(len(plate)) if (light[t, 0] == 1).all()]
    finds = {"notes": notes, "ceiling": find_ceiling(whole) if settings.ceiling else None}
    (draft / "finds.json").write_text(json.dumps(finds), encoding="utf-8")
    return covered, source


def _store_mattes(shot: Shot, draft: Path, report: Report) -> np.ndarray:
    count = len(shot.frames)
    shape = (len(shot.mattes), count, shot.height, shot.width)
    if not shot.mattes:
        return np.zeros(shape, np.uint8)  # an empty array cannot be mapped: no file
    mattes = np.lib.format.open_memmap(draft / "mattes.npy", "w+", np.uint8, shape)
    for layer, (name, source) in enumerate(shot.mattes):
        seen = False
        for t in range(count):
            matte = source.read(t).clip(0, 1)
            mattes[layer, t] = (matte * 255 + 0.5).astype(np.uint8)
            let_go(mattes)
            seen = seen or bool(matte.max() > 0.5)
            report(f"reading matte {name}", (t + 1) / count)
        if not seen:
            raise MatteError(
                f"matte {name}: expected the layer in at least one frame, got {count} empty frames"
                f" in {source.describe()}"
            )
    mattes.flush()
    return mattes


def _add_notes(draft: Path, notes: list[str]) -> None:
    finds = json.loads((draft / "finds.json").read_text(encoding="utf-8"))
    finds["notes"] += notes
    (draft / "finds.json").write_text(json.dumps(finds), encoding="utf-8")


def _replace_doubted(
    shot: Shot, mattes: np.ndarray, motion: np.ndarray, draft: Path, report: Report
) -> bool:
    """Put what neighbours say where a matte contradicts them; what was given is kept beside."""
    doubted = np.stack(
        [doubted_frames(own, moved) for own, moved in zip(mattes, motion, strict=False)]
        or [np.zeros(0, bool)]
    )
    if not doubted.any():
        return False
    np.save(draft / "mattes_given.npy", mattes)
    np.save(draft / "doubted.npy", doubted)
    for layer, t in zip(*np.nonzero(doubted), strict=True):
        trusted = ~doubted[layer]
        carried = carried_matte(mattes[layer], motion[layer], int(t), trusted)
        mattes[layer, t] = (carried * 255 + 0.5).astype(np.uint8)
        report(f"matte {shot.layer_names[layer]} of frame {shot.frames[t]}", 1.0)
    return True


def _store_coc(shot: Shot, draft: Path) -> None:
    assert shot.coc is not None
    shape = (len(shot.frames), shot.height, shot.width)
    coc = np.lib.format.open_memmap(draft / "coc.npy", "w+", np.float16, shape)
    for t in range(len(shot.frames)):
        coc[t] = shot.coc.read(t)
    coc.flush()


def _trusted(
    mattes: np.ndarray,
    layer: int,
    t: int,
    size: tuple[int, int],
    covered: np.ndarray | None,
    settings: ObserveSettings,
) -> np.ndarray:
    """Return where only this layer is seen, away from every edge, float32 at flow size."""
    trim, clear = (
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        for reach in (
            max(1, round(px * size[0] / 512)) for px in (settings.trim_px, settings.clear_px)
        )
    )
    small = [cv2.resize(m, size, interpolation=cv2.INTER_AREA) for m in mattes[: layer + 1, t]]
    front = small[:layer] if layer < len(mattes) else small
    trust = np.ones(size[::-1], np.float32)
    if layer < len(mattes):
        # a matte thinner than the trimmed edge is better used whole than not at all
        eroded = cv2.erode(small[layer], trim)
        trust = (eroded if eroded.max() > 127 else small[layer]).astype(np.float32) / 255
    for matte in front:
        trust = trust * (1 - cv2.dilate(matte, clear).astype(np.float32) / 255)
    if covered is not None:  # flow is drawn to what stands still nearby
        share = cv2.resize(covered.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        trust = trust * (cv2.dilate(share, clear) == 0)
    return trust


def _layer_motion(
    shot: Shot,
    greys: list[np.ndarray],
    mattes: np.ndarray,
    covered: np.ndarray | None,
    settings: ObserveSettings,
    neighbours: Neighbours,
    report: Report,
) -> tuple[np.ndarray, np.ndarray]:
    """Return every layer's homographies and residual displacement, in plate px."""
    count, layers = len(shot.frames), len(shot.layer_names)
    height, width = greys[0].shape
    motion, residual = [], []
    for layer, name in enumerate(shot.layer_names):
        regions = [
            _trusted(mattes, layer, t, (width, height), covered, settings) for t in range(count)
        ]
        steps = 2 * (count - 1)  # each frame but the reference, twice
        done = iter(range(1, steps + 1))

        def tick(done=done, name=name, steps=steps) -> None:  # type: ignore[no-untyped-def]
            report(f"motion of {name}", next(done) / steps)

        reference = reference_frame(regions)
        planar = layer == layers - 1
        homographies = chain_to_reference(
            greys, regions, reference, planar=planar, neighbours=neighbours, tick=tick
        )
        motion.append(homographies)
        residual.append(chain_residuals(greys, regions, homographies, reference, tick=tick))
    # from flow-sized pixels to plate pixels; centres sit at whole numbers
    scale = shot.width / width
    shift = (scale - 1) / 2
    up = np.array([[scale, 0, shift], [0, scale, shift], [0, 0, 1]])
    return up @ np.stack(motion) @ np.linalg.inv(up), np.stack(residual) * np.float32(scale)
