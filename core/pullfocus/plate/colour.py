# SPDX-License-Identifier: Apache-2.0
"""Colour: what a plate's code values mean, and the way to scene-linear light and back."""

import difflib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pullfocus.errors import ColourError
from pullfocus.plate.tagged import PRIMARIES, Tagged, to_linear_rec709

if TYPE_CHECKING:
    import PyOpenColorIO as ocio

__all__ = [
    "BUILTIN_CONFIGS",
    "SCENE_LINEAR",
    "ColourPlan",
    "Encoding",
    "colour_transform",
    "display_to_linear",
    "find_space",
    "linear_to_display",
    "load_config",
    "plan_colour",
    "to_working_space",
]

BUILTIN_CONFIGS = (
    "ocio://studio-config-v4.0.0_aces-v2.0_ocio-v2.5",
    "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3",
)
"""Pinned, newest first; the second serves OpenColorIO releases that lack the first."""

SCENE_LINEAR = "scene_linear"
"""Light is linear and its primaries are not told: nothing is converted."""

Encoding = Literal["encoded", "linear", "log"]
"""What a file's type lets one assume: 8/16-bit code values, linear light, or nothing at all."""

_SRGB = "srgb_texture"
_LINEAR_SRGB = "lin_rec709_srgb"
_WIDE = "ACEScg"


def linear_to_display(linear: np.ndarray) -> np.ndarray:
    """Encode linear light with the sRGB curve.

    Nothing is clipped: the power law goes on above 1, and negative values take the curve of their
    magnitude with their sign, so that any value survives the way there and back.

    Args:
        linear: any shape, scene-linear. Floating types are kept, others become float64.

    Returns:
        Same shape, display-encoded; 0..1 for 0..1.
    """
    linear = _floating(linear)
    size = np.abs(linear)
    low = size * 12.92
    high = 1.055 * np.maximum(size, 0.0031308) ** (1 / 2.4) - 0.055
    return np.copysign(np.where(size <= 0.0031308, low, high), linear).astype(linear.dtype)


def display_to_linear(display: np.ndarray) -> np.ndarray:
    """Decode the sRGB curve to linear light: the inverse of ``linear_to_display``.

    Args:
        display: any shape, display-encoded. Floating types are kept, others become float64.

    Returns:
        Same shape, scene-linear; 0..1 for 0..1, never clipped.
    """
    display = _floating(display)
    size = np.abs(display)
    low = size / 12.92
    high = ((np.maximum(size, 0.04045) + 0.055) / 1.055) ** 2.4
    return np.copysign(np.where(size <= 0.04045, low, high), display).astype(display.dtype)


