# SPDX-License-Identifier: Apache-2.0
"""Draw one night plate through twelve lenses, each by one ``pullfocus refocus``.

    python examples/lens_gallery.py --work DIR --out docs/lenses.jpg

Takes the plate of ``benchmarks/cycles_refocus.py --night`` (needs ``make blender``), shot through
five blades and a ring before the lens, with a solve that looks through what it finds of them, and
makes both if DIR does not hold them. A few minutes; then seconds a lens.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from gallery import cell, pullfocus, shown

SHOWN, GAP, ACROSS = 10, 6, 4
FOCUS = ("--focus", "fg", "--aperture", "1.6")
LENSES: dict[str, tuple[str, ...]] = {
    "round": (),
    "five blades": ("--blades", "5", "--rotation", "20"),
    "anamorphic, squeeze 2": ("--squeeze", "2"),
    "cat's eye 1.2": ("--cats-eye", "1.2"),
    "cat's eye, soft, screen-relative": (
        *("--cats-eye", "1.1", "--cats-eye-softness", "0.5", "--screen-relative"),
    ),
    "barn doors left and top": ("--barn-doors", "0.7,0,0.6,0"),
    "mirror lens": ("--inner-ring", "0.55"),
    "over-corrected: bright edges behind": ("--spherical", "0.9"),
    "under-corrected: soft edges behind": ("--spherical", "-0.9"),
    "axial colour 4 px, green-magenta": ("--axial", "4"),
    "astigmatism 9 px in the corners": ("--astigmatism", "9"),
    "bloom, noisy glass, eight blades": (
        *("--bloom", "0.5", "--bloom-size", "30", "--bloom-threshold", "0.3"),
        *("--bokeh-noise", "0.6", "--blades", "8"),
    ),
}


def night(work: Path) -> Path:
    """Return the solve of the night plate; make what is not there."""
    solve = work / "x.solve"
    if not (work / "passes" / "passes.json").exists():
        script = Path(__file__).parents[1] / "benchmarks" / "cycles_refocus.py"
        scene = "--night --blades 5 --rotation 20 --hood 0.8 --blur 0.03 --size 384 216"
        how = "--samples 48 --quality draft --lens auto"
        command = [sys.executable, script, "--out", work, *scene.split(), *how.split()]
        subprocess.run(command, check=True)
    return solve


def gallery(solve: Path, work: Path) -> np.ndarray:
    """Refocus one frame through every lens and lay the frames out, uint8 RGB."""
    cells = []
    for number, (label, options) in enumerate(LENSES.items()):
        out = work / f"lens_{number:02d}"
        pullfocus("refocus", solve, "--frames", str(SHOWN), "--out", out, *FOCUS, *options)
        cells.append(cell(label, shown(out / f"plate_refocus.{SHOWN:04d}.exr")))
    gap = np.full((cells[0].shape[0], GAP, 3), 24, np.uint8)
    rows = []
    for first in range(0, len(cells), ACROSS):
        row = [cells[first]]
        for one in cells[first + 1 : first + ACROSS]:
            row += [gap, one]
        rows.append(np.hstack(row))
    return np.vstack(rows)


def main() -> None:
    """Read the command line, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for the plate and solve")
    parser.add_argument("--out", type=Path, required=True, help="the picture, .jpg or .png")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    picture = gallery(night(given.work), given.work)
    if not cv2.imwrite(str(given.out), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88]):
        raise SystemExit(f"cannot write {given.out}")
    print(given.out)


if __name__ == "__main__":
    main()
