# SPDX-License-Identifier: Apache-2.0
"""What a user asks for, as the lens and the focus that are meant."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from cuda_lensblur import Aperture, Field, LensBlurError
from cuda_lensblur.specs import spec_of
from pullfocus.errors import PullfocusError
from pullfocus.refocus.camera import Camera, parse_distance
from pullfocus.refocus.controls import CONTROLS, LENS_DEFAULTS
from pullfocus.refocus.focus import FocusKey, parse_focus, parse_place, parse_target
from pullfocus.refocus.new_lens import Bloom, NewLens, axial_shift
from pullfocus.refocus.refocus import Metres

__all__ = ["asked_lens", "known_distances", "wanted_focus"]


def wanted_focus(focus: str | None, focus_point: str | None) -> tuple[FocusKey, ...]:
    """Return what ``--focus`` or ``--focus-point`` ask for.

    Raises:
        PullfocusError: both are given, or one cannot be read.
    """
    if focus is not None and focus_point is not None:
        raise PullfocusError("expected --focus or --focus-point, got both")
    if focus_point is not None:
        return (FocusKey(None, parse_place(focus_point)),)
    return parse_focus(focus) if focus is not None else ()


def asked_lens(options: Mapping[str, Any]) -> NewLens:
    """Return the lens that these controls ask for; what is not said is as `LENS_DEFAULTS` have it.

    Args:
        options: by the names of `CONTROLS`; others are passed over.

    Raises:
        PullfocusError: a number beyond its limits, no such iris, no such picture of a highlight.
    """
    _check_limits(options)
    options = {**LENS_DEFAULTS, **options}
    try:
        shape = Aperture(
            blades=options["blades"],
            rotation_deg=options["rotation"],
            roundness=options["roundness"],
            squeeze=options["squeeze"],
            rim_beta=options["rim"],
            inner_radius=options["inner_ring"],
            spherical=options["spherical"],
            noise=options["bokeh_noise"],
            noise_size=options["bokeh_noise_size"],
            noise_seed=options["bokeh_noise_seed"],
        )
        field = Field(
            cats_eye=options["cats_eye"],
            cats_eye_softness=options["cats_eye_softness"],
            screen_relative=options["screen_relative"],
            doors=_doors(options["barn_doors"]),
            door_softness=options["door_softness"],
            astigmatism_px=options["astigmatism"],
            curvature_px=options["field_curvature"],
        )
        bokeh = _bokeh(shape, options["kernel"])
    except LensBlurError as error:
        raise PullfocusError(str(error)) from error
    return NewLens(
        aperture=_aperture(options),
        near=options["near"],
        far=options["far"],
        max_radius_px=options["max_radius"],
        bokeh=bokeh,
        switched=options["switch_sides"],
        field=field,
        axial_px=axial_shift(options["axial_colours"], options["axial"]),
        bloom=Bloom(options["bloom"], options["bloom_size"], options["bloom_threshold"]),
        highlight_gain=options["highlight_gain"],
        lift_bright=options["highlights"] == "bright",
        preview=options["preview"],
    )


def _check_limits(options: Mapping[str, Any]) -> None:
    for name, control in CONTROLS.items():
        value = options.get(name)
        least = -inf if control.least is None else control.least
        most = inf if control.most is None else control.most
        if isinstance(value, int | float) and not least <= value <= most:
            raise PullfocusError(
                f"{name}: expected a number from {least:g} to {most:g}, got {value!r}"
            )


def _aperture(options: Mapping[str, Any]) -> float:
    """The scale of all blur: given, or by f-stops."""
    scale, stop, plate_stop = (options[n] for n in ("aperture", "f_stop", "plate_f_stop"))
    if stop is None:
        return float(scale)
    if plate_stop is None:
        raise PullfocusError("--f-stop: expected --plate-f-stop as well, got none")
    if scale != 1:
        raise PullfocusError("expected --aperture or --f-stop, got both")
    if not (stop > 0 and plate_stop > 0):
        raise PullfocusError(f"--f-stop: expected numbers above 0, got {stop:g}, {plate_stop:g}")
    return float(plate_stop / stop)


def known_distances(
    filmback: float | None, focal_length: float | None, f_stop: float | None, distance: str | None
) -> Metres | None:
    """Return what the options of the camera mode add up to; None where distances stay unknown.

    Raises:
        PullfocusError: some of them are missing, or cannot be.
    """
    if distance is None and filmback is None and focal_length is None:
        return None
    if distance is None or filmback is None or focal_length is None or f_stop is None:
        raise PullfocusError(
            "camera mode: expected all of --filmback, --focal-length, --plate-f-stop, --distance"
        )
    what, equals, text = distance.rpartition("=")
    metres = parse_distance(text)
    if not equals or not what or metres is None:
        raise PullfocusError(f"--distance: expected WHAT=3.2m, got {distance!r}")
    return Metres(Camera(filmback, focal_length, f_stop), parse_target(what), metres)


def _doors(text: str) -> tuple[float, float, float, float]:
    """Read what ``--barn-doors`` says.

    Raises:
        PullfocusError: not four numbers.
    """
    try:
        left, right, top, bottom = (float(one) for one in text.split(","))
    except ValueError as error:
        raise PullfocusError(
            f"--barn-doors: expected four numbers such as 0,0.4,0,0, got {text!r}"
        ) from error
    return left, right, top, bottom


def _bokeh(shape: Aperture, picture: Path | str | None) -> Aperture | torch.Tensor | None:
    """The kernel: the plate's own lens where nothing was asked for."""
    plain = shape == Aperture()
    if picture is None:
        return None if plain else shape
    if not plain:
        raise PullfocusError("expected --kernel or the shape of an iris, got both")
    held = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    if held is None:
        raise PullfocusError(f"--kernel: expected a readable picture, got {picture}")
    weights = torch.from_numpy(np.asarray(held, np.float32))
    spec_of(weights, beta=2.0, calibrated=True)  # says what is wrong with it
    return weights
