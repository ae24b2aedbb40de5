# SPDX-License-Identifier: Apache-2.0
"""A solve of a proxy, lifted to the plate's size.

Lattices stay as they are: the lifted model looks them up at the proxy's pixels. Atlases are laid
out anew and resampled; `solve.finish` draws them sharper from the plate.
"""

from collections.abc import Mapping

import numpy as np
import torch

from pullfocus.errors import SolveError
from pullfocus.model.looks import looks_from
from pullfocus.model.mapping import LatticeMapping
from pullfocus.model.sampling import sample_atlas
from pullfocus.model.settings import ModelSettings
from pullfocus.model.shot_model import ShotModel, build_model
from pullfocus.model.solved_lens import solved_lens_from
from pullfocus.observe.observed import Observed
from pullfocus.observe.proxy import proxy_size
from pullfocus.observe.scale import Scale

__all__ = ["lift", "load_model", "model_state"]

_ROWS = 256  # of an atlas at a time


def model_state(model: ShotModel) -> dict[str, torch.Tensor]:
    """Return what of a checkpoint is the model's: parameters, and the lens it looks through."""
    held = {f"model.{k}": v for k, v in model.state_dict().items()}
    return held if model.lens is None else held | model.lens.state()


def load_model(model: ShotModel, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put a checkpoint's parameters into a model laid out for the same shot and settings.

    Raises:
        SolveError: they do not fit.
    """
    model.hold_atlases_at(int(tensors["atlas_level"]))
    held = {k[len("model.") :]: v for k, v in tensors.items() if k.startswith("model.")}
    _lay_out_looks(model, held)
    try:
        model.load_state_dict(held)
    except RuntimeError as error:
        raise SolveError(_does_not_fit(error)) from error
    model.lens = solved_lens_from(tensors)


def _does_not_fit(error: Exception) -> str:
    """Return the line for a checkpoint that a model cannot take."""
    first = str(error).splitlines()[-1].strip().rstrip(".")
    return (
        f"the checkpoint does not fit this shot and version: {first}; where an earlier version of"
        " pullfocus began the solve, bake it with that version, or solve anew with --restart"
    )


def _lay_out_looks(model: ShotModel, held: Mapping[str, torch.Tensor]) -> None:
    """Give those layers several pictures that have them in a state."""
    for index, layer in enumerate(model.layers):
        looks = looks_from(held, f"stack.{index}.looks.")
        layer.looks = None if looks is None else looks.to(model.device)


def lift(
    observed: Observed,
    settings: ModelSettings,
    proxy_width: int,
    tensors: Mapping[str, torch.Tensor],
) -> ShotModel:
    """Return the model of a shot at its own size from the checkpoint of its proxy's solve.

    Args:
        observed: the shot, at its own size.
        settings: of the model.
        proxy_width: of the proxy, px.
        tensors: the checkpoint; its texels may be held at half resolution.

    Raises:
        SolveError: they do not fit.
    """
    plate = (observed.width, observed.height)
    scale = Scale.between(proxy_size(plate, proxy_width), plate)
    model = build_model(observed, settings, scale=scale)
    level = int(tensors["atlas_level"])
    held = {k[len("model.") :]: v for k, v in tensors.items() if k.startswith("model.")}
    _lay_out_looks(model, held)
    places = []
    try:
        for index, layer in enumerate(model.layers):
            texels, mapping = f"stack.{index}.texture.texels", f"stack.{index}.mapping.to_atlas"
            assert isinstance(layer.mapping, LatticeMapping)
            to_proxy = _between(layer.mapping.to_atlas.numpy(), held[mapping].numpy())
            held[texels] = _resampled(held[texels], to_proxy, level, layer.texture.size)
            held[mapping] = layer.mapping.to_atlas
            if layer.looks is not None:  # as fine as the proxy told them
                held[f"stack.{index}.looks.place"] = torch.from_numpy(np.concatenate(to_proxy))
            places.append(to_proxy)
        model.load_state_dict(held)
    except (KeyError, RuntimeError) as error:
        raise SolveError(_does_not_fit(error)) from error
    lens = solved_lens_from(tensors)
    model.lens = None if lens is None else lens.lifted(scale.x, places)
    return model


def _between(plate: np.ndarray, proxy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (scale, shift), x and y each, from texels of the plate's atlas to the proxy's.

    Args:
        plate: (T, 3, 3) homographies from proxy px to texels of the plate's atlas.
        proxy: the same to those of the proxy's; both have the same reference frame.
    """
    # the frame that is least distorted tells it best; in all of them it is the same
    distortion = np.abs(proxy[:, 2, :2]).sum(1)
    t = int(distortion.argmin())
    matrix = proxy[t].astype(float) @ np.linalg.inv(plate[t].astype(float))
    matrix /= matrix[2, 2]
    return matrix.diagonal()[:2].copy(), matrix[:2, 2].copy()


@torch.no_grad()
def _resampled(
    texels: torch.Tensor,
    to_proxy: tuple[np.ndarray, np.ndarray],
    level: int,
    size: tuple[int, int],
) -> torch.Tensor:
    """Return a proxy's atlas, held at a level, on the plate's, (height, width, 4)."""
    height, width = size
    scale, shift = to_proxy
    x = (torch.arange(width, dtype=torch.float64) * scale[0] + shift[0] + 0.5) / 2**level - 0.5
    y = (torch.arange(height, dtype=torch.float64) * scale[1] + shift[1] + 0.5) / 2**level - 0.5
    out = torch.empty(height, width, 4)
    for top in range(0, height, _ROWS):
        rows = y[top : top + _ROWS].float()
        places = torch.stack(torch.meshgrid(x.float(), rows, indexing="xy"))
        out[top : top + _ROWS] = sample_atlas(texels, places).permute(1, 2, 0)
    return out
