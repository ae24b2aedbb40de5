# SPDX-License-Identifier: Apache-2.0
"""Pulls focus over a whole solve: opens it, finds where focus lies, writes the frames."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pullfocus.bake.atlases import finished_atlases, used_texels
from pullfocus.bake.bake import Repaint
from pullfocus.errors import PullfocusError
from pullfocus.frames.behind import WrittenBehind
from pullfocus.frames.existing import ORIGIN, already_made, origin
from pullfocus.frames.folder import frame_path, prepared_frames, shot_metadata, windows
from pullfocus.kept import Keep
from pullfocus.lens.search import plate_lens_of
from pullfocus.lens.virtual import (
    VirtualLens,
    fit_virtual_lens,
    layer_depths,
    layer_depths_of,
    virtual_lens_of,
)
from pullfocus.model.grid import Box
from pullfocus.model.plate_lens import ROUND, PlateLens
from pullfocus.model.shot_model import ShotModel
from pullfocus.plate.exr import Plane, write_exr
from pullfocus.plate.sequence import range_text
from pullfocus.refocus.camera import Camera
from pullfocus.refocus.clipping import clip_level
from pullfocus.refocus.focus import PLATE, Distance, FocusKey, Place, Target, focus_track
from pullfocus.refocus.new_lens import NewLens
from pullfocus.refocus.render import Refocused, focus_tint, refocused_frame
from pullfocus.solve.inputs import NOWHERE_ELSE, Elsewhere
from pullfocus.solve.solved import Solved, chosen_frames, opened

__all__ = ["Metres", "RefocusReport", "Refocuser", "refocus"]

Progress = Callable[[str, float], None]
_SOLID = 0.5


@dataclass(frozen=True)
class RefocusReport:
    """What was written."""

    first: Path
    frames: int
    """Frames written."""
    skipped: int
    """Frames that were there already."""
    seconds: float
    focus: dict[int, float | None]
    """Depth in focus by frame number, px of radius; None where the plate's blur was kept."""
    plate_lens: PlateLens = PlateLens()  # noqa: RUF009 - frozen
    """What the lens started from."""
    unclipped: bool = False
    """Highlights were to be lifted, but nothing proves that the plate clips."""


@dataclass(frozen=True)
class Metres:
    """What turns distances into depths."""

    camera: Camera
    anchor: Target
    """Something in the shot whose distance is known."""
    anchor_m: float


