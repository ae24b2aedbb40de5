# SPDX-License-Identifier: Apache-2.0
"""A passes.json as the core writes it, with empty files beside it."""

from pathlib import Path

from pullfocus.passes.contract import LayerEntry, Passes
from pullfocus.passes.passes_json import write_passes_json

FOCUS = {"unit": "px_radius", "focus": {"1001": 0.5, "1002": 1.5, "1003": -2.0}}


def described(folder: Path, layers=("fg", "bg"), **changes) -> Path:
    """A passes.json as the core writes it, with empty files beside it."""
    entries = tuple(
        LayerEntry(name, f"atlas_{name}.exr", 90 + i, 70, name == layers[-1])
        for i, name in enumerate(layers)
    )
    values = {
        "frames": (1001, 1002, 1003),
        "file_pattern": "shot_v01.####.exr",
        "width": 160,
        "height": 90,
        "rate": "24000/1001",
        "colorspace": "lin_rec709_srgb",
        "coc_signed": True,
        "lens_curve": {**FOCUS, "layers": {name: i - 1.0 for i, name in enumerate(layers)}},
    }
    folder.mkdir(exist_ok=True)
    write_passes_json(folder / "passes.json", Passes(entries, **{**values, **changes}))
    for name in layers:
        (folder / f"atlas_{name}.exr").touch()
    for frame in changes.get("frames", values["frames"]):
        (folder / f"shot_v01.{frame}.exr").touch()
    return folder
