# SPDX-License-Identifier: Apache-2.0
"""A solve, opened for its sharp passes: what is the same for all frames is worked out once."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from pullfocus.bake.atlases import finished_atlases, used_texels
from pullfocus.bake.frame import Repainted, frame_planes
from pullfocus.bake.grain import Grain, plate_grain
from pullfocus.bake.steady import steadied
from pullfocus.frames.existing import origin
from pullfocus.kept import Keep
from pullfocus.lens.breathing import Breathing, fit_breathing, layer_sizes
from pullfocus.lens.virtual import VirtualLens, virtual_lens_of
from pullfocus.model.floor import Floor
from pullfocus.passes.contract import PassDefinition
from pullfocus.plate.exr import Plane
from pullfocus.solve.solved import Solved

__all__ = ["SharpView", "Shown"]


class Shown(NamedTuple):
    """What sharp frames show."""

    keep_plate: bool = True
    """The plate's own pixels where it is in focus, and where the solve does not explain it."""
    regrain: bool = True
    """The plate's own kind of grain over what is restored."""
    still: bool = False
    """No motion blur of the plate's, where the solve has a shutter."""
    undo_breathing: bool = False
    """The picture keeps its size as focus is pulled."""


class SharpView:
    """A solve, opened for looking at it sharp."""

    def __init__(self, solved: Solved, kinds: Shown) -> None:
        """Fit the shot's lens, which gives circles of confusion their sign."""
        self.shot, self.model = solved.shot, solved.model
        model = solved.model
        self.keep = Keep(solved.folder, origin(solved.shot, model))
        # a model without a lens does not know what is in focus
        lensless = model.settings.reblur == "none"
        self.kinds = kinds._replace(keep_plate=kinds.keep_plate and not lensless)
        self.fitted: VirtualLens = virtual_lens_of(model, self.keep)

    @property
    def lens(self) -> VirtualLens | None:
        """The shot's lens, where focus moves enough to know it."""
        return self.fitted if self.fitted.trusted else None

    @cached_property
    def breathing(self) -> Breathing | None:
        """How the picture's size follows focus, where it does."""
        return (
            None if self.lens is None else fit_breathing(*layer_sizes(self.model), self.lens.focus)
        )

    @cached_property
    def used(self) -> list[np.ndarray]:
        """Which texels some frame shows; see `atlases.used_texels`."""
        return used_texels(self.model, self.keep)

    @cached_property
    def atlases(self) -> list[torch.Tensor]:
        """Filled where no frame looks; (h, w, 4) each."""
        return finished_atlases(self.model, self.used)

    @cached_property
    def floor(self) -> Floor | None:
        """How far a frame's solve may replace its plate."""
        return Floor(self.model, self.atlases) if self.model.settings.reblur != "none" else None

    @cached_property
    def grain(self) -> Grain | None:
        """Grain that is laid over, where any is."""
        if not (self.kinds.regrain and self.kinds.keep_plate) or self.floor is None:
            return None
        return plate_grain(self.model, self.atlases)

    def planes(
        self, t: int, table: tuple[PassDefinition, ...], repainted: Repainted | None = None
    ) -> list[Plane]:
        """Evaluate the passes of a table for frame index ``t``; see `frame.frame_planes`."""
        covered = self.model.observed.covered
        keep_plate = self.kinds.keep_plate
        plate = np.asarray(self.shot.plate.read(t)) if keep_plate or covered is not None else None
        planes = frame_planes(
            self.model,
            t,
            table,
            plate=plate if keep_plate else None,
            above=plate,
            atlases=self.atlases,
            repainted=repainted,
            lens=self.lens,
            floor=self.floor,
            missing=self.grain,
            still=self.kinds.still,
        )
        if self.kinds.undo_breathing and self.breathing is not None:
            planes = steadied(planes, t, self.breathing, plate, covered)
        return planes