class Refocuser:
    """A solve, opened for looking at it through other lenses."""

    def __init__(
        self,
        model: ShotModel,
        atlases: list[torch.Tensor] | None = None,
        metres: "Metres | None" = None,
        keep: Keep | None = None,
    ) -> None:
        """Fit the shot's lens; ``atlases`` are shown in place of the solved ones.

        ``metres`` tells what distances are; ``keep`` holds the lens of an earlier time.
        """
        self.model = model
        self.metres = metres
        self.virtual: VirtualLens = (
            fit_virtual_lens(model) if keep is None else virtual_lens_of(model, keep)
        )
        self.atlases = (
            finished_atlases(model, used_texels(model, keep)) if atlases is None else atlases
        )
        self._keep = keep if atlases is None else None
        self._layer_depths: dict[str, float] | None = None
        self._clipped: float | None = None

    @property
    def clipped(self) -> float:
        """Where the plate clips, scene-linear; infinity where nothing proves that it does."""
        if self._clipped is None:
            self._clipped = clip_level(self.model.observed)
        return self._clipped

    def depth_of(self, target: Target, t: int) -> float:
        """Return the depth of a target in frame ``t``, px of radius.

        Raises:
            PullfocusError: no such layer, frame or pixel, or a distance without a camera.
        """
        if isinstance(target, Distance):
            if self.metres is None:
                raise PullfocusError(
                    f"--focus: {target.metres:g} m needs --filmback, --focal-length,"
                    " --plate-f-stop and --distance TARGET=METRES"
                )
            told, width = self.metres, self.model.observed.width
            anchor_px = self.depth_of(told.anchor, t)
            return told.camera.depth_px(target.metres, anchor_px, told.anchor_m, width)
        if isinstance(target, Place):
            return self._depth_at(target)
        if not isinstance(target, str):
            return target
        if target == PLATE:
            return float(self.virtual.focus[t])
        if target not in self.model.layer_names:
            known = ", ".join((*self.model.layer_names, PLATE))
            raise PullfocusError(
                f"--focus: expected one of {known}, a depth or a place, got {target!r}"
            )
        if self._layer_depths is None:
            self._layer_depths = (
                layer_depths(self.model, self.virtual, self.atlases)
                if self._keep is None
                else layer_depths_of(self.model, self.virtual, self._keep)
            )
        if target not in self._layer_depths:
            raise PullfocusError(f"--focus: expected {target} in some frame, got it in none")
        return self._layer_depths[target]

    def track(self, keys: tuple[FocusKey, ...]) -> np.ndarray:
        """Return the focus of every frame, (T,).

        Raises:
            PullfocusError: the shot's depth is not known, or a target is not there.
        """
        if not self.virtual.trusted:
            raise PullfocusError(
                "--focus: expected a shot in which focus moves, got a travel of "
                f"{self.virtual.pull_px:.1f} px of radius: depth is unknown; deep focus"
                " (--aperture 0) and --keep-sharp LAYER still work"
            )
        return focus_track(keys, self.model.observed.frames, self.depth_of)

    def frame(
        self,
        t: int,
        *,
        focus: float | None,
        lens: NewLens = NewLens(),  # noqa: B008 - frozen
        keep_sharp: frozenset[str] = frozenset(),
        mattes: bool = False,
    ) -> Refocused:
        """Show frame ``t``; see `render.refocused_frame`."""
        return refocused_frame(
            self.model,
            t,
            virtual=self.virtual,
            focus=focus,
            lens=lens,
            keep_sharp=keep_sharp,
            atlases=self.atlases,
            clipped=1.0 if lens.highlight_gain == 1 else self.clipped,
            mattes=mattes,
        )

    @torch.no_grad()
    def _depth_at(self, place: Place) -> float:
        frames, model = self.model.observed.frames, self.model
        frame = model.frame_box()
        if place.frame not in frames:
            raise PullfocusError(
                f"--focus: expected a frame of the solve ({range_text(frames)}), got {place.frame}"
            )
        if not (0 <= place.x < frame.width and 0 <= place.y < frame.height):
            raise PullfocusError(
                f"--focus: expected a place within {frame.width}x{frame.height}, got"
                f" {place.x:g},{place.y:g}"
            )
        t, box = frames.index(place.frame), Box(int(place.x), int(place.y), 1, 1)
        for index in range(len(model.layers)):
            layer = model.layer_frame(index, t, box, self.atlases[index])
            if float(layer.alpha) > _SOLID:
                return float(self.virtual.depth_at(index, layer.texel.cpu().numpy())[0, 0])
        raise AssertionError("the last layer covers everything")


