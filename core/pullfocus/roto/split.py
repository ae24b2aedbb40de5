# SPDX-License-Identifier: Apache-2.0
"""Layers more, by themselves: parts of layers that move apart, where that is seen to help.

Short solves tell, with the part as a layer and without: of frames that none was solved from, the
better must explain more round the part. A part of the background lies before the rest of it; of a
subject both orders are tried.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pullfocus.checkpoint import write_json
from pullfocus.errors import MatteError
from pullfocus.output import prepared
from pullfocus.progress import Progress
from pullfocus.roto.halves import halves
from pullfocus.roto.in_time import Followed
from pullfocus.roto.parts import WORKING_PX, Part, find_part
from pullfocus.roto.preview import write_preview
from pullfocus.roto.shot_matte import ShotMatte
from pullfocus.roto.trial import Small, Tried, small_shot, try_layers
from pullfocus.roto.writing import Format, matte_file, pattern, write_mattes
from pullfocus.shot import LAST_LAYER, Shot
from pullfocus.solve.folder import locked
from pullfocus.solve.run import check_solve_folder

if TYPE_CHECKING:
    from pullfocus.solve.inputs import ShotInputs

__all__ = ["split_for_solve"]

_FOLDER = "parts"
_FOUND = "found.json"
_MIDDLE = "mg"  # midground: a part of the background
_KIND: Format = "exr"
_VERSION = 2  # raise when parts are found otherwise
_MOST = 3  # layers more
_ORDER = 0.98  # of the misfit with a part in front, at most, of one that lies behind
_LONGEST = 46  # letters of a name, before a number (`passes.layer_names`)
_BETTER = 0.95  # of the misfit without it, at most
# the same of a subject: what bends gains a little by any cut, and loses at its seam
_BETTER_OWN = 0.8

Alpha = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class _Found:
    """What was decided, and why."""

    made_from: str
    layers: list[str]
    """With mattes, front to back."""
    made: list[str]
    """Of those, whose mattes lie in the folder."""
    notes: list[str]


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer with a matte."""

    name: str
    small: np.ndarray  # (T, h, w) uint8
    alpha: Alpha  # frame index to (H, W) float32 at the plate's size
    sure: float = 1.0
    made: bool = False


@dataclass(frozen=True, eq=False)
class _Lazy(Mapping[int, np.ndarray]):
    """Mattes by frame index, worked out when asked for."""

    count: int
    alpha: Alpha

    def __getitem__(self, t: int) -> np.ndarray:
        return self.alpha(t)

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.count))

    def __len__(self) -> int:
        return self.count


def split_for_solve(
    shot: Shot, inputs: ShotInputs, out: Path, settings: Any, *, progress: Progress
) -> ShotInputs:
    """Look for parts of layers that move apart, and make them layers where that helps.

    Args:
        shot: the footage with its mattes.
        inputs: what it was opened from.
        out: solve folder; made if missing. Mattes and a preview of them lie in ``out/parts``.
        settings: of the solve.
        progress: told what was decided.

    Returns:
        The inputs with the new layers: of the background behind all that were given, of a subject
        beside the rest of it.

    Raises:
        MatteError: under torchrun.
    """
    from pullfocus.solve.parallel import world_size

    if world_size() > 1:
        raise MatteError("--layers auto: expected one process, got torchrun: solve alone first")
    check_solve_folder(out, shot)
    folder = out / _FOLDER
    made_from = hashlib.sha256(f"{_VERSION} {shot.fingerprint()}".encode()).hexdigest()
    known = _known(folder, made_from)
    if known is None or not all((folder / n).is_file() for n in _files(known.made, shot)):
        named = [_MIDDLE, *(name for name, _ in shot.mattes)]  # at the start, what could fail
        _prepare(folder, named, shot)
        with locked(out):
            known = _decided(shot, folder, made_from, settings, progress)
            write_json(folder / _FOUND, vars(known))
    for note in known.notes:
        progress.note(note)
    if not known.made:
        return inputs
    progress.preview(str(folder / "preview.png"))
    given = dict(inputs.mattes)
    lie = {name: pattern(folder, name, _KIND) for name in known.made}
    return replace(inputs, mattes=tuple((n, lie.get(n) or given[n]) for n in known.layers))


