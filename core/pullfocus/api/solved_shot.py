# SPDX-License-Identifier: Apache-2.0
"""A solved shot in Python: numpy in and out, and the verbs on one solve that stays open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pullfocus.api.several import several
from pullfocus.bake.bake import BakeReport, Repaint, bake
from pullfocus.bake.frame import Repainted
from pullfocus.bake.view import SharpView, Shown
from pullfocus.edit.edit import EditReport, Painting, edit, repainted
from pullfocus.edit.paint import Paint
from pullfocus.errors import PassesError, PullfocusError
from pullfocus.flow.uv import Flow, shot_flow
from pullfocus.flow.write import FlowReport, write_flow
from pullfocus.lens.search import ROUND
from pullfocus.model.shot_model import ShotModel
from pullfocus.passes.contract import pass_table
from pullfocus.plate.sequence import range_text
from pullfocus.refocus.asked import asked_lens, wanted_focus
from pullfocus.refocus.controls import CONTROLS
from pullfocus.refocus.refocus import Refocuser, RefocusReport, refocus
from pullfocus.shot import Shot
from pullfocus.solve.inputs import Elsewhere
from pullfocus.solve.solved import Solved, opened

__all__ = ["Listener", "SolvedShot", "open_solve"]

Listener = Callable[[str, float], None]
"""Told the name of a stage and how much of it is done, 0..1."""
Picture = str | Path | np.ndarray


def open_solve(
    folder: str | Path,
    *,
    plate: str | Path | None = None,
    mattes: Mapping[str, str | Path] | None = None,
    progress: Listener | None = None,
) -> SolvedShot:
    """Open a solve folder, finished or not.

    Args:
        folder: as `solve_shot` made it, or the command.
        plate: where the plate lies now, if it moved; known by what its files hold.
        mattes: where mattes lie now, by layer.
        progress: told what is done.

    Raises:
        PullfocusError: no solve, a damaged checkpoint, or footage that moved.
    """
    moved = tuple((name, str(path)) for name, path in (mattes or {}).items())
    where = Elsewhere(None if plate is None else str(plate), moved)
    return SolvedShot(opened(Path(folder), progress or _silent, where))


class SolvedShot:
    """A solve that is open.

    Frames are named by their numbers, layers by their names, front to back. Light is scene-linear
    in `colorspace`; rows run from top to bottom. Every method raises PullfocusError for a frame or
    layer that the solve does not have.
    """

    def __init__(self, solved: Solved) -> None:
        """Use `open_solve`."""
        self._solved = solved

    def __repr__(self) -> str:
        """Say what is open."""
        layers = ", ".join(self.layers)
        return (
            f"<SolvedShot {self.folder}: {layers}; {self.width}x{self.height},"
            f" {range_text(self.frames)}>"
        )

    @property
    def folder(self) -> Path:
        """The solve folder."""
        return self._solved.folder

    @property
    def shot(self) -> Shot:
        """The footage."""
        return self._solved.shot

    @property
    def frames(self) -> tuple[int, ...]:
        """Frame numbers, rising."""
        return tuple(self.shot.frames)

    @property
    def layers(self) -> tuple[str, ...]:
        """Layer names, front to back; the last is complete."""
        return tuple(self._model.layer_names)

    @property
    def width(self) -> int:
        """Of a frame, px."""
        return self.shot.width

    @property
    def height(self) -> int:
        """Of a frame, px."""
        return self.shot.height

    @property
    def colorspace(self) -> str:
        """Space of all light that goes in and comes out."""
        return self.shot.colorspace

    @property
    def focus(self) -> np.ndarray | None:
        """(T,) depth in focus by frame, px of radius, far is larger; None: focus hardly moves."""
        lens = self._sharp.lens
        return None if lens is None else np.array(lens.focus, np.float32)

    # ---- pictures --------------------------------------------------------------------------

    def frame(self, number: int) -> dict[str, np.ndarray]:
        """Return the passes of a frame, as a bake writes them.

        Returns:
            float32, by pass: ``beauty`` (H, W, 4) sharp, premultiplied; a layer's name (H, W, 4),
            ``NAME_uv`` (H, W, 3) u, v from bottom left and the matte, ``NAME_coc`` (H, W) radius in
            px, near negative where depth is known; ``coc``, ``alpha``, ``confidence`` (H, W);
            ``forward``, ``backward`` (H, W, 2) px, +v up; ``depth`` (H, W) where it is known.
        """
        lens = self._sharp.lens
        signed = lens is not None or self._model.observed.coc_is_signed
        table = pass_table(self.layers, coc_signed=signed, depth=lens is not None)
        planes = self._sharp.planes(self._index(number), table)
        return {plane.name: np.ascontiguousarray(plane.data, np.float32) for plane in planes}

    def refocused(
        self,
        number: int,
        *,
        focus: str | float | None = None,
        keep_sharp: str | Sequence[str] = (),
        painted: Mapping[str, Picture] | None = None,
        **lens: Any,
    ) -> dict[str, np.ndarray]:
        """Return a frame through another lens.

        Args:
            number: the frame.
            focus: a layer, a place ``x,y@frame``, a depth in px of radius, ``plate``, or keys
                ``1001:fg 1030:bg``; None: the plate's own blur.
            keep_sharp: layers that stay in focus.
            painted: atlases by layer, as `edit` takes them, in place of the solved ones.
            lens: controls as of ``pullfocus refocus --help``: ``aperture=1.5, blades=6``.

        Returns:
            float32: ``beauty`` (H, W, 4), ``coc`` (H, W) px, ``alpha`` (H, W) the first layer's.
        """
        keys = wanted_focus(None if focus is None else str(focus), None)
        view = self._lens_view if not painted else self._painted_view(painted)
        keep_sharp = several(keep_sharp)
        self._check_layers(keep_sharp)
        t, wanted = self._index(number), _lens(lens)
        shown = view.frame(
            t,
            focus=float(view.track(keys)[t]) if keys else None,
            lens=wanted,
            keep_sharp=frozenset(keep_sharp),
        )
        covered = self._model.observed.covered
        if covered is not None:
            shown.colour[covered] = np.asarray(self.shot.plate.read(t))[covered]
            shown.coc[covered] = 0
        opaque = np.ones(shown.coc.shape, np.float32)
        beauty = np.dstack([shown.colour, opaque]).astype(np.float32)
        return {"beauty": beauty, "coc": shown.coc, "alpha": shown.matte}

    def motion(self, number: int, to: int) -> Flow:
        """Return where what a frame shows lies in another, any distance apart.

        Returns:
            ``px`` (H, W, 2), x right, y down; ``hidden`` (H, W) bool, not seen there.
        """
        return shot_flow(self._model, self._index(number), self._index(to))

    def atlas(self, layer: str) -> np.ndarray:
        """Return a layer's atlas, (h, w, 3) float32, as `edit` and painters take it."""
        self._check_layers((layer,))
        colour = self._sharp.atlases[self.layers.index(layer)][..., :3]
        return colour.cpu().numpy().astype(np.float32)

    # ---- files -----------------------------------------------------------------------------

    def bake(
        self,
        out: str | Path,
        *,
        keep_plate: bool = True,
        regrain: bool = True,
        still: bool = False,
        undo_breathing: bool = False,
        plate_lens: str = ROUND,
        frames: str | None = None,
        progress: Listener | None = None,
    ) -> BakeReport:
        """Write passes, atlases and passes.json; options as of ``pullfocus bake --help``."""
        return bake(
            self._solved,
            Path(out),
            keep_plate=keep_plate,
            regrain=regrain,
            still=still,
            undo_breathing=undo_breathing,
            plate_lens=plate_lens,
            frames=frames,
            progress=progress or _silent,
        )

    def refocus(
        self,
        out: str | Path,
        *,
        focus: str | float | None = None,
        keep_sharp: str | Sequence[str] = (),
        painted: Mapping[str, Picture] | None = None,
        plate_lens: str = ROUND,
        overlay: bool = False,
        focus_mattes: bool = False,
        frames: str | None = None,
        progress: Listener | None = None,
        **lens: Any,
    ) -> RefocusReport:
        """Write frames through another lens; see `refocused`, and ``pullfocus refocus --help``."""
        paintings = self._paintings(painted or {})
        repaint: Repaint | None = None
        if paintings:

            def repaint(model: ShotModel, space: str) -> Repainted:
                return repainted(model, space, paintings)

        return refocus(
            self._solved,
            Path(out),
            keys=wanted_focus(None if focus is None else str(focus), None),
            lens=_lens(lens),
            keep_sharp=several(keep_sharp),
            overlay=overlay,
            focus_mattes=focus_mattes,
            plate_lens=plate_lens,
            repaint=repaint,
            paint={what: path for one in paintings for what, path in one.files.items()},
            frames=frames,
            progress=progress or _silent,
        )

    def edit(
        self,
        out: str | Path,
        layer: str,
        paint: Picture,
        *,
        frame: int | None = None,
        in_plate: bool = False,
        keep_plate: bool = True,
        frames: str | None = None,
        progress: Listener | None = None,
    ) -> EditReport:
        """Write passes with paint on an atlas in every frame; what is not painted stays to the bit.

        Args:
            out: folder for what is written.
            layer: that is painted.
            paint: a file; or (h, w, 3), a painted copy of `atlas`; or (h, w, 4), paint and how far
                it covers (0..1), not premultiplied. Scene-linear; as large as the atlas, or as the
                frame with `frame`.
            frame: the frame that was painted over, where it was none of the atlas.
            in_plate: write the plate with the paint in it, out of focus as its place is.
            keep_plate: as in a bake.
            frames: a frame range; all by default.
            progress: told what is done.
        """
        return edit(
            self._solved,
            Path(out),
            self._painting(layer, paint, frame),
            in_plate=in_plate,
            keep_plate=keep_plate,
            frames=frames,
            progress=progress or _silent,
        )

    def flow(
        self,
        out: str | Path,
        *,
        interval: int = 1,
        flo: bool = False,
        frames: str | None = None,
        progress: Listener | None = None,
    ) -> FlowReport:
        """Write flow over an interval of frames; options as of ``pullfocus flow --help``."""
        if interval < 1:
            raise PullfocusError(f"interval: expected 1 or more, got {interval}")
        return write_flow(
            self._solved,
            Path(out),
            interval=interval,
            flo=flo,
            frames=frames,
            progress=progress or _silent,
        )

    # ---- what is worked out once -----------------------------------------------------------

    @property
    def _model(self) -> ShotModel:
        return self._solved.model

    @cached_property
    def _sharp(self) -> SharpView:
        return SharpView(self._solved, Shown())

    @cached_property
    def _lens_view(self) -> Refocuser:
        return Refocuser(self._model, self._sharp.atlases, keep=self._sharp.keep)

    def _painted_view(self, painted: Mapping[str, Picture]) -> Refocuser:
        held = repainted(
            self._model, self.colorspace, self._paintings(painted), self._sharp.used
        ).atlases
        return Refocuser(self._model, held, keep=self._sharp.keep)

    def _paintings(self, painted: Mapping[str, Picture]) -> list[Painting]:
        return [self._painting(layer, paint, None) for layer, paint in painted.items()]

    def _painting(self, layer: str, paint: Picture, frame: int | None) -> Painting:
        self._check_layers((layer,))
        if not isinstance(paint, np.ndarray):
            return Painting(layer, Path(paint), frame)
        if paint.ndim != 3 or paint.shape[2] not in (3, 4):
            raise PullfocusError(f"paint: expected an array (h, w, 3 or 4), got {paint.shape}")
        held = paint.astype(np.float32)
        if not np.isfinite(held).all():
            raise PullfocusError("paint: expected finite numbers, got NaN or Inf")
        alpha = held[..., 3].clip(0, 1) if held.shape[2] == 4 else np.ones_like(held[..., 0])
        return Painting(layer, Paint(held[..., :3] * alpha[..., None], alpha), frame)

    def _index(self, number: int) -> int:
        if number not in self.frames:
            raise PassesError(f"expected a frame of {range_text(self.frames)}, got {number}")
        return self.frames.index(number)

    def _check_layers(self, names: tuple[str, ...]) -> None:
        for name in names:
            if name not in self.layers:
                raise PullfocusError(f"expected a layer of {', '.join(self.layers)}, got {name!r}")


def _silent(stage: str, done: float) -> None:
    """Say nothing."""


def _lens(controls: Mapping[str, Any]) -> Any:
    unknown = sorted(set(controls) - set(CONTROLS))
    if unknown:
        raise PullfocusError(f"expected controls of {', '.join(CONTROLS)}, got {unknown[0]!r}")
    return asked_lens(controls)
