# SPDX-License-Identifier: Apache-2.0
"""What a user asks of a solve, as its settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pullfocus.errors import PullfocusError
from pullfocus.model.plate_lens import AUTO, ROUND, read_plate_lens
from pullfocus.observe.proxy import LEAST_PX, automatic_width
from pullfocus.solve.presets import check_coc, preset_settings, takes_proxy

__all__ = [
    "COC_AUTO",
    "asked_settings",
    "base_settings",
    "with_lens",
    "with_matte_slack",
    "with_proxy",
    "with_shutter",
]

COC_AUTO = "auto"
"""In place of a circle of confusion: start from what the COC network reads off the plate."""
_SHUTTER_START = 180.0
_UNSAID: dict[str, Any] = {
    "quality": None,
    "preset": "fast",
    "steps": None,
    "minutes": None,
    "seed": None,
    "coc": None,
    "texture": None,
    "weights": "hashing",
    "shutter": None,
    "plate_lens": None,
    "ignore_cuts": False,
}


def with_matte_slack(settings: Any, slack_px: float, width: int) -> Any:
    """Return settings whose mattes may be wrong by ``slack_px`` on a plate of this width."""
    model = dataclasses.replace(settings.model, matte_slack_px=slack_px * 512 / width)
    return dataclasses.replace(settings, model=model)


def with_proxy(settings: Any, proxy: str, width: int) -> Any:
    """Return settings that solve a plate of this width as ``--proxy`` says.

    Raises:
        PullfocusError: it says something else, or does not go with the settings.
    """
    if proxy == "off":
        return settings
    if proxy == "auto":
        # without steps nothing is solved, at no size
        chosen = automatic_width(width) if takes_proxy(settings) and settings.steps else 0
        return dataclasses.replace(settings, proxy=chosen)
    if not (proxy.isascii() and proxy.isdigit() and int(proxy) >= LEAST_PX):
        raise PullfocusError(
            f"--proxy: expected auto, off or a width of {LEAST_PX} px or more, got {proxy!r}"
        )
    if not takes_proxy(settings):
        raise PullfocusError("--proxy: goes with the preset fast and texture texels only")
    # a proxy as large as the plate is the plate
    return dataclasses.replace(settings, proxy=int(proxy) if int(proxy) < width else 0)


def with_shutter(settings: Any, text: str) -> Any:
    """Return settings with a shutter, ``auto`` or degrees.

    Raises:
        PullfocusError: it is neither.
    """
    found = text == "auto"
    try:
        degrees = _SHUTTER_START if found else float(text)
    except ValueError:
        degrees = float("nan")
    if not 0 < degrees <= 360:
        raise PullfocusError(f"expected --shutter auto or degrees up to 360, got {text!r}")
    model = dataclasses.replace(settings.model, shutter_degrees=degrees, shutter_found=found)
    return dataclasses.replace(settings, model=model)


def with_lens(settings: Any, asked: str) -> Any:
    """Return settings that look through the lens that ``--lens`` says.

    Raises:
        PullfocusError: no lens file, or settings whose blur knows no lens.
    """
    if asked != ROUND and settings.model.reblur != "layered":
        raise PullfocusError(f"--lens: goes with the preset fast only, got {settings.preset}")
    if asked not in (AUTO, ROUND):
        asked = read_plate_lens(Path(asked).expanduser()).text()
    return dataclasses.replace(settings, lens=asked)


def asked_settings(options: Mapping[str, Any]) -> Any:
    """Return the SolveSettings that options of ``solve`` ask for; what is not said is as there.

    Args:
        options: quality, preset, steps, minutes, seed, coc, texture, weights, shutter, plate_lens
            and ignore_cuts, by these names; others are passed over.

    Raises:
        PullfocusError: they do not go together.
    """
    options = {**_UNSAID, **options}
    minutes, coc = options["minutes"], options["coc"]
    if options["steps"] is not None and minutes is not None:
        raise PullfocusError("expected --steps or --minutes, got both")
    if minutes is not None and not 0 < minutes < 1e6:
        raise PullfocusError(f"expected --minutes above 0, got {minutes:g}")
    settings = base_settings(
        options["quality"],
        preset=options["preset"],
        weights=options["weights"],
        texture=options["texture"],
        steps=options["steps"],
        seed=options["seed"],
    )
    if coc == COC_AUTO:
        if settings.coc != "any":
            raise PullfocusError(f"--coc auto: does not go with the preset {settings.preset}")
        settings = dataclasses.replace(settings, coc_network=True)
    check_coc(settings, given=coc not in (None, COC_AUTO))
    if options["shutter"] is not None:
        settings = with_shutter(settings, options["shutter"])
    if options["plate_lens"] is not None:
        settings = with_lens(settings, options["plate_lens"])
    if options["ignore_cuts"]:
        observe = dataclasses.replace(settings.observe, ignore_cuts=True)
        settings = dataclasses.replace(settings, observe=observe)
    return settings


def base_settings(
    quality: str | None,
    *,
    preset: str = "fast",
    weights: str = "hashing",
    texture: str | None = None,
    **overrides: Any,
) -> Any:
    """Return the settings of a preset, with what the user gave put over them."""
    settings = preset_settings(preset, weights=weights, texture=texture, quality=quality)
    given = {name: value for name, value in overrides.items() if value is not None}
    return dataclasses.replace(settings, **given)