def _floating(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    return values if np.issubdtype(values.dtype, np.floating) else values.astype(np.float64)


@lru_cache(maxsize=4)
def load_config(names: Sequence[str] = BUILTIN_CONFIGS) -> "ocio.Config":
    """Load the first pinned built-in configuration that this OpenColorIO knows.

    Raises:
        ColourError: it knows none of them.
    """
    import PyOpenColorIO as ocio

    reasons = []
    for name in names:
        try:
            return ocio.Config.CreateFromFile(name)
        except ocio.Exception as error:
            reasons.append(str(error).splitlines()[0])
    raise ColourError(
        f"colour: OpenColorIO {ocio.__version__} has none of the configurations "
        f"{', '.join(names)}: {reasons[-1]}"
    )


@lru_cache(maxsize=4)
def _spaces(names: Sequence[str] = BUILTIN_CONFIGS) -> dict[str, str]:
    """Every name and alias in lower case, to the configuration's own name."""
    spaces = {}
    for space in load_config(names).getColorSpaces():
        for name in (space.getName(), *space.getAliases()):
            spaces[name.lower()] = space.getName()
    return spaces


def find_space(name: str, *, option: str = "--colorspace") -> str:
    """The configuration's own name of a colour space given by name or alias.

    Raises:
        ColourError: there is no such space (near misses are listed), or it is data.
    """
    spaces = _spaces()
    # Membership, not a look-up: OpenColorIO answers roles and file rules too, which mean
    # something else here ("scene_linear" is a role and would become ACEScg).
    found = spaces.get(name.strip().lower())
    if found is None:
        near = difflib.get_close_matches(name.strip().lower(), spaces, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "for example srgb_texture or ACEScg"
        raise ColourError(f"{option}: no colour space named '{name}' in {_config_name()}; {hint}")
    if load_config().getColorSpace(found).isData():
        raise ColourError(
            f"{option}: '{name}' is for data, not for light; for values that are already linear "
            f"use {option} {SCENE_LINEAR}"
        )
    return found


def _config_name() -> str:
    return load_config().getName() or BUILTIN_CONFIGS[0]


@dataclass(frozen=True, kw_only=True)
class ColourPlan:
    """Where a plate's values come from and where they go."""

    source: str
    """Colour space of the file, the configuration's own name, or "scene_linear"."""
    working: str
    """Working space, scene-linear: "lin_rec709_srgb", "ACEScg", "scene_linear", ..."""
    tagged: Tagged | None = None
    """What the source is, where it is no space of the configuration."""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Short, for fingerprints and messages."""
        profile = self.tagged.profile if self.tagged else b""
        which = f" {hashlib.sha256(profile).hexdigest()[:12]}" if profile else ""
        return f"{self.source}{which} -> {self.working}"


def plan_colour(
    encoding: Encoding,
    *,
    label: str,
    tagged: Tagged | None = None,
    colorspace: str | None = None,
    working_space: str | None = None,
) -> ColourPlan:
    """Decide a plate's colour space and the working space.

    What the user says wins, then what the footage says of itself. Without either 8/16-bit stills
    and movies are sRGB and float files scene-linear. Each gets a note; the file name is never
    asked.

    Args:
        encoding: what the file type lets one assume.
        label: what messages call the plate.
        tagged: what the footage says of itself.
        colorspace: the user's ``--colorspace``.
        working_space: the user's ``--working-space``.

    Raises:
        ColourError: an unknown name, footage whose space must be told, a working space that is
            not scene-linear, or a conversion out of an unnamed space.
    """
    notes: list[str] = []
    if colorspace is not None:
        named = colorspace.strip().lower() != SCENE_LINEAR
        source = find_space(colorspace) if named else SCENE_LINEAR
    elif tagged is not None and tagged.curve not in ("unread", "untold"):
        return _plan_tagged(tagged, label, working_space)
    elif tagged is not None and tagged.curve == "untold":
        raise ColourError(
            f"colour: {label} has {tagged.said}, which is not converted by itself: name its space, "
            "e.g. --colorspace arri_logc3_ei800, slog3_sgamut3cine or srgb_texture"
        )
    elif encoding == "encoded":
        source = find_space(_SRGB)
        if tagged is not None:
            notes.append(
                f"colour: {label} has an {tagged.said}, which holds tables or is damaged and is "
                "not followed; name its space with --colorspace, or convert it first"
            )
        notes.append(f"colour: {label} is taken as {_SRGB} (sRGB); --colorspace says otherwise")
    elif encoding == "linear":
        source = SCENE_LINEAR
        notes.append(
            f"colour: {label} is taken as scene-linear and left as it is; --colorspace names its "
            "space"
        )
    else:
        raise ColourError(
            f"colour: {label} may be log or linear and does not say which: name its space, "
            "e.g. --colorspace arri_logc3_ei800, slog3_sgamut3cine, srgb_texture or scene_linear"
        )
    return ColourPlan(source=source, working=_working(source, working_space), notes=tuple(notes))


def _plan_tagged(tagged: Tagged, label: str, working_space: str | None) -> ColourPlan:
    """Follow what the footage says: a space of the configuration, or curve and primaries."""
    space = _spaces().get((tagged.space or "").lower())
    source = space or str(tagged)
    if space and working_space is None and tagged.curve == "linear":
        working = _short(space)  # linear light stays as it is, whatever its primaries
    else:
        working = _working(space or _wide_or_not(tagged), working_space)
    diffuse = "; diffuse white becomes 1" if tagged.curve in ("hlg", "pq") else ""
    note = (
        f"colour: {label} has {tagged.said}: taken as {space or tagged}, worked on in "
        f"{working}{diffuse}; --colorspace says otherwise"
    )
    return ColourPlan(
        source=source, working=working, tagged=None if space else tagged, notes=(note,)
    )


def _wide_or_not(tagged: Tagged) -> str:
    """A space of the configuration whose working space suits what has none of its own."""
    small = tagged.curve != "profile" and tagged.primaries == PRIMARIES["Rec.709"]
    return find_space(_LINEAR_SRGB if small else _WIDE)


def _working(source: str, wanted: str | None) -> str:
    if wanted is not None and wanted.strip().lower() != SCENE_LINEAR:
        found = find_space(wanted, option="--working-space")
        if load_config().getColorSpace(found).getEncoding() != "scene-linear":
            raise ColourError(
                f"--working-space: expected a scene-linear space such as {_WIDE} or "
                f"{_LINEAR_SRGB}, got '{wanted}'"
            )
        if source == SCENE_LINEAR:
            raise ColourError(
                f"--working-space {wanted}: the plate's own space is not named; add --colorspace"
            )
        return _short(found)
    if wanted is not None and source != SCENE_LINEAR:
        raise ColourError(
            f"--working-space: expected a named space such as {_WIDE}, got '{wanted}'"
        )
    if source == SCENE_LINEAR:
        return SCENE_LINEAR
    space = load_config().getColorSpace(source)
    names = [source, *space.getAliases()]
    # Rec.709 primaries fit the small space exactly; anything wider would go negative in it.
    return _LINEAR_SRGB if any("rec709" in name.lower() for name in names) else _WIDE


def _short(found: str) -> str:
    """The name that exists in every pinned configuration, for the spaces used most."""
    for name in (_LINEAR_SRGB, _WIDE):
        if _spaces().get(name.lower()) == found:
            return name
    return found


@lru_cache(maxsize=8)
def _processor(source: str, target: str) -> Any:
    import PyOpenColorIO as ocio

    processor = load_config().getProcessor(source, target)
    # The default optimisation approximates pow to 2e-5; lossless costs the same on a CPU here.
    return processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS)


def colour_transform(source: str, target: str) -> Callable[[np.ndarray], np.ndarray]:
    """A function that takes (H, W, 3) float32 in ``source`` to ``target``, as a new array.

    Raises:
        ColourError: either name is unknown, or OpenColorIO cannot convert between them.
    """
    import PyOpenColorIO as ocio

    if source == target:
        return lambda pixels: np.array(pixels, np.float32, order="C")
    source, target = find_space(source), find_space(target, option="--working-space")
    try:
        processor = _processor(source, target)
    except ocio.Exception as error:
        reason = str(error).splitlines()[0]
        raise ColourError(f"colour: cannot convert {source} to {target}: {reason}") from error

    def apply(pixels: np.ndarray) -> np.ndarray:
        converted = np.array(pixels, np.float32, order="C")
        processor.applyRGB(converted)
        return converted

    return apply


def to_working_space(plan: ColourPlan) -> Callable[[np.ndarray], np.ndarray]:
    """A function that takes the file's (H, W, 3) values to light in the working space."""
    if plan.tagged is None:
        return colour_transform(plan.source, plan.working)
    first, then = to_linear_rec709(plan.tagged), colour_transform(_LINEAR_SRGB, plan.working)
    return lambda pixels: then(first(pixels))
