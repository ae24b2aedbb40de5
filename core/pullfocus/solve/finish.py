# SPDX-License-Identifier: Apache-2.0
"""The second half of a solve at production size: from its proxy to the plate's size.

The model is lifted, atlases are drawn from the plate, then every frame is looked at a few times
more. All that lies beside the proxy's checkpoint in a file of its own, which says which checkpoint
it goes on from: a solve that takes more steps leaves it behind, and is finished again.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from pullfocus import checkpoint
from pullfocus.errors import SolveError
from pullfocus.model.looks import Looks
from pullfocus.model.shot_model import ShotModel, build_model
from pullfocus.model.texture import Texture
from pullfocus.observe.observed import Observed
from pullfocus.observe.proxy import proxy_size
from pullfocus.observe.scale import Scale
from pullfocus.shot import Shot
from pullfocus.solve.fine import FineSolver
from pullfocus.solve.gather import looks_with_detail, with_detail
from pullfocus.solve.lifted import lift, load_model
from pullfocus.solve.settings import SolveSettings

__all__ = ["FULL", "Finish", "finish_s", "proxy_line", "solved_model"]

FULL = "full.safetensors"
_PROXY = "checkpoint.safetensors"
_S_PER_MEGAPIXEL = 1.0  # a frame drawn and looked at, by two cores; guesses the time that is left
_MOST_BYTES = 500_000_000  # of a layer's pictures over time; larger ones stay as the proxy's
Report = Callable[[str, float], None]


def finish_s(shot: Shot, settings: SolveSettings) -> float:
    """Return about how many seconds the second half takes."""
    looks = len(shot.frames) * (1 + settings.fine_looks)
    return _S_PER_MEGAPIXEL * looks * shot.width * shot.height / 1e6


def proxy_line(shot: Shot, width: int) -> str:
    """Say what is solved at which size."""
    plate = (shot.width, shot.height)
    small = "x".join(map(str, proxy_size(plate, width)))
    return (
        f"solves motion, mattes and radii on a proxy of {small}, then all at "
        f"{plate[0]}x{plate[1]}; --proxy off takes every step at that size"
    )


class Finish:
    """What is done once a proxy is solved."""

    def __init__(
        self, observed: Observed, settings: SolveSettings, folder: Path, *, device: str = "cpu"
    ) -> None:
        """Prepare it.

        Args:
            observed: the shot at its own size.
            settings: of the solve.
            folder: the solve folder; its checkpoint is of the proxy.
            device: takes the steps; atlases are drawn on the CPU.
        """
        self.device = device
        self.observed = observed
        self.settings = settings
        self.folder = folder

    @property
    def steps(self) -> int:
        """How many it takes."""
        return self.settings.fine_looks * len(self.observed.told)

    def start(self, report: Report) -> FineSolver:
        """Return the solver of the plate's size, where an earlier run left it or at its start.

        Args:
            report: called with a stage name and the fraction done; what it raises ends the work.

        Raises:
            SolveError: files that do not fit, or cannot be written.
        """
        earlier = _earlier(self.observed, self.settings, self.folder)
        if earlier is not None:
            model, tensors = earlier
            solver = FineSolver(model.to(self.device), self.settings)
            if "plan" in tensors:
                solver.load_state(tensors)
                return solver
        tensors, _ = checkpoint.load(self.folder / _PROXY)
        model = lift(self.observed, self.settings.model, self.settings.proxy, tensors)
        self._draw(model, report)
        solver = FineSolver(model.to(self.device), self.settings)
        self.save(solver)
        return solver

    def _draw(self, model: ShotModel, report: Report) -> None:
        """Add the plate's detail to all atlases."""
        size = f"{self.observed.width}x{self.observed.height}"
        for index, layer in enumerate(model.layers):
            assert isinstance(layer.texture, Texture)
            drawn = torch.empty_like(layer.texture.texels.detach())
            for rows, strip in with_detail(model, index):
                drawn[rows] = strip
                report(f"drawing {layer.name} at {size}", rows.stop / len(drawn))
            looks = self._drawn_looks(model, index, report)
            with torch.no_grad():
                layer.texture.texels.copy_(drawn)
            layer.looks = looks

    def _drawn_looks(self, model: ShotModel, index: int, report: Report) -> Looks | None:
        """Return a layer's pictures over time at the plate's size, where they are no burden."""
        layer = model.layers[index]
        held = layer.looks
        if held is None:
            return None
        looks = Looks(held.times, held.knots, *layer.texture.size)
        if looks.offsets.nbytes > _MOST_BYTES:
            return held
        size = f"{self.observed.width}x{self.observed.height}"
        for knot, rows, strip in looks_with_detail(model, index):
            with torch.no_grad():
                looks.offsets[knot, rows, :, :3] = strip
            share = (knot + rows.stop / looks.offsets.shape[1]) / len(looks.knots)
            report(f"drawing pictures of {layer.name} at {size}", share)
        return looks

    def save(self, solver: FineSolver) -> None:
        """Write where the solver stands, in one rename; once it is done, its model alone."""
        tensors = solver.state()
        if solver.finished:
            tensors = {k: v for k, v in tensors.items() if not k.startswith("adam.")}
        meta = checkpoint.load_meta(self.folder / _PROXY)
        checkpoint.save(self.folder / FULL, tensors, _made_of(meta))


def solved_model(observed: Observed, settings: SolveSettings, folder: Path) -> ShotModel:
    """Return the model of a solve folder at the plate's size, finished or not.

    Args:
        observed: the shot at its own size.
        settings: of the solve.
        folder: the solve folder.

    Raises:
        SolveError: a checkpoint that is missing, damaged or of another shot.
    """
    if settings.proxy:
        earlier = _earlier(observed, settings, folder)
        if earlier is not None:
            return earlier[0]
    tensors, _ = checkpoint.load(folder / _PROXY)
    if settings.proxy:
        return lift(observed, settings.model, settings.proxy, tensors)
    model = build_model(observed, settings.model)
    load_model(model, tensors)
    model.hold_atlases_at(0)
    return model


def _earlier(
    observed: Observed, settings: SolveSettings, folder: Path
) -> tuple[ShotModel, dict[str, torch.Tensor]] | None:
    """Return the model of the plate's size and all that was saved with it, if there is one."""
    if not (folder / FULL).exists():
        return None
    made_of = _made_of(checkpoint.load_meta(folder / _PROXY))
    held = checkpoint.load_meta(folder / FULL)
    if any(held.get(key) != value for key, value in made_of.items()):
        return None  # of an earlier state of the solve
    tensors, _ = checkpoint.load(folder / FULL)
    plate = (observed.width, observed.height)
    scale = Scale.between(proxy_size(plate, settings.proxy), plate)
    model = build_model(observed, settings.model, scale=scale)
    try:
        load_model(model, {**tensors, "atlas_level": torch.tensor(0)})
    except SolveError as error:
        raise SolveError(f"{folder / FULL}: {error}; --restart starts over") from error
    return model, tensors


def _made_of(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells one state of a solve from another."""
    return {"step": meta["step"], "total_steps": meta["total_steps"]}
