# SPDX-License-Identifier: Apache-2.0
"""The lens that a plate was shot with, as far as the plate shows it."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cuda_lensblur import Aperture, Field, LensBlurError
from pullfocus.errors import PullfocusError
from pullfocus.model.glass import NO_SHIFT, Glass
from pullfocus.model.glass import ROUND as ROUND_GLASS

__all__ = ["AUTO", "ROUND", "PlateLens", "plate_lens_from_record", "read_plate_lens"]

AUTO, ROUND = "auto", "round"
"""What a lens may be called, beside the name of a file."""
_BLADED = "{blades} blades turned by {rotation:.0f} degrees, roundness {roundness:.2f}"


@dataclass(frozen=True)
class PlateLens:
    """One lens a shot. Without an argument it is round, which is what a solve assumes."""

    blades: int = 0
    rotation_deg: float = 0.0
    """Of the first corner, anticlockwise from the right, as it stands behind the focus."""
    roundness: float = 0.0
    squeeze: float = 1.0
    cats_eye: float = 0.0
    axial_px: tuple[float, float, float] = NO_SHIFT
    gain: float = 0.0
    """Share of the misfit of a round lens that it explains, in frames that the fit has not seen."""
    solved: bool = False
    """Whether the solve looked through it. If not, its radii and motion have taken up what a cut
    disc is smaller and to one side: discs keep area and centre."""

    @property
    def is_round(self) -> bool:
        """Whether nothing but a round disc was found."""
        return self.glass == ROUND_GLASS

    @property
    def glass(self) -> Glass:
        """What points turn into."""
        shaped = self.blades or self.squeeze != 1
        iris = Aperture(self.blades, self.rotation_deg, self.roundness, self.squeeze)
        return Glass(
            iris if shaped else None,
            Field(cats_eye=self.cats_eye, balanced=self.cats_eye > 0 and not self.solved),
            self.axial_px,
        )

    def words(self) -> str:
        """Say in one line what was found."""
        if self.is_round:
            return "lens: round; nothing else is proved"
        parts = []
        if self.blades:
            parts.append(
                _BLADED.format(
                    blades=self.blades, rotation=self.rotation_deg, roundness=self.roundness
                )
            )
        if self.squeeze != 1:
            parts.append(f"squeeze {self.squeeze:.2f}")
        if self.cats_eye:
            parts.append(f"cat's eye {self.cats_eye:.2f}")
        if any(self.axial_px):
            shifts = ", ".join(f"{shift:+.2f}" for shift in self.axial_px)
            parts.append(f"axial colour {shifts} px")
        found = f" (explains {self.gain:.0%} of what a round one does not)" if self.gain else ""
        return f"lens: {'; '.join(parts)}{found}"

    def record(self) -> dict[str, Any]:
        """What passes.json and lens.json keep."""
        held = {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }
        return {**held, "axial_px": [round(shift, 4) for shift in self.axial_px]}

    def text(self) -> str:
        """Return it in one line, as settings of a solve keep it."""
        return json.dumps(self.record())

    def write(self, path: Path) -> None:
        """Write a lens file, in one step."""
        beside = path.with_name(f".tmp.{os.getpid()}.{path.name}")
        beside.write_text(json.dumps(self.record(), indent=1) + "\n", encoding="utf-8")
        beside.replace(path)


def plate_lens_from_record(record: Mapping[str, Any]) -> PlateLens:
    """Read what `PlateLens.record` wrote.

    Raises:
        PullfocusError: it is no lens.
    """
    known = set(PlateLens.__dataclass_fields__)
    try:
        unknown = sorted(set(record) - known)
        if unknown:
            raise PullfocusError(f"lens: expected {', '.join(sorted(known))}, got {unknown[0]!r}")
        held = dict(record)
        shifts = tuple(float(shift) for shift in held.get("axial_px", NO_SHIFT))
        if len(shifts) != 3 or not all(abs(shift) <= 64 for shift in shifts):
            raise PullfocusError(f"lens: expected axial_px of red, green, blue, got {shifts}")
        blades = held.get("blades", 0)
        if blades != int(blades):
            raise PullfocusError(f"lens: expected whole blades, got {blades}")
        lens = PlateLens(**{**held, "blades": int(blades), "axial_px": shifts})
        if not math.isfinite(float(lens.gain)):
            raise PullfocusError(f"lens: expected a finite gain, got {lens.gain}")
        _ = lens.glass  # refuses what no lens does
    except (TypeError, ValueError, LensBlurError) as error:
        told = " ".join(str(error).split())
        raise PullfocusError(f"lens: expected a lens, got another record: {told}") from error
    return lens


def read_plate_lens(path: Path) -> PlateLens:
    """Read a lens file, or the lens of a passes.json.

    Raises:
        PullfocusError: no such file, or no lens in it.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PullfocusError(f"--lens: expected a lens file, got {path}: {error}") from error
    if isinstance(record, dict) and "plate_lens" in record:
        record = record["plate_lens"]
    if not isinstance(record, dict):
        raise PullfocusError(f"--lens: expected a lens in {path}, got {type(record).__name__}")
    return plate_lens_from_record(record)
