# SPDX-License-Identifier: Apache-2.0
"""Mattes on disk: a file a frame, and what is known of them in one JSON file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from pullfocus import __version__
from pullfocus.checkpoint import replacing, write_json
from pullfocus.errors import MatteError
from pullfocus.plate.sequence import range_text
from pullfocus.roto.shot_matte import Report, ShotMatte

__all__ = [
    "RECORD",
    "Format",
    "matte_file",
    "pattern",
    "record",
    "summary",
    "write_matte",
    "write_mattes",
]

Format = Literal["exr", "png"]
RECORD = "mattes.json"


def matte_file(layer: str, frame: int, kind: Format) -> str:
    """Return the name of one frame."""
    return f"{layer}.{frame:04d}.{kind}"


def pattern(folder: Path, layer: str, kind: Format) -> str:
    """Return what other verbs take as the layer's matte."""
    return str(folder / f"{layer}.####.{kind}")


def write_matte(path: Path, alpha: np.ndarray) -> None:
    """Write alpha (H, W): EXR as half R G B A, all alike; PNG as 16-bit grey. Whole or not at all.

    Raises:
        PullfocusError: it cannot be written.
    """
    if path.suffix == ".exr":
        from pullfocus.plate.exr import Plane, write_exr

        data = np.repeat(alpha[..., None], 4, axis=2)
        plane = Plane(name="matte", data=data, channels=("R", "G", "B", "A"), half=True)
        write_exr(path, [plane], metadata={"pullfocus/version": __version__})
        return
    import OpenImageIO as oiio

    height, width = alpha.shape
    spec = oiio.ImageSpec(width, height, 1, "uint16")
    spec.attribute("pullfocus/version", __version__)
    values = (alpha.clip(0, 1) * 65535 + 0.5).astype(np.uint16)[..., None]
    with replacing(path) as beside:
        output = oiio.ImageOutput.create(str(beside))
        if output is None or not (
            output.open(str(beside), spec) and output.write_image(values) and output.close()
        ):
            raise MatteError(f"cannot write {path}: {oiio.geterror() or 'no reason given'}")


def record(mattes: list[ShotMatte]) -> dict[str, object]:
    """Return what `mattes.json` says."""
    return {
        "pullfocus": __version__,
        "layers": {
            matte.layer: {
                "frames": list(matte.frames),
                "confidence": [round(c, 4) for c in matte.confidence],
                "edge_radius_px": [
                    round(o.radius_px * matte.width / o.distance.shape[1], 3)
                    for o in matte.outlines
                ],
                "away": list(matte.away),
                "next_key": matte.wanted,
                "guessed": matte.note or None,
            }
            for matte in mattes
        },
    }


def summary(mattes: Sequence[ShotMatte]) -> list[str]:
    """Return what the user should know of mattes that were followed, a line each."""
    lines = []
    for matte in mattes:
        if matte.note:
            lines.append(matte.note)
        if matte.away:
            lines.append(f"matte {matte.layer}: not in frames {range_text(matte.away)}")
        line = f"matte {matte.layer}: least sure {100 * min(matte.confidence):.0f} %"
        if matte.wanted is not None:
            line += f"; one more key would help most at frame {matte.wanted}"
        lines.append(line)
    return lines


def write_mattes(
    folder: Path,
    mattes: list[ShotMatte],
    kind: Format,
    report: Report,
) -> list[Path]:
    """Write every frame of every layer, then the record; returns the frames' paths."""
    paths = []
    total = sum(len(matte.frames) for matte in mattes)
    for matte in mattes:
        for t, frame in enumerate(matte.frames):
            path = folder / matte_file(matte.layer, frame, kind)
            write_matte(path, matte.alpha(t))
            paths.append(path)
            report("writing mattes", len(paths) / total)
    write_json(folder / RECORD, record(mattes))
    return paths