def _known(folder: Path, made_from: str) -> _Found | None:
    try:
        found = _Found(**json.loads((folder / _FOUND).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.made_from == made_from else None


def _files(layers: list[str], shot: Shot) -> list[str]:
    return [matte_file(layer, frame, _KIND) for layer in layers for frame in shot.frames]


def _prepare(folder: Path, layers: list[str], shot: Shot) -> None:
    raw_bytes = 8 * shot.width * shot.height
    prepared(folder, _files(layers, shot), footage=shot.footage, raw_bytes=raw_bytes)


def _decided(shot: Shot, folder: Path, made_from: str, settings: Any, progress: Progress) -> _Found:
    small = small_shot(shot, WORKING_PX, progress)
    layers = [
        _Layer(name, own, source.read)
        for own, (name, source) in zip(small.mattes, shot.mattes, strict=True)
    ]
    search = _Search(small, folder, settings, progress)
    given = ", ".join(shot.layer_names)
    while (after := search.split(layers)) is not None:
        layers = after
    if not search.notes:
        search.notes.append(f"{given}: no part moves apart; no layer more")
    made = [layer for layer in layers if layer.made]
    if made:
        mattes = [_shown(layer, shot) for layer in made]
        _prepare(folder, [layer.name for layer in made], shot)
        write_mattes(folder, mattes, _KIND, progress)
        write_preview(folder / "preview.png", shot, mattes)
    names = [layer.name for layer in layers]
    return _Found(made_from, names, [layer.name for layer in made], search.notes)


def _shown(layer: _Layer, shot: Shot) -> ShotMatte:
    whole = Followed(np.ones((1, 1), np.float32), 1.0, layer.sure)
    return ShotMatte(
        layer=layer.name,
        frames=shot.frames,
        width=shot.width,
        height=shot.height,
        outlines=(whole,) * len(shot.frames),
        exact=_Lazy(len(shot.frames), layer.alpha),
    )


class _Search:
    """Looks for parts, and remembers which layers have none that helps."""

    def __init__(self, small: Small, folder: Path, settings: Any, progress: Progress) -> None:
        self.notes: list[str] = []
        self._small, self._folder = small, folder
        self._settings, self._progress = settings, progress
        self._display = small.display
        self._done: set[str] = set()
        self._before: Tried | None = None
        self._splits = 0

    def split(self, layers: list[_Layer]) -> list[_Layer] | None:
        """Return the layers with one more among them; None: no other helps."""
        if self._splits == _MOST:
            return None
        for at in range(len(layers), -1, -1):
            name = layers[at].name if at < len(layers) else LAST_LAYER
            if name in self._done:
                continue
            part = self._part(layers, at)
            if part is not None:
                after = self._better(layers, at, name, part)
                if after is not None:
                    self._splits += 1
                    return after
            self._done.add(name)
        return None

    def _part(self, layers: list[_Layer], at: int) -> Part | None:
        fronts = np.zeros(self._small.light.shape[:3], np.uint8)
        for layer in layers[:at]:
            fronts = np.maximum(fronts, layer.small)
        return find_part(self._display, fronts, layers[at].small if at < len(layers) else None)

    def _better(self, layers: list[_Layer], at: int, name: str, part: Part) -> list[_Layer] | None:
        """Try a part as a layer; returns what explains more with it, if anything does."""
        if self._before is None:
            self._before = self._tried(layers)
        before = self._before.round(part.mattes)
        ways = [
            (self._tried(after), after, words)
            for after, words in self._ways(layers, at, name, part)
            if all((layer.small > 127).any() for layer in after)
        ]
        if not ways:
            return None
        missed, (tried, after, words) = ways[0][0].round(part.mattes), ways[0]
        for way in ways[1:]:
            if (other := way[0].round(part.mattes)) < _ORDER * missed:
                missed, (tried, after, words) = other, way
        told = f"misfit round it in frames held out {before:.4f} -> {missed:.4f}"
        said = self._said(name, part)
        if missed > (_BETTER if name == LAST_LAYER else _BETTER_OWN) * before:
            self.notes.append(f"{said}, but a layer of its own explains no more: {told}")
            return None
        self.notes.append(f"{said}: {words}, {told}")
        self._before = tried
        return after

    def _ways(
        self, layers: list[_Layer], at: int, name: str, part: Part
    ) -> Iterator[tuple[list[_Layer], str]]:
        """Yield the layers with a part among them, and what that is called."""
        taken = {layer.name for layer in layers}
        if name == LAST_LAYER:
            own = _free(_MIDDLE, taken)
            yield [*layers, _from_background(own, part, self._small.shot)], f"layer {own}"
            return
        own = _free(name, taken)
        for in_front in (True, False):
            pair = _of_subject(own, layers[at], part, in_front=in_front)
            order = "before" if in_front else "behind"
            ordered = pair if in_front else pair[::-1]
            yield [*layers[:at], *ordered, *layers[at + 1 :]], f"layer {own} {order} it"

    def _tried(self, layers: list[_Layer]) -> Tried:
        named = [(layer.name, layer.small) for layer in layers]
        return try_layers(self._small, named, self._folder, self._settings, self._progress)

    def _said(self, name: str, part: Part) -> str:
        shot = self._small.shot
        scale = shot.width / part.mattes.shape[2]
        left, top, right, bottom = (round(edge * scale) for edge in part.box())
        return (
            f"{name}: a part of it moves apart by {part.apart_px * scale:.0f} px"
            f" ({left},{top} to {right},{bottom} in frame {shot.frames[part.key]})"
        )


def _free(name: str, taken: set[str]) -> str:
    """Return a name that no layer has: mg, mg2; of fg fg2."""
    if name == _MIDDLE and name not in taken:
        return name
    return next(one for n in range(2, 100) if (one := f"{name[:_LONGEST]}{n}") not in taken)


def _from_background(name: str, part: Part, shot: Shot) -> _Layer:
    size = (shot.width, shot.height)

    def alpha(t: int) -> np.ndarray:
        matte = cv2.resize(part.mattes[t], size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(matte).clip(0, 1)

    small = (part.mattes * 255 + 0.5).astype(np.uint8)
    return _Layer(name, small, alpha, part.agreed, made=True)


def _of_subject(name: str, whole: _Layer, part: Part, *, in_front: bool) -> list[_Layer]:
    """Return the part and the rest."""
    layers = []
    pair = halves(part, whole.small, in_front=in_front)
    for half, called in zip(pair, (name, whole.name), strict=True):
        small = [
            half.alpha(t, own.astype(np.float32) / 255) * 255 for t, own in enumerate(whole.small)
        ]

        def alpha(t: int, half: Any = half) -> np.ndarray:
            return half.alpha(t, whole.alpha(t))

        rounded = (np.stack(small) + 0.5).astype(np.uint8)
        layers.append(_Layer(called, rounded, alpha, part.agreed, made=True))
    return layers