def refocus(
    solve: Path | Solved,
    out: Path,
    *,
    keys: tuple[FocusKey, ...] = (),
    lens: NewLens = NewLens(),  # noqa: B008 - frozen
    keep_sharp: tuple[str, ...] = (),
    overlay: bool = False,
    focus_mattes: bool = False,
    metres: Metres | None = None,
    plate_lens: str = ROUND,
    repaint: Repaint | None = None,
    paint: Mapping[str, Path] | None = None,
    frames: str | None = None,
    skip_existing: bool = False,
    where: Elsewhere = NOWHERE_ELSE,
    progress: Progress = lambda stage, done: None,
) -> RefocusReport:
    """Write a solve with focus pulled again, one EXR a frame: R G B A, coc.X, alpha.A.

    Args:
        solve: the solve folder, or a solve that is open.
        out: folder for the frames; files in it are replaced one by one, each whole.
        keys: where focus lies; none keeps the plate's own blur.
        lens: aperture and bokeh.
        keep_sharp: layers that stay in focus throughout.
        overlay: tint the frames: near blue, in focus green, far red.
        focus_mattes: write near.X and far.X as well, what lies before and behind the focus.
        metres: the camera and one distance, where focus is told in metres.
        plate_lens: what `lens` starts from, as `lens_search.plate_lens_of` takes it.
        repaint: gives other atlases in place of the solved ones, as in a bake.
        paint: what `repaint` reads, so that nothing is written over it.
        frames: a frame range; all by default.
        skip_existing: leave frames that this solve made with the same options.
        where: where the footage lies now, if it moved.
        progress: called with a stage name and the fraction done.

    Raises:
        PullfocusError: no solve, something to focus on that is not there, a depth that the shot
            does not tell, or a folder that cannot be written.
    """
    began = time.monotonic()
    solved = opened(solve, progress, where)
    shot, model = solved.shot, solved.model
    unknown = sorted(set(keep_sharp) - set(model.layer_names))
    if unknown:
        raise PullfocusError(
            f"--keep-sharp: expected one of {', '.join(model.layer_names)}, got {unknown[0]!r}"
        )
    chosen = chosen_frames(shot, frames)
    # half R G B A, alpha.A and the focus mattes, float coc.X
    pixel_bytes = 18 if focus_mattes else 14
    output = prepared_frames(out, shot, chosen, "refocus", pixel_bytes=pixel_bytes, paint=paint)
    other = repaint(model, shot.colorspace).atlases if repaint else None
    view = Refocuser(model, other, metres, Keep(solved.folder, origin(shot, model)))
    own = plate_lens_of(solved.folder, model, view.virtual, plate_lens, progress)
    lens = lens.starting_from(own)
    track = view.track(keys) if keys else None
    options = (track, lens, lens.bokeh, sorted(keep_sharp), overlay, focus_mattes)
    made_from = origin(shot, model, *options, *(view.atlases if repaint else ()))
    skipped = 0
    with output.telling(), WrittenBehind(output) as behind:
        for done, t in enumerate(chosen, 1):
            path = frame_path(out, shot, t, "refocus")
            told = partial(progress, "refocusing", done / len(chosen))
            if skip_existing and already_made(path, made_from):
                behind.settle()
                skipped += 1
                output.kept(path)
                told()
                continue
            focus = None if track is None else float(track[t])
            shown = view.frame(
                t, focus=focus, lens=lens, keep_sharp=frozenset(keep_sharp), mattes=focus_mattes
            )
            covered = model.observed.covered
            if covered is not None:  # bars and burnt-in words are behind no lens
                shown.colour[covered] = np.asarray(shot.plate.read(t))[covered]
                shown.coc[covered] = 0
            metadata = {**shot_metadata(shot, t), ORIGIN: made_from}
            planes = _planes(shown, overlay=overlay)
            frame = partial(write_exr, path, planes, metadata=metadata, windows=windows(shot))
            behind.write(path, frame, told)
    unclipped = lens.highlight_gain > 1 and not lens.lift_bright and view.clipped == np.inf
    held = {shot.frames[t]: None if track is None else float(track[t]) for t in chosen}
    first = frame_path(out, shot, chosen[0], "refocus")
    return RefocusReport(
        first, len(chosen) - skipped, skipped, time.monotonic() - began, held, own, unclipped
    )


def _planes(shown: Refocused, *, overlay: bool) -> list[Plane]:
    colour = focus_tint(shown) if overlay else shown.colour
    opaque = np.ones(colour.shape[:2], np.float32)
    planes = [
        Plane(
            name="beauty",
            data=np.dstack([colour, opaque]).astype(np.float32),
            channels=tuple("RGBA"),
            half=True,
        ),
        Plane(name="coc", data=shown.coc, channels=("coc.X",), half=False),
        Plane(name="alpha", data=shown.matte, channels=("alpha.A",), half=True),
    ]
    for name, side in (("near", shown.near), ("far", shown.far)):
        if side is not None:
            planes.append(Plane(name=name, data=side, channels=(f"{name}.X",), half=True))
    return planes
